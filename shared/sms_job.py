"""What a request to send a text may say: one schema for the HTTP API, the platform's endpoint and the queue contract."""

from typing import Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields, pre_load, validate, validates_schema

from shared.domain import media_rules, segments
from shared.domain.senders import kind_of
from shared.phones import is_canonical

LONGEST_BODY: Final = segments.LONGEST
MOST_MEDIA: Final = media_rules.MOST


class Text(fields.String):
    """A text that PostgreSQL can hold and a phone can show: no U+0000, no half of a surrogate pair."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
            raise ValidationError("must not contain U+0000 or single surrogates")
        return text


def check_phone(text: str) -> None:
    """A number that could be dialled, in E.164 and in its only form. Raises ValidationError.

    Only the length is judged against the country's plan: ranges open faster than our copy of the plans.
    """
    if not is_canonical(text):
        raise ValidationError("must be a phone number in E.164, like +14155552671")


def check_sender(text: str) -> None:
    """What Twilio takes as From: a number, a short code or an alphanumeric sender. Raises ValidationError."""
    try:
        kind = kind_of(text)
    except ValueError:
        kind = "long-code"
    if kind not in ("short-code", "alphanumeric"):
        check_phone(text)


def check_body(text: str) -> None:
    """No characters that no phone shows. Raises ValidationError, which names them."""
    if found := segments.unsendable(text):
        raise ValidationError(f"must not contain control characters: {', '.join(each.code for each in found)}")


def check_media_url(url: str) -> None:
    """A host that Twilio can reach, and no password in it; the rest of a URL is the field's. Raises ValidationError."""
    for fault in media_rules.faults([url]):
        if fault.code in ("credentials_in_url", "private_host"):
            raise ValidationError(fault.detail)


class SmsRequestSchema(Schema):
    """A text to be sent. `tenantId` is the platform's spelling of `tenant_id`."""

    class Meta:
        """Unknown fields are refused: a misspelt option must not be ignored silently."""

        unknown = RAISE

    to = Text(required=True, validate=check_phone)
    from_ = Text(data_key="from", validate=check_sender)
    body = Text(load_default="", validate=[validate.Length(max=LONGEST_BODY), check_body])
    media_urls = fields.List(
        fields.URL(schemes={"https"}, require_tld=True, validate=check_media_url),
        load_default=list,
        validate=validate.Length(max=MOST_MEDIA),
    )
    tenant_id = Text(load_default=None, allow_none=True, validate=validate.Length(min=1, max=64))

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

    @validates_schema
    def somebody_else(self, data: dict[str, Any], **_: Any) -> None:
        """Twilio's error 21266: To and From must not be the same number."""
        if data.get("from_") is not None and data.get("from_") == data.get("to"):
            raise ValidationError({"to": ["is the sender itself"]})


class SmsJobSchema(SmsRequestSchema):
    """A job on the queue: the same, and who asks."""

    client = Text(required=True, validate=validate.Length(min=1, max=64))
    idempotency_key = Text(load_default=None, allow_none=True, validate=validate.Length(min=1, max=255))
    request_id = Text(load_default=None, allow_none=True, validate=validate.Length(max=64))
