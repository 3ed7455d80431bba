"""What clients may ask, besides the texts of `shared.sms_job`. Built once: the views use the instances at the end."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate

from ingress.api.paging import DEFAULT_LIMIT, LARGEST_LIMIT
from shared.bulk_request import BulkOptionsSchema, BulkSchema
from shared.db.delivery_report import BY
from shared.domain.law import PURPOSES
from shared.domain.status import MESSAGE_RANK, SEND_RANK
from shared.sms_job import (
    LONGEST_BODY,
    SmsRequestSchema,
    Text,
    TextOptionsSchema,
    check_body,
    check_phone,
    purpose_field,
)


class Strict(Schema):
    """Unknown fields are refused: a misspelt one would silently not count."""

    class Meta:
        unknown = RAISE


class PlatformTextSchema(SmsRequestSchema):
    """A text from a sibling service, whose other fields are its own business. It answers somebody, if it does not say so."""

    purpose = purpose_field("conversation")

    class Meta:
        unknown = EXCLUDE


class PreviewSchema(TextOptionsSchema):
    """A text that is not to be sent. Without `to` and somebody to send from, only its words are looked at."""

    to = Text(load_default=None, allow_none=True, validate=check_phone)
    body = Text(load_default="", validate=[validate.Length(max=LONGEST_BODY), check_body])


class ResolveSchema(Strict):
    """What a person has decided about a text of which it is not known whether Twilio has it."""

    action = fields.String(required=True, validate=validate.OneOf(["resend", "cancel"]))


class NothingSchema(Strict):
    """A request that says everything by its path."""


class PageSchema(Strict):
    """Which part of a list."""

    limit = fields.Integer(load_default=DEFAULT_LIMIT, validate=validate.Range(1, LARGEST_LIMIT))
    cursor = fields.String(
        validate=validate.Length(1, 512), metadata={"description": "`next_cursor` of the page before."}
    )


class TextsPageSchema(PageSchema):
    """Which messages. What is not said is not looked at."""

    client = fields.String(
        validate=validate.Length(1, 128), metadata={"description": "Only those that this client asked for."}
    )
    tenant_id = fields.String(validate=validate.Length(1, 64))
    to = fields.String(validate=validate.Length(1, 64), metadata={"description": "With its `+` as `%2B`."})
    from_ = fields.String(data_key="from", validate=validate.Length(1, 64))
    status = fields.String(validate=validate.OneOf([*MESSAGE_RANK]))
    send_state = fields.String(validate=validate.OneOf([*SEND_RANK]))
    direction = fields.String(validate=validate.OneOf(["inbound", "outbound"]))
    purpose = fields.String(validate=validate.OneOf(PURPOSES))
    bulk_id = fields.UUID()
    error_code = fields.Integer(validate=validate.Range(0, 999_999), metadata={"description": "Twilio's."})
    created_after = fields.AwareDateTime(format="iso", metadata={"description": "Not before this moment."})
    created_before = fields.AwareDateTime(format="iso", metadata={"description": "Before this moment."})


class EventsPageSchema(PageSchema):
    """Which events."""

    sid = fields.String(
        required=True,
        validate=validate.Regexp(r"[A-Z]{2}[0-9a-fA-F]{32}\Z"),
        metadata={"description": "Of a call, message or recording.", "pattern": "^[A-Z]{2}[0-9a-fA-F]{32}$"},
    )


class Words(fields.Field[Any]):
    """Some of a set of words, separated by commas."""

    def __init__(self, known: Sequence[str], **kwargs: Any) -> None:
        pattern = f"^({'|'.join(known)})(,({'|'.join(known)}))*$"
        super().__init__(metadata=kwargs.pop("metadata", {}) | {"type": "string", "pattern": pattern}, **kwargs)
        self._known = tuple(known)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[str]:
        given = value.split(",")
        if not set(given) <= set(self._known):
            raise ValidationError(f"Must be one of: {', '.join(self._known)}; several with commas.")
        return [word for word in self._known if word in given]


class DeliveryReportSchema(Strict):
    """Which texts, and what they are told apart by."""

    first = fields.Date(
        data_key="from", metadata={"description": "The first day, UTC; a text belongs to the day of its creation."}
    )
    last = fields.Date(data_key="to", metadata={"description": "The last day, UTC, included; today if it is left out."})
    tenant_id = fields.String(validate=validate.Length(1, 128), metadata={"description": "Only this tenant's."})
    by = Words(BY, load_default=["day"], metadata={"description": "One line for each of these.", "default": "day"})


TEXT: Final = SmsRequestSchema()
PLATFORM_TEXT: Final = PlatformTextSchema()
PREVIEW: Final = PreviewSchema()
RESOLVE: Final = ResolveSchema()
BULK: Final = BulkSchema()
BULK_OPTIONS: Final = BulkOptionsSchema()
NOTHING: Final = NothingSchema()
PAGE: Final = PageSchema()
TEXTS_PAGE: Final = TextsPageSchema()
EVENTS_PAGE: Final = EventsPageSchema()
DELIVERY_REPORT: Final = DeliveryReportSchema()
