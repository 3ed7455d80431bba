"""What a request to send a text may say: one schema for the HTTP API, the platform's endpoint and the queue contract."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields, pre_load, validate, validates_schema

from shared.domain import media_rules, segments
from shared.domain.law import PURPOSES
from shared.domain.senders import kind_of
from shared.phones import is_canonical

LONGEST_BODY: Final = segments.LONGEST
MOST_MEDIA: Final = media_rules.MOST
# As far ahead as Twilio's own scheduling goes: a client that moves from there finds the same limit.
MOST_AHEAD: Final = timedelta(days=35)
# Three days of waiting for a slow sender or a long night; what is later than that nobody has asked for any more.
MOST_VALIDITY_S: Final = 3 * 24 * 3600


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


def check_ahead(moment: datetime) -> None:
    """A moment that is not too far away. Raises ValidationError. What is past means now."""
    if moment > datetime.now(UTC) + MOST_AHEAD:
        raise ValidationError(f"Must be within {MOST_AHEAD.days} days")


def purpose_field(default: str) -> fields.String:
    """What a text is for: it decides the lane it goes in, and which rules of the law are asked."""
    return fields.String(
        load_default=default,
        validate=validate.OneOf(PURPOSES),
        metadata={"description": "The lane it goes in and the rules that are asked depend on it."},
    )


# How the platform spells our fields.
_ALIASES: Final[Mapping[str, str]] = {
    "tenantId": "tenant_id", "messagingServiceSid": "messaging_service_sid", "mediaUrls": "media_urls",
    "sendAt": "send_at", "validityS": "validity_s", "validityPeriod": "validity_s", "onUnknown": "on_unknown",
    "smartEncoding": "smart_encoding", "idempotencyKey": "idempotency_key",
}  # fmt: skip


class PlatformSpelling(Schema):
    """Reads the platform's camelCase too: `tenantId` is `tenant_id`. Unknown fields are refused, since a misspelt option
    must not be ignored silently."""

    class Meta:
        unknown = RAISE

    @pre_load
    def as_the_platform_spells_it(self, data: Any, **_: Any) -> Any:
        """Both spellings at once are refused unless they agree."""
        if not isinstance(data, dict):
            return data
        renamed = {name: value for name, value in data.items() if _ALIASES.get(name) not in self.fields}
        for alias, name in _ALIASES.items():
            if alias in data and name in self.fields and renamed.setdefault(name, data[alias]) != data[alias]:
                raise ValidationError({alias: [f"differs from {name}"]})
        return renamed


class TextOptionsSchema(PlatformSpelling):
    """What may be said of a text besides who gets it and what it says."""

    from_ = Text(data_key="from", validate=check_sender)
    messaging_service_sid = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Regexp(r"MG[0-9a-f]{32}\Z"),
        metadata={
            "description": "Twilio chooses the sender from this Messaging Service.", "pattern": "^MG[0-9a-f]{32}$"
        },
    )  # fmt: skip
    media_urls = fields.List(
        fields.URL(schemes={"https"}, require_tld=True, validate=check_media_url),
        load_default=list,
        validate=validate.Length(max=MOST_MEDIA),
    )
    tenant_id = Text(load_default=None, allow_none=True, validate=validate.Length(min=1, max=64))
    purpose = purpose_field("transactional")
    send_at = fields.AwareDateTime(
        load_default=None,
        allow_none=True,
        format="iso",
        validate=check_ahead,
        metadata={"description": f"ISO 8601 with a zone, at most {MOST_AHEAD.days} days ahead; what is past is now."},
    )
    validity_s = fields.Integer(
        load_default=None,
        allow_none=True,
        strict=True,
        validate=validate.Range(1, MOST_VALIDITY_S),
        metadata={
            "description": "Seconds after which it is no longer sent, from the moment on that it may go. Without: an hour "
            "for conversation, four for transactional, ten for marketing and for a bulk."
        },
    )
    on_unknown = fields.String(
        load_default="resend",
        validate=validate.OneOf(["resend", "park"]),
        metadata={
            "description": "When Twilio has not answered and does not show the text later either: send it again, or leave it "
            "to a person."
        },
    )
    smart_encoding = fields.Boolean(
        load_default=False,
        metadata={"description": "Put look-alikes in place of what makes a text UCS-2, unless that makes it longer."},
    )

    @validates_schema
    def one_sender(self, data: dict[str, Any], **_: Any) -> None:
        """Twilio's error 21602 for neither, and a riddle for both."""
        if data.get("from_") and data.get("messaging_service_sid"):
            raise ValidationError({"messaging_service_sid": ["must not be given together with from"]})


class SmsRequestSchema(TextOptionsSchema):
    """A text to be sent. The platform's spelling is read too: `tenantId` is `tenant_id`."""

    to = Text(required=True, validate=check_phone)
    body = Text(load_default="", validate=[validate.Length(max=LONGEST_BODY), check_body])

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
    """A job on the queue: the same, and who asks. The platform's texts answer somebody, if they do not say otherwise."""

    purpose = purpose_field("conversation")
    client = Text(required=True, validate=validate.Length(min=1, max=64))
    idempotency_key = Text(load_default=None, allow_none=True, validate=validate.Length(min=1, max=255))
    request_id = Text(load_default=None, allow_none=True, validate=validate.Length(max=64))
