"""Refuses what Twilio did not sign. Whatever passes is genuine, whole, and read only once."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.exceptions import BadRequest, Forbidden

from shared import log, metrics
from shared.domain import form
from shared.settings import Settings
from shared.twilio.signature import Signed, is_genuine

_TOKEN_LONGEST: Final = 128  # Twilio sends a UUID


@dataclass(frozen=True, slots=True)
class Posted:
    """A request from Twilio: what it said, byte for byte."""

    path: str
    query: str
    content_type: str
    body: bytes
    params: dict[str, str]
    account_sid: str
    token: str


def verified(request: Request, settings: Settings) -> Posted:
    """The request, if one of the account's auth tokens signed it for our public URL.

    Raises Forbidden (no or wrong signature, an account that is not ours) or BadRequest (more fields than anyone sends).
    """
    target = _target(request)
    path, _, query = target.partition("?")
    body = request.get_data(cache=True, parse_form_data=False)
    fields = _fields(body) if form.is_form(request.content_type or "", body) else None
    params = form.first_values(fields or parse_qsl(query, keep_blank_values=True))
    tokens = _tokens(params.get("AccountSid", ""), settings)
    signed = Signed(settings.public_url + target, fields, body)
    if not is_genuine(signed, request.headers.get("X-Twilio-Signature", ""), tokens):
        _refuse(request, "bad_signature" if tokens else "unknown_account")
    token = request.headers.get("I-Twilio-Idempotency-Token", "")[:_TOKEN_LONGEST]
    account_sid = params.get("AccountSid") or settings.twilio_account_sid
    return Posted(path, query, request.content_type or "", body, params, account_sid, token)


def _target(request: Request) -> str:
    """Path and query as they came, byte for byte: a decoded and rebuilt one would not match the signature."""
    raw = request.environ.get("RAW_URI") or request.full_path.rstrip("?")
    if not raw.startswith("/"):
        raw = "/" + raw.partition("://")[2].partition("/")[2]  # absolute form, as a proxy may send it
    return raw


def _fields(body: bytes) -> form.Pairs:
    try:
        return form.pairs(body)
    except ValueError as fault:
        raise BadRequest(str(fault)) from fault


def _tokens(account_sid: str, settings: Settings) -> tuple[str, ...]:
    """The tokens that may have signed. The SID is the caller's word until then: it only selects."""
    if not account_sid:
        return tuple(token for tokens in settings.accounts.values() for token in tokens)
    return settings.accounts.get(account_sid, ())


def _refuse(request: Request, reason: str) -> None:
    metrics.WEBHOOKS.labels("unknown", "refused").inc()
    log.get().warning("webhook_refused", path=request.path, reason=reason)
    raise Forbidden("The request is not signed by Twilio for this address.")
