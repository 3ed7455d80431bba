"""What a webhook is about and what it is called: its kind and its semantic key.

Twilio's retry, its fallback, a reconciled copy and a replay of one happening get the same key, so they meet in one row.
The kind is read from the parameters; the path it came by only decides where they leave it open.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from shared.domain.status import CALL_FINAL

Kind = Literal[
    "call-in", "call-status", "call-fallback", "dial", "gather", "amd", "voicemail", "rec", "txn", "rtt",
    "msg-in", "msg-status", "msg-fallback", "debugger", "other",
]  # fmt: skip
# What the path says about a request whose parameters could be more than one thing.
Door = Literal["call", "dial", "voicemail", "status", "message", "recording"]

_SID = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}\Z")
_SUBJECTS: Final = (
    "CallSid", "MessageSid", "SmsSid", "SmsMessageSid", "RecordingSid", "TranscriptionSid", "DialCallSid",
    "ParentCallSid", "ConferenceSid", "Sid", "RecordingSids",
)  # fmt: skip
_LONGEST_KEY: Final = 400
_OF_INBOUND: Final = frozenset({"received", "receiving"})


@dataclass(frozen=True, slots=True)
class Name:
    """What an event is called: its kind, its unique key, and every SID it speaks of."""

    kind: Kind
    key: str
    sids: tuple[str, ...]


def name(params: Mapping[str, str], door: Door, path: str, token: str = "") -> Name:
    """The name of the webhook with these `params` (first values), which came in at `door` by `path`.

    `token` is Twilio's I-Twilio-Idempotency-Token: constant over the retries of one webhook, so it tells apart the
    callbacks that legitimately repeat in one call (Gather, Dial). Without it, the content is the identity.
    """
    kind = kind_of(params, door)
    sids = tuple(dict.fromkeys(sid for field in _SUBJECTS if _SID.match(sid := params.get(field, ""))))
    return Name(kind, _bounded(_key(kind, params, path, token)), sids)


def kind_of(params: Mapping[str, str], door: Door) -> Kind:
    """Total: what fits nothing known is `other`, and is kept like the rest."""
    has = params.get
    if has("ErrorUrl"):
        return "msg-fallback" if _message_sid(params) else "call-fallback"
    if has("TranscriptionEvent"):
        return "rtt"
    if has("TranscriptionSid"):
        return "txn"
    if has("RecordingSid") and has("RecordingStatus"):
        return "rec"
    if has("PayloadType") and has("Level"):
        return "debugger"
    if _message_sid(params):
        return _message_kind(params)
    return _call_kind(params, door) if has("CallSid") else "other"


def _message_kind(params: Mapping[str, str]) -> Kind:
    status = params.get("MessageStatus") or params.get("SmsStatus") or "received"
    return "msg-in" if status in _OF_INBOUND else "msg-status"


def _call_kind(params: Mapping[str, str], door: Door) -> Kind:
    has = params.get
    if has("DialCallStatus"):
        return "dial"
    if has("AnsweredBy") and not has("CallStatus"):
        return "amd"
    if has("CallbackSource") or "CallDuration" in params:
        return "call-status"
    if door == "voicemail" or (has("RecordingUrl") and has("RecordingDuration")):
        return "voicemail"
    if has("Digits") or has("SpeechResult") or has("UnstableSpeechResult"):
        return "gather"
    if door == "call" and has("CallStatus") not in CALL_FINAL:
        return "call-in"
    return "call-status" if has("CallStatus") else "other"


def _key(kind: Kind, params: Mapping[str, str], path: str, token: str) -> str:
    has = params.get
    match kind:
        case "call-in":
            return f"call-in:{has('CallSid')}"
        case "call-status":
            return f"call-status:{has('CallSid')}:{has('CallStatus')}"
        case "msg-in":
            return f"msg-in:{_message_sid(params)}"
        case "msg-status":
            status = has("MessageStatus") or has("SmsStatus")
            error = f":{has('ErrorCode')}" if has("ErrorCode") else ""
            return f"msg-status:{_message_sid(params)}:{status}{error}"
        case "rec":
            return f"rec:{has('RecordingSid')}:{has('RecordingStatus')}"
        case "txn":
            return f"txn:{has('TranscriptionSid')}:{has('TranscriptionStatus', '')}"
        case "debugger":
            return f"debugger:{has('Sid') or identity(params, path, token)}"
        case _:
            subject = has("CallSid") or _message_sid(params) or has("Sid") or "-"
            return f"{kind}:{subject}:{identity(params, path, token)}"


def _bounded(key: str) -> str:
    """A key must fit into an index of PostgreSQL (2,704 bytes); Twilio's are below a hundred characters."""
    if len(key) <= _LONGEST_KEY and "\0" not in key:
        return key
    return f"{key.partition(':')[0]}:{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"


def identity(params: Mapping[str, str], path: str, token: str) -> str:
    """Twilio's idempotency token, else a hash of path and sorted parameters."""
    if token:
        return token
    text = path + "\n" + "\n".join(f"{k}={params[k]}" for k in sorted(params))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _message_sid(params: Mapping[str, str]) -> str:
    return params.get("MessageSid") or params.get("SmsSid") or params.get("SmsMessageSid") or ""
