"""Refuses what Twilio did not sign. Whatever passes is genuine, whole, and read only once."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from flask import Request
from werkzeug.exceptions import BadRequest, Forbidden

from ingress import refusals
from ingress.twilio_policy import Forwarded, Policy, Refused, Ring
from shared.domain import form
from shared.twilio.signature import is_signed, tails_of

__all__ = ["Asked", "Policy", "Posted", "Refused", "judge", "verified"]

_TOKEN_LONGEST: Final = 128  # Twilio sends a UUID


class Asked(NamedTuple):
    """A request as it came, whoever read it. `target` is path and query, byte for byte (latin-1), in origin form.

    What proxies forward is believed only when `peer`, the address of the connection's other end, is a trusted proxy.
    """

    method: str
    target: str
    content_type: str
    body: bytes
    signature: str
    signature_settings: str = ""
    token: str = ""
    peer: str = ""
    forwarded_proto: str = ""
    forwarded_host: str = ""
    forwarded_prefix: str = ""


class Posted(NamedTuple):
    """A request from Twilio: what it said, byte for byte."""

    path: str
    query: str
    content_type: str
    body: bytes
    params: dict[str, str]
    account_sid: str
    token: str


def judge(asked: Asked, policy: Policy) -> Posted:
    """The request, if a live key of its account signed it for one of our public addresses.

    Pure: it counts and logs nothing. Raises Refused, whatever the request holds, and nothing else.
    """
    if not asked.signature:
        raise Refused("missing_signature")
    path, _, query = asked.target.partition("?")
    try:
        fields = form.pairs(asked.body) if form.is_form(asked.content_type, asked.body) else None
        params = form.first_values(fields) if fields else form.posted(asked.content_type, query, asked.body)
        account_sid = _account_sid(params, query, is_form=fields is not None)
    except ValueError:
        raise Refused("too_many_fields") from None
    ring = policy.ring(account_sid, asked.signature_settings)
    tails = tails_of(fields, query, asked.body)
    if not tails:
        raise Refused("unhashed_body")
    signer = _signer(asked, policy, ring, tails)
    return Posted(path, query, asked.content_type, asked.body, params, signer, asked.token[:_TOKEN_LONGEST])


def _account_sid(params: dict[str, str], query: str, *, is_form: bool) -> str:
    """Webhooks name it `AccountSid`, some JSON ones `account_sid`; "" when nobody says it."""
    named = params.get("AccountSid") or ("" if is_form else params.get("account_sid"))
    return named or (form.of_query(query).get("AccountSid", "") if "AccountSid" in query else "")


def _signer(asked: Asked, policy: Policy, ring: Ring, tails: Sequence[bytes]) -> str:
    """The account whose key made the signature. A proxy's word is asked for last: our own addresses nearly always do."""
    target = _bytes(asked.target)
    for sid, keys in ring.keys:
        if is_signed(policy.forms, target, tails, asked.signature, keys, ring.digest):
            return sid
    told = policy.forwarded_forms(
        asked.peer, Forwarded(asked.forwarded_proto, asked.forwarded_host, asked.forwarded_prefix)
    )
    for sid, keys in ring.keys if told else ():
        if is_signed(told, target, tails, asked.signature, keys, ring.digest):
            return sid
    raise Refused("bad_signature")


def _bytes(target: str) -> bytes:
    try:
        return target.encode("latin-1")
    except UnicodeEncodeError:  # of no HTTP parser's making
        return target.encode("utf-8", "replace")


def verified(request: Request, policy: Policy) -> Posted:
    """`judge` for Flask: a refusal is counted, logged and answered. Nothing of it is stored.

    Raises Forbidden, or BadRequest for more fields than anyone sends.
    """
    try:
        return judge(_asked(request), policy)
    except Refused as refusal:
        refusals.note(request.path, refusal.reason)
        if refusal.reason == "too_many_fields":
            raise BadRequest(f"More than {form.MOST_FIELDS} fields.") from refusal
        raise Forbidden("The request is not signed by Twilio for this address.") from refusal


def _asked(request: Request) -> Asked:
    headers = request.headers
    return Asked(
        method=request.method,
        target=_target(request),
        content_type=request.content_type or "",
        body=request.get_data(cache=True, parse_form_data=False),
        signature=headers.get("X-Twilio-Signature", ""),
        signature_settings=headers.get("X-Twilio-Webhooks-Signature-Settings", ""),
        token=headers.get("I-Twilio-Idempotency-Token", ""),
        peer=request.remote_addr or "",
        forwarded_proto=headers.get("X-Forwarded-Proto", ""),
        forwarded_host=headers.get("X-Forwarded-Host", ""),
        forwarded_prefix=headers.get("X-Forwarded-Prefix", ""),
    )


def _target(request: Request) -> str:
    """Path and query as they came, byte for byte: a decoded and rebuilt one would not match the signature.

    Twilio neither sends nor signs a fragment, so one that came is of somebody's making on the way.
    """
    raw = request.environ.get("RAW_URI") or request.full_path.rstrip("?")
    if not raw.startswith("/"):
        raw = "/" + raw.partition("://")[2].partition("/")[2]  # absolute form, as a proxy may send it
    return raw.partition("#")[0]
