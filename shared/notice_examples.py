"""A whole body of each type of our notifications, as a subscriber gets it. All numbers are fictitious (555-01xx)."""

from collections.abc import Mapping
from typing import Any, Final

_TENANT: Final = "7b0f6f3e-2f0a-4c1e-9d56-0a4f4d1f0001"
_BUSINESS, _CUSTOMER = "+14155550100", "+12125550142"
_CALL: Final = "CA" + "5d3c" * 8
_RECORDING: Final = "RE" + "81f0" * 8

_RINGING: Final[Mapping[str, Any]] = {
    "call_sid": _CALL, "parent_call_sid": None, "from": _CUSTOMER, "to": _BUSINESS, "tenant_id": _TENANT,
    "direction": "inbound", "status": "ringing", "dial_status": None, "decision": None, "missed_status": None,
    "text_back": None, "duration_s": None, "started_at": "2026-11-02T17:00:00.120000+00:00", "ended_at": None,
}  # fmt: skip
_MISSED: Final = {
    **_RINGING, "status": "in-progress", "dial_status": "no-answer", "decision": "missed", "missed_status": "no-answer",
    "text_back": "wanted",
}  # fmt: skip
_OVER: Final = {
    **_MISSED, "status": "completed", "missed_status": None, "duration_s": 24,
    "ended_at": "2026-11-02T17:00:24.410000+00:00",
}  # fmt: skip
_QUEUED: Final[Mapping[str, Any]] = {
    "message_id": "0b7c1f6e-92a5-4e0e-8f53-3b1de1c0a911", "message_sid": "SM" + "9a2e" * 8, "from": _BUSINESS,
    "to": _CUSTOMER, "tenant_id": _TENANT, "client": "as-call-service", "idempotency_key": f"missed-{_CALL}",
    "status": "queued", "is_final": False, "error_code": None, "error_class": None, "error_reason": None, "segments": 1,
    "attempt": 1, "retry_of": None, "retried_as": None, "created_at": "2026-11-02T17:00:22.005000+00:00",
}  # fmt: skip
_STORED: Final[Mapping[str, Any]] = {
    "recording_sid": _RECORDING, "call_sid": _CALL, "tenant_id": _TENANT, "state": "stored", "duration_s": 62, "channels": 2,
    "size_bytes": 992044, "sha256": "4f1d" * 16, "error_reason": None,
}  # fmt: skip
_SAID: Final[Mapping[str, Any]] = {
    "transcription_sid": "GT" + "77b1" * 8, "recording_sid": _RECORDING, "call_sid": _CALL, "tenant_id": _TENANT,
    "status": "completed", "provider": "twilio", "language": "en-US", "confidence": 0.94, "redactions": 1,
    "text": "Hello, my sink is leaking. My card is [card]. Please call me back.", "is_truncated": False,
    "is_erased": False, "error_code": None, "error_reason": None,
    "transcription_url": f"/api/recordings/{_RECORDING}/transcription",
}  # fmt: skip
_WISH: Final[Mapping[str, Any]] = {
    "number": _CUSTOMER, "sender": _BUSINESS, "scopes": [_BUSINESS, f"tenant:{_TENANT}"], "tenant_id": _TENANT,
    "source": "keyword", "at": "2026-11-02T18:12:09.500000+00:00",
}  # fmt: skip


def _at(timestamp: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"timestamp": f"2026-11-02T{timestamp}+00:00", "data": data}


EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "call.incoming": _at("17:00:00.131000", _RINGING),
    "call.status": _at("17:00:01.020000", {**_RINGING, "status": "in-progress"}),
    "call.missed": _at("17:00:21.377000", _MISSED),
    "call.completed": _at("17:00:24.433000", _OVER),
    "sms.queued": _at("17:00:22.314000", _QUEUED),
    "sms.sent": _at("17:00:22.790000", {**_QUEUED, "status": "sent"}),
    "sms.delivered": _at("17:00:25.101000", {**_QUEUED, "status": "delivered", "is_final": True}),
    "sms.undelivered": _at(
        "17:00:25.101000",
        {**_QUEUED, "status": "undelivered", "is_final": True, "error_code": 30005, "error_class": "recipient"},
    ),
    "sms.failed": _at(
        "17:00:22.010000",
        {
            **_QUEUED, "message_sid": None, "status": "failed", "is_final": True, "error_code": 21610,
            "error_class": "compliance", "error_reason": "twilio: Attempt to send to unsubscribed recipient", "segments": None,
        },
    ),
    "sms.received": _at(
        "17:04:40.250000",
        {
            "message_sid": "MM" + "c04d" * 8, "from": _CUSTOMER, "to": _BUSINESS, "tenant_id": _TENANT,
            "body": "My sink is leaking, see the picture", "opt_out_type": None,
            "media": [{
                "url": "https://api.twilio.com/2010-04-01/Accounts/AC0a0a/Messages/MMc04d/Media/ME1f",
                "content_type": "image/jpeg",
            }],
            "received_at": "2026-11-02T17:04:40.218000+00:00",
        },
    ),
    "recording.available": _at("17:01:31.900000", _STORED),
    "recording.failed": _at(
        "17:11:24.000000",
        {
            **_STORED, "recording_sid": None, "state": "missing", "duration_s": None, "channels": None, "size_bytes": None,
            "sha256": None, "error_reason": "missing",
        },
    ),
    "recording.deleted": _at("19:30:00.000000", {**_STORED, "state": "deleted", "reason": "request"}),
    "transcription.completed": _at("17:02:10.700000", _SAID),
    "transcription.failed": _at(
        "17:02:10.700000",
        {
            **_SAID, "status": "failed", "language": None, "confidence": None, "redactions": 0, "text": "",
            "error_code": 32651, "error_reason": "the engine did not answer",
        },
    ),
    "consent.opted_out": _at("18:12:09.520000", _WISH),
    "consent.opted_in": _at("18:40:00.020000", {**_WISH, "at": "2026-11-02T18:40:00.001000+00:00"}),
    "endpoint.disabled": _at(
        "20:00:00.000000",
        {"endpoint_id": "billing", "reason": "gone", "url": "https://billing.example/hooks", "tenant_id": None},
    ),
    "endpoint.test": _at(
        "20:05:00.050000", {"endpoint_id": "billing", "asked_at": "2026-11-02T20:05:00.040000+00:00"}
    ),
    "report.hourly": _at(
        "18:05:00.300000",
        {
            "tenant_id": _TENANT, "hour": "2026-11-02T17:00:00+00:00", "until": "2026-11-02T18:00:00+00:00", "revision": 1,
            "calls": 14, "answered": 9, "missed": 4, "screened": 1, "undecided": 0, "text_backs": 3, "calls_placed": 2,
            "duration_s": 2811, "minutes": 46.85, "texts": 21, "texts_sent": 20, "texts_delivered": 17, "texts_undelivered": 1,
            "texts_failed": 0, "texts_canceled": 0, "texts_refused": 1, "texts_open": 2, "texts_received": 8, "segments": 25,
            "delivery_rate": 0.9444, "recordings": 3,
        },
    ),
}  # fmt: skip
