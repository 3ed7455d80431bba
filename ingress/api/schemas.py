"""What clients may ask, besides the texts of `shared.sms_job`. Built once: the views use the instances at the end."""

from typing import Final

from marshmallow import EXCLUDE, RAISE, Schema, fields, validate

from ingress.api.paging import DEFAULT_LIMIT, LARGEST_LIMIT
from shared.sms_job import SmsRequestSchema


class Strict(Schema):
    """Unknown fields are refused: a misspelt one would silently not count."""

    class Meta:
        unknown = RAISE


class PlatformTextSchema(SmsRequestSchema):
    """A text from a sibling service, whose other fields are its own business."""

    class Meta:
        unknown = EXCLUDE


class NothingSchema(Strict):
    """A request that says everything by its path."""


class PageSchema(Strict):
    """Which part of a list."""

    limit = fields.Integer(load_default=DEFAULT_LIMIT, validate=validate.Range(1, LARGEST_LIMIT))
    cursor = fields.String(
        validate=validate.Length(1, 512), metadata={"description": "`next_cursor` of the page before."}
    )


class TextsPageSchema(PageSchema):
    """Which messages."""

    client = fields.String(
        validate=validate.Length(1, 128), metadata={"description": "Only those that this client asked for."}
    )


class EventsPageSchema(PageSchema):
    """Which events."""

    sid = fields.String(
        required=True,
        validate=validate.Regexp(r"[A-Z]{2}[0-9a-fA-F]{32}\Z"),
        metadata={"description": "Of a call, message or recording.", "pattern": "^[A-Z]{2}[0-9a-fA-F]{32}$"},
    )


class MediaChoiceSchema(Strict):
    """Whether the sound itself is wanted."""

    media = fields.String(
        load_default="0",
        validate=validate.OneOf(["0", "1"]),
        metadata={"description": "1: the sound itself instead of what is known of it."},
    )


TEXT: Final = SmsRequestSchema()
PLATFORM_TEXT: Final = PlatformTextSchema()
NOTHING: Final = NothingSchema()
TEXTS_PAGE: Final = TextsPageSchema()
EVENTS_PAGE: Final = EventsPageSchema()
MEDIA_CHOICE: Final = MediaChoiceSchema()
