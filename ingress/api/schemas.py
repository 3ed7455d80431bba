"""What clients may send. Built once: the instances at the end are what the views use and the documentation shows."""

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import EXCLUDE, ValidationError, pre_load, validate

from ingress.api.fields import Strict, Text, Texts, Whole, https_link, phone_number, sender
from ingress.api.paging import DEFAULT_LIMIT, LARGEST_LIMIT

# Twilio refuses a longer one (error 21617).
LONGEST_TEXT: Final = 1600
# Twilio takes ten media a message (error 21623).
MOST_MEDIA: Final = 10
_TENANT: Final = {"tenant_id", "tenantId"}
_is_tenant = validate.Regexp(r"[A-Za-z0-9_-]{1,64}\Z", error="tenant|must be 1 to 64 letters, digits, - or _")


class SendText(Strict):
    """A text to send. Without `from` it goes out from the tenant's own number."""

    to = Text(
        required=True, validate=phone_number, metadata={"description": "Recipient, E.164.", "example": "+12125550142"}
    )
    from_ = Text(
        data_key="from",
        validate=sender,
        metadata={"description": "E.164, short code or alphanumeric sender.", "example": "+14155550100"},
    )
    body = Text(
        required=True,
        validate=validate.Length(1, LONGEST_TEXT, error=f"length|must have 1 to {LONGEST_TEXT} characters"),
    )
    tenant_id = Text(
        validate=_is_tenant,
        metadata={"description": "Whose text this is; `tenantId` is read as well.", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
    )
    media_urls = Texts(
        Text(validate=https_link, metadata={"format": "uri"}),
        validate=validate.Length(0, MOST_MEDIA, error=f"length|must have at most {MOST_MEDIA} links"),
        metadata={"description": "https links to pictures, sound or video, which make it an MMS."},
    )

    @pre_load
    def one_spelling(self, document: Any, **_kwargs: Any) -> Any:
        """`tenant_id` and the platform's `tenantId` are one field."""
        if not isinstance(document, Mapping) or not _TENANT & document.keys():
            return document
        if document.keys() >= _TENANT:
            raise ValidationError("duplicate|send tenant_id or tenantId, not both", "tenantId")
        ours = self.fields["tenant_id"].data_key or "tenant_id"
        return {ours if name in _TENANT else name: value for name, value in document.items()}


class PlatformText(SendText):
    """The same from a sibling service, whose other fields are its own business."""

    tenant_id = Text(data_key="tenantId", validate=_is_tenant, metadata={"pattern": "^[A-Za-z0-9_-]{1,64}$"})

    class Meta:
        unknown = EXCLUDE


class Nothing(Strict):
    """A request that says everything by its path."""


class Page(Strict):
    """Which part of a list."""

    limit = Whole(
        load_default=DEFAULT_LIMIT,
        validate=validate.Range(1, LARGEST_LIMIT, error=f"range|must be 1 to {LARGEST_LIMIT}"),
    )
    cursor = Text(
        validate=validate.Length(1, 512, error="cursor|is not a cursor of this list"),
        metadata={"description": "`next_cursor` of the page before."},
    )


class TextsPage(Page):
    """Which messages."""

    client = Text(
        validate=validate.Length(1, 128, error="length|must have 1 to 128 characters"),
        metadata={"description": "Only those that this client asked for."},
    )


class EventsPage(Page):
    """Which events."""

    sid = Text(
        required=True,
        validate=validate.Regexp(r"[A-Z]{2}[0-9a-fA-F]{32}\Z", error="sid|must be a SID of Twilio"),
        metadata={"description": "Of a call, message or recording.", "pattern": "^[A-Z]{2}[0-9a-fA-F]{32}$"},
    )


class MediaChoice(Strict):
    """Whether the sound itself is wanted."""

    media = Text(
        load_default="0",
        validate=validate.OneOf(["0", "1"], error="choice|must be 0 or 1"),
        metadata={"description": "1: the sound itself instead of what is known of it."},
    )


SEND_TEXT: Final = SendText()
PLATFORM_TEXT: Final = PlatformText()
NOTHING: Final = Nothing()
TEXTS_PAGE: Final = TextsPage()
EVENTS_PAGE: Final = EventsPage()
MEDIA_CHOICE: Final = MediaChoice()
