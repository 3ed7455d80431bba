"""What a request to send a text may say: one schema for the HTTP API, the platform's endpoint and the queue contract."""

from typing import Any, Final

import phonenumbers
from marshmallow import RAISE, Schema, ValidationError, fields, pre_load, validate, validates_schema

# Twilio refuses a longer body (error 21617).
LONGEST_BODY: Final = 1600
MOST_MEDIA: Final = 10  # Twilio's limit per message
_SHORT_CODE: Final = validate.Regexp(r"[0-9]{3,8}\Z")
# 3GPP TS 23.040: an alphanumeric sender has at most 11 characters; one letter at least, or it would be a number.
_ALPHANUMERIC: Final = validate.Regexp(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}\Z")


def check_phone(text: str) -> None:
    """A number that exists in its country's plan, in E.164. Raises ValidationError."""
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException as fault:
        raise ValidationError("must be a phone number in E.164, like +14155552671") from fault
    if phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) != text:
        raise ValidationError("must be written in E.164, like +14155552671")
    if not phonenumbers.is_possible_number(number):
        raise ValidationError("is not a possible number of its country")


def check_sender(text: str) -> None:
    """One of our numbers, a short code or an alphanumeric sender. Raises ValidationError."""
    if text.startswith("+"):
        check_phone(text)
    elif text.isdigit():
        _SHORT_CODE(text)
    else:
        _ALPHANUMERIC(text)


def check_body(text: str) -> None:
    """Raises ValidationError for U+0000, which no phone shows and PostgreSQL cannot keep."""
    if "\0" in text:
        raise ValidationError("must not contain U+0000")


class SmsRequestSchema(Schema):
    """A text to be sent. `tenantId` is the platform's spelling of `tenant_id`."""

    class Meta:
        """Unknown fields are refused: a misspelt option must not be ignored silently."""

        unknown = RAISE

    to = fields.String(required=True, validate=check_phone)
    from_ = fields.String(data_key="from", validate=check_sender)
    body = fields.String(load_default="", validate=[validate.Length(max=LONGEST_BODY), check_body])
    media_urls = fields.List(
        fields.URL(schemes={"https"}, require_tld=True), load_default=list, validate=validate.Length(max=MOST_MEDIA)
    )
    tenant_id = fields.String(load_default=None, allow_none=True, validate=validate.Length(min=1, max=64))

    @pre_load
    def as_the_platform_spells_it(self, data: Any, **_: Any) -> Any:
        """`tenantId` is accepted for `tenant_id`; both at once are refused unless they agree."""
        if not isinstance(data, dict) or "tenantId" not in data:
            return data
        renamed = {name: value for name, value in data.items() if name != "tenantId"}
        if renamed.setdefault("tenant_id", data["tenantId"]) != data["tenantId"]:
            raise ValidationError({"tenantId": ["differs from tenant_id"]})
        return renamed

    @validates_schema
    def something_to_say(self, data: dict[str, Any], **_: Any) -> None:
        """Twilio's error 21602: a message needs a body or media."""
        if not data.get("body") and not data.get("media_urls"):
            raise ValidationError({"body": ["a text needs a body or media"]})


class SmsJobSchema(SmsRequestSchema):
    """A job on the queue: the same, and who asks."""

    client = fields.String(required=True, validate=validate.Length(min=1, max=64))
    idempotency_key = fields.String(load_default=None, allow_none=True, validate=validate.Length(min=1, max=255))
    request_id = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=64))
