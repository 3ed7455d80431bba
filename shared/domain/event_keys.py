"""What a webhook is about and what it is called: its kind and its semantic key.

Twilio's retry, its fallback, a reconciled copy and a replay of one happening get the same key, so they meet in one row.
The kind is read from the parameters; the path it came by only decides where they leave it open.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from shared.domain.doors import Door, failed_door
from shared.domain.status import CALL_FINAL

Kind = Literal[
    "call-in", "call-status", "call-fallback", "choice", "dial", "whisper", "accept", "gather", "amd", "voicemail",
    "conference", "rec", "txn", "rtt", "msg-in", "msg-status", "msg-fallback", "debugger", "other",
]  # fmt: skip

# Twilio's are hexadecimal; by a name with other letters people look for a call just the same.
_SID = re.compile(r"[A-Z]{2}[0-9A-Za-z]{32}\Z")
_SUBJECTS: Final = (
    "CallSid", "MessageSid", "SmsSid", "SmsMessageSid", "RecordingSid", "TranscriptionSid", "DialCallSid",
    "ParentCallSid", "ConferenceSid", "Sid", "RecordingSids",
)  # fmt: skip
_LONGEST_KEY: Final = 400
_OF_INBOUND: Final = frozenset({"received", "receiving"})
_OF_CHANNEL: Final = {"READ": "read", "DELIVERED": "delivered"}
# Products that speak of calls and messages in their own callbacks: what those fields mean there is not what they mean here.
_OTHERS: Final = (
    "ConversationSid", "QueueResult", "QueuePosition", "DequeingCallSid", "StreamEvent", "PaymentSid", "TaskSid", "FaxSid",
    "ReferCallStatus", "SessionStatus",
)  # fmt: skip
# How Twilio spells "nothing" in some fields, besides leaving them blank or out (seen in captured requests).
NOTHING: Final = "no value"


class Name(NamedTuple):
    """What an event is called: its kind, its unique key, and every SID it speaks of."""

    kind: Kind
    key: str
    sids: tuple[str, ...]


def name(params: Mapping[str, str], door: Door, path: str, token: str = "", query: str = "") -> Name:
    """The name of the webhook with these `params` (first values), which came in at `door` by `path` with `query`.

    `token` is Twilio's I-Twilio-Idempotency-Token: constant over the retries of one webhook, so it tells apart the
    callbacks that legitimately repeat in one call (Gather, Dial). Without it, the content is the identity.
    """
    params = said(params)
    kind = kind_of(params, door)
    subjects = [sid for field in _SUBJECTS if (sid := params.get(field)) and _SID.match(sid)]
    sids = tuple(dict.fromkeys(subjects))
    # The second menu of a call may be answered with the same words as the first: what we wrote into the address differs.
    target = f"{path}?{query}" if query else path
    return Name(kind, _bounded(_key(kind, params, target, token)), sids)


def is_sid(text: str, prefix: str) -> bool:
    """Whether `text` has the form of a SID of this kind (`CA`). Nothing else of a caller's may stand in an address of ours."""
    return text.startswith(prefix) and bool(_SID.match(text))


def said(params: Mapping[str, str]) -> Mapping[str, str]:
    """The parameters with Twilio's word for nothing taken for nothing."""
    if NOTHING not in params.values():
        return params
    return {name: "" if value == NOTHING else value for name, value in params.items()}


def kind_of(params: Mapping[str, str], door: Door) -> Kind:
    """Total: what fits nothing known is `other`, and is kept like the rest."""
    has = params.get
    if has("ErrorUrl"):
        return "msg-fallback" if message_sid(params) else "call-fallback"
    return first_kind(params, door)


def first_kind(params: Mapping[str, str], door: Door) -> Kind:
    """What the request would be had it not come by the fallback address: the same thing, whose first address failed."""
    has = params.get
    if has("TranscriptionEvent"):
        return "rtt"
    if has("TranscriptionSid"):
        return "txn"
    if has("RecordingStatus"):
        return "rec"
    if has("Level") and ("Payload" in params or has("PayloadType")):
        return "debugger"
    if any(has(field) for field in _OTHERS):
        return "other"
    if has("ConferenceSid") and has("StatusCallbackEvent"):
        return "conference"
    if _is_of_message(params):
        return _message_kind(params, door)
    return _call_kind(params, door) if _is_of_call(params) else "other"


def meaning(kind: Kind, params: Mapping[str, str]) -> Kind:
    """What an event of `kind` means for calls and texts: of a fallback, that which it stands in for."""
    if kind == "call-fallback":
        return first_kind(said(params), failed_door(params) or "call")
    return first_kind(said(params), "message") if kind == "msg-fallback" else kind


def _is_of_message(params: Mapping[str, str]) -> bool:
    """By its SID, or, should Twilio rename that one day, by its status."""
    has = params.get
    return bool(message_sid(params) or has("MessageStatus") or has("SmsStatus"))


def _is_of_call(params: Mapping[str, str]) -> bool:
    has = params.get
    return bool(has("CallSid") or has("CallStatus") or has("DialCallStatus"))


def _message_kind(params: Mapping[str, str], door: Door) -> Kind:
    status = message_status(params)
    if not status:  # a status callback without a status tells nothing; a text without one is a text
        return "msg-in" if door == "message" or "Body" in params or "NumMedia" in params else "msg-status"
    # A text that comes in says SmsStatus. At the status URL the other name, and no text with it, speak of one of ours.
    is_report = door == "status" and "MessageStatus" in params and "Body" not in params and "NumMedia" not in params
    return "msg-in" if status in _OF_INBOUND and not is_report else "msg-status"


def _call_kind(params: Mapping[str, str], door: Door) -> Kind:
    has = params.get
    if door == "voicemail" and has("RecordingUrl"):
        return "voicemail"
    if has("DialCallStatus"):
        return "dial"
    if has("AnsweredBy") and not has("CallStatus"):
        return "amd"
    if has("CallbackSource") or "CallDuration" in params:
        return "call-status"
    if door in ("choice", "accept", "whisper"):
        return door
    if door == "voicemail" or (has("RecordingUrl") and has("RecordingDuration")):
        return "voicemail"
    if _is_of_gather(params):
        return "gather"
    if door == "call":
        return _asked_for_twiml(params)
    return "call-status" if has("CallStatus") else "other"


def _is_of_gather(params: Mapping[str, str]) -> bool:
    """With `actionOnEmptyResult` Digits comes blank; a call that only rings has not been asked for anything yet."""
    has = params.get
    if has("Digits") or has("SpeechResult") or has("UnstableSpeechResult"):
        return True
    return ("Digits" in params or "SpeechResult" in params) and has("CallStatus") == "in-progress"


def _asked_for_twiml(params: Mapping[str, str]) -> Kind:
    """A request at the voice URL, unless it is a status callback that was pointed there: those carry a time and a number."""
    has = params.get
    if has("CallStatus") in CALL_FINAL or (has("Timestamp") and has("SequenceNumber")):
        return "call-status"
    # The dialled leg asks for what it shall hear before it is connected (`<Number url>`).
    return "whisper" if has("Direction") == "outbound-dial" else "call-in"


def _key(kind: Kind, params: Mapping[str, str], path: str, token: str) -> str:
    has = params.get
    match kind:
        case "call-in" if has("CallSid"):
            return f"call-in:{has('CallSid')}"
        case "call-status" if has("CallSid"):
            return f"call-status:{has('CallSid')}:{has('CallStatus')}"
        case "msg-in" if message_sid(params):
            return f"msg-in:{message_sid(params)}"
        case "msg-status" if message_sid(params):
            error = f":{has('ErrorCode')}" if has("ErrorCode") else ""
            return f"msg-status:{message_sid(params)}:{message_status(params)}{error}"
        case "rec" if has("RecordingSid"):
            return f"rec:{has('RecordingSid')}:{has('RecordingStatus')}"
        case "txn":
            return f"txn:{has('TranscriptionSid')}:{has('TranscriptionStatus', '')}"
        case "conference" if has("SequenceNumber"):
            return f"conference:{has('ConferenceSid')}:{has('StatusCallbackEvent')}:{has('SequenceNumber')}"
        case "conference":
            return f"conference:{has('ConferenceSid')}:{identity(params, path, token)}"
        case "debugger":
            return f"debugger:{has('Sid') or identity(params, path, token)}"
        case _:
            subject = has("CallSid") or message_sid(params) or has("Sid") or "-"
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


def message_sid(params: Mapping[str, str]) -> str:
    """SmsSid and SmsMessageSid are older copies of MessageSid."""
    return params.get("MessageSid") or params.get("SmsSid") or params.get("SmsMessageSid") or ""


def message_status(params: Mapping[str, str]) -> str:
    """MessageStatus; SmsStatus is its older copy and may differ. Channels may report READ or DELIVERED as EventType only."""
    has = params.get
    return has("MessageStatus") or has("SmsStatus") or _OF_CHANNEL.get(has("EventType", ""), "")
