"""What clients get to see: one schema per noun, written from the rows of the store and into the documentation."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast, get_args

from marshmallow import EXCLUDE, Schema, fields

from shared.db.bulks import STANDINGS, Bulk, Progress, Result
from shared.db.delivery_report import Line
from shared.db.events import StoredEvent
from shared.db.message_steps import Step
from shared.db.recordings import Recording
from shared.db.texts import Attempts, Text
from shared.domain.error_classes import ErrorClass
from shared.domain.status import RECORDING_HAD


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


class RuleResource(Resource):
    """What one rule found."""

    rule = fields.String(required=True)
    verdict = fields.String(required=True)
    detail = fields.String(required=True)


class DecisionResource(Resource):
    """Whether the text may go, as it was decided last, and what each rule found."""

    verdict = fields.String(required=True, metadata={"enum": ["allowed", "held", "refused"]})
    rules = fields.List(fields.Nested(RuleResource), required=True)
    held_until = UtcTime(required=True, allow_none=True)
    consent_id = fields.UUID(required=True, allow_none=True)
    decided_at = UtcTime(allow_none=True)


class MessageResource(Resource):
    """One text. What concerns sending is null for the others."""

    id = fields.UUID(required=True)
    status = fields.String(
        required=True,
        attribute="state",
        metadata={
            "description": "`queued` until Twilio has it, then Twilio's word. `failed` and `canceled` may be ours."
        },
    )
    send_state = fields.String(
        required=True, allow_none=True, metadata={"description": "How far we have handed it to Twilio."}
    )
    message_sid = fields.String(required=True, allow_none=True)
    direction = fields.String(required=True)
    from_ = fields.Function(
        lambda text: text.from_number or None,
        required=True,
        data_key="from",
        metadata={"type": ["string", "null"], "description": "Null while Twilio has not chosen a sender."},
    )
    messaging_service_sid = fields.String(required=True, allow_none=True)
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
    bulk_id = fields.UUID(required=True, allow_none=True)
    purpose = fields.String(required=True, allow_none=True)
    lane = fields.Integer(
        required=True, allow_none=True, metadata={"description": "0 conversation, 1 transactional, 2 bulk."}
    )
    send_at = UtcTime(required=True, allow_none=True)
    held_until = UtcTime(required=True, allow_none=True, metadata={"description": "A rule lets it go from then on."})
    estimated_send_at = UtcTime(
        required=True,
        allow_none=True,
        metadata={
            "description": "If all that waited at its sender when it was asked for, in its lane and above, goes first and "
            "nothing that comes later. Behind a thousand texts or more it is about that."
        },
    )
    expires_at = UtcTime(required=True, allow_none=True, metadata={"description": "It is not sent after that."})
    encoding = fields.String(required=True, allow_none=True)
    planned_segments = fields.Integer(required=True, allow_none=True, metadata={"description": "As we count them."})
    segments = fields.Integer(required=True, allow_none=True, metadata={"description": "As Twilio has counted them."})
    error_code = fields.Integer(required=True, allow_none=True, metadata={"description": "Twilio's, if it failed."})
    error_reason = fields.String(required=True, allow_none=True)
    price = fields.Decimal(required=True, allow_none=True, as_string=True)
    price_unit = fields.String(required=True, allow_none=True)
    carrier_done_at = UtcTime(required=True, allow_none=True)
    is_conflicted = fields.Boolean(
        required=True, metadata={"description": "Twilio has reported two ends of it that cannot both be true."}
    )
    retry_of = fields.UUID(
        required=True,
        allow_none=True,
        metadata={"description": "The text in whose place it is sent: Twilio lost that one."},
    )
    retried_as = fields.UUID(
        required=True, allow_none=True, metadata={"description": "The text that is sent in its place."}
    )
    created_at = UtcTime(required=True)
    updated_at = UtcTime(required=True)


class StepResource(Resource):
    """One step of a text. `status` and `error_code` are Twilio's words."""

    step = fields.String(required=True)
    status = fields.String(required=True, allow_none=True)
    error_code = fields.Integer(required=True, allow_none=True)
    detail = fields.Dict(required=True, allow_none=True)
    at = UtcTime(required=True)


class AttemptsResource(Resource):
    """How often we have tried to hand it over."""

    count = fields.Integer(required=True)
    last_error = fields.String(required=True, allow_none=True)
    next_at = UtcTime(required=True, allow_none=True)


class WholeMessageResource(MessageResource):
    """One text with the decision about it, its steps and our attempts."""

    decision = fields.Nested(DecisionResource, allow_none=True)
    steps = fields.List(fields.Nested(StepResource))
    attempts = fields.Nested(AttemptsResource, allow_none=True)


BulkCounts = Resource.from_dict({name: fields.Integer(required=True) for name in STANDINGS}, name="BulkCounts")


class CharacterResource(Resource):
    """A character that keeps a text from being GSM-7."""

    character = fields.String(required=True)
    code = fields.String(required=True, metadata={"description": "As Unicode writes it."})
    name = fields.String(required=True)
    positions = fields.List(fields.Integer(), required=True, metadata={"description": "In characters, from 0."})


class SmartResource(Resource):
    """The text with look-alikes in place of what costs more."""

    body = fields.String(required=True)
    segments_saved = fields.Integer(required=True)


class PreviewedRecipient(Resource):
    """What the number alone tells."""

    region = fields.String(required=True, allow_none=True)
    kind = fields.String(required=True)
    zones = fields.List(fields.String(), required=True)


class PreviewedSender(Resource):
    """Whom it would come from, and how fast."""

    sender = fields.String(required=True)
    kind = fields.String(required=True)
    segments_per_s = fields.Float(required=True)
    tenant_id = fields.String(required=True, allow_none=True)


class PreviewResource(Resource):
    """What a text costs and what would become of it. What depends on who gets it is null without a recipient or a sender."""

    encoding = fields.String(required=True)
    segments = fields.Integer(required=True)
    units = fields.Integer(required=True, metadata={"description": "Septets of GSM-7, or UTF-16 units of UCS-2."})
    characters = fields.Integer(required=True)
    segment_characters = fields.List(fields.Integer(), required=True, metadata={"description": "Of each part."})
    forcing = fields.List(fields.Nested(CharacterResource), required=True)
    smart = fields.Nested(SmartResource, required=True, allow_none=True)
    price_class = fields.String(
        required=True, allow_none=True, metadata={"description": "Twilio's price list: SMS or MMS, domestic or not."}
    )
    recipient = fields.Nested(PreviewedRecipient, required=True, allow_none=True)
    sender = fields.Nested(PreviewedSender, required=True, allow_none=True)
    lane = fields.Integer(required=True)
    decision = fields.Nested(DecisionResource, required=True, allow_none=True)
    would_be_refused = fields.String(
        required=True, allow_none=True, metadata={"description": "`not_permitted` or `queue_too_long`."}
    )
    estimated_send_at = UtcTime(required=True, allow_none=True)
    expires_at = UtcTime(required=True, allow_none=True)


class BulkResource(Resource):
    """A bulk and how far it has come."""

    id = fields.UUID(required=True)
    state = fields.String(required=True, metadata={"enum": ["running", "paused", "canceled"]})
    is_done = fields.Boolean(required=True, metadata={"description": "Nothing of it waits or is under way with us."})
    client = fields.String(required=True)
    tenant_id = fields.String(required=True, allow_none=True)
    total = fields.Integer(required=True)
    expanded = fields.Integer(required=True, metadata={"description": "So many recipients have been looked at."})
    counts = fields.Nested(BulkCounts, required=True)
    estimated_end_at = UtcTime(required=True, allow_none=True)
    created_at = UtcTime(required=True)
    updated_at = UtcTime(required=True)


class BulkItemResource(Resource):
    """What became of one recipient of a bulk."""

    line = fields.Integer(required=True, metadata={"description": "From 0, in the order of the request."})
    to = fields.String(required=True)
    status = fields.String(required=True, metadata={"enum": [*STANDINGS]})
    message_id = fields.UUID(required=True, allow_none=True)
    held_until = UtcTime(required=True, allow_none=True)
    error_code = fields.Integer(required=True, allow_none=True)
    error_reason = fields.String(required=True, allow_none=True)
    faults = fields.List(fields.Dict(), required=True, allow_none=True)
    rules = fields.List(fields.Nested(RuleResource), required=True, allow_none=True, attribute="decision_rules")


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


class EventTypeResource(Resource):
    """One type of notification: when it is told, the JSON Schema (2020-12) of the whole body, a whole body."""

    type = fields.String(required=True)
    description = fields.String(required=True)
    schema = fields.Dict(required=True)
    example = fields.Dict(required=True)


class EventTypes(Resource):
    """The catalogue of notifications."""

    data = fields.List(fields.Nested(EventTypeResource), required=True)


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
    error_class = fields.String(
        required=True,
        allow_none=True,
        metadata={"enum": [*get_args(ErrorClass), None], "description": "Of its error code."},
    )
    error_means = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "What the code says; null if there is none, or none known."},
    )


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
_STEP: Final = StepResource()
_ATTEMPTS: Final = AttemptsResource()
_BULK: Final = BulkResource(exclude=("is_done", "counts", "estimated_end_at"))
_BULK_END: Final = BulkResource(only=("estimated_end_at",))
_PREVIEW: Final = PreviewResource()
_DECISION: Final = DecisionResource()
_BULK_ITEM: Final = BulkItemResource()
_RECORDING: Final = RecordingResource()
_EVENT: Final = EventResource()
_DELIVERY: Final = DeliveryLine()
DELIVERY_FIELDS: Final = tuple(_DELIVERY.fields)


def media_url(row: Recording) -> str | None:
    """Where the sound is, once we have it."""
    return f"/api/recordings/{row.recording_sid}?media=1" if row.state in RECORDING_HAD else None


def message(row: Text) -> dict[str, Any]:
    """A text as clients see it."""
    return _fields(_MESSAGE, row)


def whole_message(row: Text, steps: Sequence[Step], attempts: Attempts | None) -> dict[str, Any]:
    """A text with all that has become of it."""
    return message(row) | {
        "decision": decision(row) if row.decision else None,
        "steps": [_fields(_STEP, step) for step in steps],
        "attempts": _fields(_ATTEMPTS, attempts) if attempts else None,
    }


def decision(row: Text) -> dict[str, Any]:
    """The decision that is stored with a text."""
    return _fields(_DECISION, {
        "verdict": row.decision, "rules": row.decision_rules or [], "held_until": row.held_until,
        "consent_id": row.consent_id, "decided_at": row.decided_at,
    })  # fmt: skip


def preview(told: dict[str, Any]) -> dict[str, Any]:
    """What would become of a text; what is not told is null."""
    return dict.fromkeys(_PREVIEW.fields) | _fields(_PREVIEW, told)


def bulk(row: Bulk, progress: Progress) -> dict[str, Any]:
    """A bulk as clients see it."""
    busy = sum(progress.counts[standing] for standing in ("waiting", "held", "sending", "parked"))
    told = {"counts": progress.counts, "is_done": busy == 0}
    return _fields(_BULK, row) | told | _fields(_BULK_END, progress)


def bulk_item(row: Result) -> dict[str, Any]:
    """What became of one recipient, as clients see it."""
    return _fields(_BULK_ITEM, row)


def recording(row: Recording) -> dict[str, Any]:
    """A recording as clients see it."""
    return _fields(_RECORDING, row)


def event(row: StoredEvent) -> dict[str, Any]:
    """An event as operators see it."""
    return _fields(_EVENT, row)


def delivery(row: Line) -> dict[str, Any]:
    """A line of the delivery report."""
    return _fields(_DELIVERY, row)


def _fields(schema: Schema, row: object) -> dict[str, Any]:
    return cast("dict[str, Any]", schema.dump(row))
