"""What a request for texts to many people may say, and the text that it means for one of them."""

from collections.abc import Mapping
from typing import Any, Final, cast

from marshmallow import ValidationError, fields, validate

from shared.domain.template import MissingVariables, fill
from shared.sms_job import MOST_MEDIA, PlatformSpelling, SmsRequestSchema, Text, TextOptionsSchema

# Twilio's 1,600 characters (error 21617) are counted when the places are filled; the names in them may be long.
LONGEST_TEMPLATE: Final = 4000
MOST_VARIABLES: Final = 50
LONGEST_VARIABLE: Final = 1600


class BulkOptionsSchema(TextOptionsSchema):
    """What all texts of a bulk have in common."""

    body = Text(
        load_default="",
        validate=validate.Length(max=LONGEST_TEMPLATE),
        metadata={"description": "With a place `{{name}}` for every variable of the recipients."},
    )


class BulkSchema(BulkOptionsSchema):
    """A bulk as JSON. What is wrong with one recipient is told of that one, and does not hold up the others."""

    recipients = fields.List(
        fields.Dict(keys=fields.String()),
        required=True,
        validate=validate.Length(min=1),
        metadata={"items": {"$ref": "#/components/schemas/Recipient"}},
    )


class RecipientSchema(PlatformSpelling):
    """One recipient: who, and what differs from the others."""

    to = Text(required=True)
    body = Text(load_default=None, allow_none=True, validate=validate.Length(max=LONGEST_TEMPLATE))
    media_urls = fields.List(Text(), load_default=None, allow_none=True, validate=validate.Length(max=MOST_MEDIA))
    variables = fields.Dict(
        keys=Text(),
        values=Text(validate=validate.Length(max=LONGEST_VARIABLE)),
        load_default=dict,
        validate=validate.Length(max=MOST_VARIABLES),
        metadata={"additionalProperties": {"type": "string"}},
    )
    idempotency_key = Text(load_default=None, allow_none=True, validate=validate.Length(min=1, max=255))


_RECIPIENT: Final = RecipientSchema()
_TEXT: Final = SmsRequestSchema()


def wanted(request: Mapping[str, Any], said: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The text for one recipient, as `SmsRequestSchema` gives it, and its idempotency key. Raises ValidationError."""
    one = cast("dict[str, Any]", _RECIPIENT.load(said))
    template = request.get("body", "") if one["body"] is None else one["body"]
    text = {**request, "to": one["to"], "body": _filled(template, one["variables"])}
    if one["media_urls"] is not None:
        text["media_urls"] = one["media_urls"]
    return cast("dict[str, Any]", _TEXT.load(text)), one["idempotency_key"]


def _filled(template: str, variables: Mapping[str, str]) -> str:
    try:
        return fill(template, variables)
    except MissingVariables as missing:
        raise ValidationError(
            {"variables": {name: ["Missing data for this variable."] for name in missing.names}}
        ) from None
