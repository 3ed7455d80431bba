"""Retention, holds and deletions: what may be said of them, and what is shown."""

from typing import Any, Final, cast

from marshmallow import ValidationError, fields, validate, validates_schema

from ingress.api.resources import Resource, UtcTime
from ingress.api.schemas import PageSchema, Strict
from shared.db.recording_deletions import Deletion
from shared.db.recording_holds import Hold
from shared.db.recording_receipts import StoredReceipt
from shared.db.retention import RetentionClass
from shared.domain.retention import LONGEST_DAYS, is_class
from shared.sms_job import Text

_SUBJECTS: Final = ("recording_sid", "call_sid", "tenant_id")


def check_class(text: str) -> None:
    """Raises ValidationError."""
    if not is_class(text):
        raise ValidationError("must be a-z, 0-9 and -, from a letter on, at most 40 characters")


class TenantSchema(Strict):
    """Whose. Without it: everybody who has none of their own."""

    tenant_id = Text(load_default="", validate=validate.Length(max=64))


class RetentionSchema(Strict):
    """How long recordings of a class are kept. null: until somebody deletes them; at Twilio: as long as here."""

    keep_days = fields.Integer(required=True, allow_none=True, strict=True, validate=validate.Range(1, LONGEST_DAYS))
    twilio_days = fields.Integer(required=True, allow_none=True, strict=True, validate=validate.Range(0, LONGEST_DAYS))


class ClassSchema(Strict):
    """The class of one recording; null: by how it was made."""

    class_ = Text(required=True, allow_none=True, data_key="class", validate=check_class)


class ReasonSchema(Strict):
    """Why it is held."""

    reason = Text(required=True, validate=validate.Length(1, 500))


class HoldSchema(ReasonSchema):
    """What is held: exactly one of a recording, a call with its legs, and all of a tenant."""

    recording_sid = Text(validate=validate.Length(1, 64))
    call_sid = Text(validate=validate.Length(1, 64))
    tenant_id = Text(validate=validate.Length(1, 64))

    @validates_schema
    def of_one(self, data: dict[str, Any], **_: Any) -> None:
        """One hold, one subject."""
        if sum(name in data for name in _SUBJECTS) != 1:
            raise ValidationError("say exactly one of recording_sid, call_sid and tenant_id")


class HoldsPageSchema(PageSchema):
    """Which holds."""

    tenant_id = Text(validate=validate.Length(1, 64))
    lifted = fields.String(
        load_default="0",
        validate=validate.OneOf(["0", "1"]),
        metadata={"description": "1: those that were lifted too."},
    )


class DeleteSchema(Strict):
    """Why a recording is deleted."""

    reason = fields.String(load_default="request", validate=validate.OneOf(["request", "privacy"]))
    note = Text(load_default=None, validate=validate.Length(1, 500))


class RetentionResource(Resource):
    """How long recordings of a class are kept."""

    tenant_id = fields.Function(
        lambda row: row.tenant_id or None,
        required=True,
        metadata={"type": ["string", "null"], "description": "null: everybody who has none of their own."},
    )
    class_ = fields.String(required=True, data_key="class")
    keep_days = fields.Integer(required=True, allow_none=True)
    twilio_days = fields.Integer(required=True, allow_none=True)
    changed_by = fields.String(required=True)
    changed_at = UtcTime(required=True)


class KeptResource(Resource):
    """How long one recording is kept, as the rows have it now."""

    recording_sid = fields.String(required=True)
    class_ = fields.String(required=True, data_key="class")
    keep_days = fields.Integer(required=True, allow_none=True)
    twilio_days = fields.Integer(required=True, allow_none=True)


class HoldResource(Resource):
    """One hold. It counts while `lifted_at` is null."""

    id = fields.UUID(required=True)
    recording_sid = fields.String(required=True, allow_none=True)
    call_sid = fields.String(required=True, allow_none=True)
    tenant_id = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True)
    placed_by = fields.String(required=True)
    placed_at = UtcTime(required=True)
    lifted_by = fields.String(required=True, allow_none=True)
    lifted_at = UtcTime(required=True, allow_none=True)


class ReceiptResource(Resource):
    """One place from which it is gone, and what was answered there."""

    place = fields.String(required=True, metadata={"enum": ["twilio", "store"]})
    object_key = fields.String(required=True)
    at = UtcTime(required=True)
    detail = fields.Dict(required=True)


class DeletionResource(Resource):
    """One deletion. Done once `done_at` is set; `receipts` prove it."""

    recording_sid = fields.String(required=True)
    reason = fields.String(required=True, metadata={"enum": ["retention", "request", "privacy"]})
    note = fields.String(required=True, allow_none=True)
    asked_by = fields.String(required=True)
    asked_at = UtcTime(required=True)
    done_at = UtcTime(required=True, allow_none=True)
    receipts = fields.List(fields.Nested(ReceiptResource))


TENANT: Final = TenantSchema()
RETENTION: Final = RetentionSchema()
CLASS: Final = ClassSchema()
REASON: Final = ReasonSchema()
HOLD: Final = HoldSchema()
HOLDS_PAGE: Final = HoldsPageSchema()
DELETE: Final = DeleteSchema()
_RETENTION: Final = RetentionResource()
_HOLD: Final = HoldResource()
_RECEIPT: Final = ReceiptResource()
_DELETION: Final = DeletionResource(exclude=("receipts",))


def retention_class(row: RetentionClass) -> dict[str, Any]:
    """A retention class as clients see it."""
    return cast("dict[str, Any]", _RETENTION.dump(row))


def hold(row: Hold) -> dict[str, Any]:
    """A hold as clients see it."""
    return cast("dict[str, Any]", _HOLD.dump(row))


def deletion(row: Deletion, receipts: list[StoredReceipt]) -> dict[str, Any]:
    """A deletion with its receipts."""
    told = cast("dict[str, Any]", _DELETION.dump(row))
    return told | {"receipts": [_RECEIPT.dump(each) for each in receipts]}
