"""What clients get to see: one schema per noun, written from the rows of the store and into the documentation."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

from marshmallow import EXCLUDE, Schema, fields

from shared.db.calls import Call
from shared.db.delivery_report import Line
from shared.db.events import StoredEvent
from shared.db.messages import Message
from shared.db.recordings import Recording


class UtcTime(fields.DateTime):
    """A moment in UTC with microseconds, `2026-01-31T23:59:59.000000Z`, whatever the database's time zone is."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Resource(Schema):
    """An answer. New fields may come with any release, so the documentation must not rule them out."""

    class Meta:
        unknown = EXCLUDE


class MessageResource(Resource):
    """One text."""

    id = fields.UUID(required=True)
    status = fields.String(
        required=True, attribute="state", metadata={"description": "`queued` until Twilio has it, then Twilio's word."}
    )
    message_sid = fields.String(required=True, allow_none=True)
    direction = fields.String(required=True)
    from_ = fields.String(required=True, data_key="from", attribute="from_number")
    to = fields.String(required=True, attribute="to_number")
    body = fields.String(required=True)
    media_urls = fields.Function(
        lambda message: [item["url"] for item in message.media if "url" in item],
        required=True,
        metadata={"type": "array", "items": {"type": "string"}},
    )
    tenant_id = fields.String(required=True, allow_none=True)
    client = fields.String(required=True, allow_none=True)
    idempotency_key = fields.String(required=True, allow_none=True)
    error_code = fields.Integer(required=True, allow_none=True, metadata={"description": "Twilio's, if it failed."})
    error_reason = fields.String(required=True, allow_none=True)
    segments = fields.Integer(required=True, allow_none=True)
    created_at = UtcTime(required=True)
    updated_at = UtcTime(required=True)


class RecordingResource(Resource):
    """What is known of a recording. `media_url` is there once it is stored."""

    recording_sid = fields.String(required=True)
    call_sid = fields.String(required=True)
    state = fields.String(required=True)
    duration_s = fields.Integer(required=True, allow_none=True)
    channels = fields.Integer(required=True, allow_none=True)
    content_type = fields.String(required=True, allow_none=True)
    size_bytes = fields.Integer(required=True, allow_none=True)
    sha256 = fields.Function(
        lambda recording: recording.sha256.hex() if recording.sha256 else None,
        required=True,
        metadata={"type": ["string", "null"], "description": "Of the stored object, hex."},
    )
    media_url = fields.Function(
        lambda recording: media_url(recording), required=True, metadata={"type": ["string", "null"]}
    )
    announced_at = UtcTime(required=True)
    stored_at = UtcTime(required=True, allow_none=True)


class CallResource(Resource):
    """One call leg."""

    id = fields.UUID(required=True)
    call_sid = fields.String(required=True)
    parent_call_sid = fields.String(required=True, allow_none=True)
    tenant_id = fields.String(required=True, allow_none=True)
    direction = fields.String(required=True)
    from_ = fields.String(required=True, data_key="from", attribute="from_number")
    to = fields.String(required=True, attribute="to_number")
    status = fields.String(required=True)
    dial_status = fields.String(required=True, allow_none=True)
    route = fields.String(required=True, allow_none=True)
    decision = fields.String(required=True, allow_none=True, metadata={"description": "`answered` or `missed`."})
    duration_s = fields.Integer(required=True, allow_none=True)
    started_at = UtcTime(required=True)
    ended_at = UtcTime(required=True, allow_none=True)
    decided_at = UtcTime(required=True, allow_none=True)
    updated_at = UtcTime(required=True)
    recordings = fields.List(fields.Nested(RecordingResource), required=True)


class EndedCall(CallResource):
    """A call after it was asked to end: `ended` if it is over, `ending` if that was promised."""

    ended = fields.Boolean()
    ending = fields.Boolean()


class EventResource(Resource):
    """One thing that happened at Twilio, and what became of it here."""

    key = fields.String(required=True)
    kind = fields.String(required=True)
    provenance = fields.String(required=True)
    received_at = UtcTime(required=True)
    processed_at = UtcTime(required=True, allow_none=True)
    outcome = fields.String(required=True, allow_none=True)


class DeliveryLine(Resource):
    """Outgoing texts that are alike in what the report tells apart; each is counted in one column by what became of it."""

    tenant_id = fields.String(required=True, allow_none=True)
    day = fields.Date(required=True, allow_none=True)
    error_code = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Why it did not arrive, by Twilio's code."}
    )
    texts = fields.Integer(required=True)
    delivered = fields.Integer(required=True)
    undelivered = fields.Integer(required=True)
    failed = fields.Integer(required=True, metadata={"description": "At Twilio; see `refused`."})
    canceled = fields.Integer(required=True)
    refused = fields.Integer(
        required=True, metadata={"description": "Never handed to Twilio, or refused by it at once."}
    )
    sent = fields.Integer(required=True, metadata={"description": "The carrier has it; nobody confirmed."})
    queued = fields.Integer(required=True)
    unsettled = fields.Integer(required=True, metadata={"description": "No answer came: Twilio may have it."})
    conflicted = fields.Integer(
        required=True, metadata={"description": "Of all these: Twilio told of two ends that cannot both be true."}
    )
    segments = fields.Integer(required=True)
    prices = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": "Sums by currency, decimal, negative if charged; `?`: Twilio named none."},
    )
    delivery_ratio = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "delivered / (delivered + undelivered + failed); null if that is 0."},
    )
    carrier_s_median = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Seconds from our request to the carrier's receipt, which is exact to the minute."},
    )
    carrier_s_p95 = fields.Integer(required=True, allow_none=True)


class DeliveryReport(Resource):
    """What became of the texts of some days."""

    from_ = fields.Date(required=True, data_key="from")
    to = fields.Date(required=True)
    by = fields.List(fields.String(), required=True)
    data = fields.List(fields.Nested(DeliveryLine), required=True)


class PlatformAnswer(Resource):
    """A text that was taken on, in the platform's spelling."""

    success = fields.Boolean(required=True)
    messageSid = fields.String(required=True, allow_none=True)
    id = fields.UUID(required=True)
    status = fields.String(required=True)
    to = fields.String(required=True)
    from_ = fields.String(required=True, data_key="from")
    tenantId = fields.String(required=True, allow_none=True)


_MESSAGE: Final = MessageResource()
_RECORDING: Final = RecordingResource()
_CALL: Final = CallResource(exclude=("recordings",))
_EVENT: Final = EventResource()
_DELIVERY: Final = DeliveryLine()
DELIVERY_FIELDS: Final = tuple(_DELIVERY.fields)


def media_url(row: Recording) -> str | None:
    """Where the sound is, once we have it."""
    return f"/api/recordings/{row.recording_sid}?media=1" if row.state == "stored" else None


def message(row: Message) -> dict[str, Any]:
    """A text as clients see it."""
    return _fields(_MESSAGE, row)


def recording(row: Recording) -> dict[str, Any]:
    """A recording as clients see it."""
    return _fields(_RECORDING, row)


def call(row: Call, recordings: Sequence[Recording]) -> dict[str, Any]:
    """A call as clients see it, with its recordings, oldest first."""
    return _fields(_CALL, row) | {"recordings": [recording(each) for each in recordings]}


def event(row: StoredEvent) -> dict[str, Any]:
    """An event as operators see it."""
    return _fields(_EVENT, row)


def delivery(row: Line) -> dict[str, Any]:
    """A line of the delivery report."""
    return _fields(_DELIVERY, row)


def _fields(schema: Schema, row: object) -> dict[str, Any]:
    return cast("dict[str, Any]", schema.dump(row))
