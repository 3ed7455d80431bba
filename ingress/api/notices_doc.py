"""What the documentation says of our notifications: Standard Webhooks, one entry for each type of the catalogue."""

from typing import Any, Final

from shared.domain.notices import TYPES

_TEXT: Final = {"type": "string"}
_MAYBE: Final = {"type": ["string", "null"]}
_NUMBER: Final = {"type": ["integer", "null"]}
_TRUTH: Final = {"type": "boolean"}
_TIME: Final = {"type": ["string", "null"], "format": "date-time"}
# The common part of each noun's data; more fields may come with any release.
_DATA: Final[dict[str, dict[str, Any]]] = {
    "call": {
        "call_sid": _TEXT, "parent_call_sid": _MAYBE, "from": _TEXT, "to": _TEXT, "tenant_id": _MAYBE,
        "direction": _TEXT, "status": _TEXT, "dial_status": _MAYBE, "missed_status": _MAYBE, "text_back": _MAYBE,
        "duration_s": _NUMBER, "started_at": _TIME, "ended_at": _TIME,
    },
    "sms": {
        "message_id": _TEXT, "message_sid": _MAYBE, "from": _TEXT, "to": _TEXT, "tenant_id": _MAYBE, "client": _MAYBE,
        "status": _TEXT, "error_code": _NUMBER, "error_reason": _MAYBE, "segments": _NUMBER,
        "retry_of": _MAYBE, "retried_as": _MAYBE,
    },
    "sms.received": {
        "message_sid": _TEXT, "from": _TEXT, "to": _TEXT, "tenant_id": _MAYBE, "body": _TEXT,
        "media": {"type": "array", "items": {"type": "object"}}, "opt_out_type": _MAYBE, "received_at": _TIME,
    },
    "consent": {
        "number": _TEXT, "sender": _TEXT, "scopes": {"type": "array", "items": _TEXT}, "tenant_id": _MAYBE, "source": _TEXT,
        "at": _TIME,
    },
    "recording": {
        "recording_sid": _MAYBE, "call_sid": _TEXT, "state": _TEXT, "duration_s": _NUMBER, "channels": _NUMBER,
        "size_bytes": _NUMBER, "sha256": _MAYBE, "error_reason": _MAYBE, "reason": _MAYBE,
    },
    "endpoint.disabled": {"endpoint_id": _TEXT, "reason": _TEXT, "url": _TEXT, "tenant_id": _MAYBE},
    "endpoint.test": {"endpoint_id": _TEXT, "asked_at": _TIME},
    "transcription": {
        "transcription_sid": _TEXT, "recording_sid": _MAYBE, "call_sid": _MAYBE, "tenant_id": _MAYBE, "status": _TEXT,
        "provider": _TEXT, "language": _MAYBE, "confidence": {"type": ["number", "null"]}, "redactions": _NUMBER,
        "text": _TEXT, "is_truncated": _TRUTH, "is_erased": _TRUTH, "error_code": _NUMBER, "error_reason": _MAYBE,
        "transcription_url": _MAYBE,
    },
}  # fmt: skip
_HEADERS: Final = {
    "webhook-id": "Names the notification; the same over all retries.",
    "webhook-timestamp": "Unix seconds of this attempt.",
    "webhook-signature": "`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`; several are separated by spaces.",
}


def schemas() -> dict[str, dict[str, Any]]:
    """The document of each type: `{type, timestamp, data}`."""
    return {_name(type_): _document(type_) for type_ in sorted(TYPES)}


def webhooks() -> dict[str, Any]:
    """The `webhooks` part: what a subscriber must be ready to receive."""
    return {type_: {"post": _post(type_)} for type_ in sorted(TYPES)}


def _document(type_: str) -> dict[str, Any]:
    fields = _DATA.get(type_) or _DATA[type_.partition(".")[0]]
    return {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": type_},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"type": "object", "properties": fields},
        },
    }


def _post(type_: str) -> dict[str, Any]:
    return {
        "operationId": f"on_{type_.replace('.', '_')}",
        "tags": ["notifications"],
        "parameters": [
            {"in": "header", "name": name, "required": True, "schema": _TEXT, "description": meaning}
            for name, meaning in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{_name(type_)}"}}},
        },
        "responses": {"2XX": {"description": "Received. Anything else is tried again later."}},
    }


def _name(type_: str) -> str:
    return "Notice" + "".join(word.title() for word in type_.split("."))
