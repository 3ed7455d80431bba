"""Kinds of fields: what a text, a phone number, a sender or a link may be. Every message is written `code|detail`."""

import re
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import phonenumbers
from marshmallow import RAISE, Schema, ValidationError, fields

from shared.domain.phone import is_e164, is_reachable

# Twilio docs, "Alphanumeric Sender ID": 1 to 11 of these, at least one of them a letter. Short codes: 3 to 8 digits.
_ALPHANUMERIC: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 +\-_&]{1,11}\Z")
_SHORT_CODE: Final = re.compile(r"[1-9][0-9]{2,7}\Z")
_LONGEST_URL: Final = 2048  # what browsers and proxies agree on
_CODES: Final = {"required": "required|is missing", "null": "null|must not be null"}


class Strict(Schema):
    """A request: unknown fields are refused, because a misspelt one would silently not count."""

    error_messages = {"unknown": "unknown|is not a known field", "type": "type|must be an object"}  # noqa: RUF012

    class Meta:
        unknown = RAISE


class Text(fields.String):
    """A text that PostgreSQL and Twilio can hold: no U+0000, no half of a surrogate pair."""

    default_error_messages = {**_CODES, "invalid": "type|must be a string"}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
            raise ValidationError("characters|must not contain U+0000 or single surrogates")
        return text


class Whole(fields.Integer):
    """A whole number, also as text in a query string."""

    default_error_messages = {**_CODES, "invalid": "type|must be a whole number"}  # noqa: RUF012


class Texts(fields.List):
    """A list of texts."""

    default_error_messages = {**_CODES, "invalid": "type|must be a list"}  # noqa: RUF012


class UtcTime(fields.DateTime):
    """A moment in UTC with microseconds, `2026-01-31T23:59:59.000000Z`, whatever the database's time zone is."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def phone_number(text: str) -> None:
    """A full number that could be dialled. Ranges open faster than our copy of the plans: only the length is judged."""
    if not is_e164(text) or not is_reachable(text) or not _is_possible(text):
        raise ValidationError("e164|must be a phone number in E.164, like +14155550100")


def sender(text: str) -> None:
    """What Twilio takes as From: a number, a short code or an alphanumeric sender."""
    if _SHORT_CODE.match(text) or (not text.startswith("+") and _ALPHANUMERIC.match(text)):
        return
    try:
        phone_number(text)
    except ValidationError:
        raise ValidationError("sender|must be E.164, a short code, or an alphanumeric sender of up to 11") from None


def https_link(text: str) -> None:
    """A link that Twilio can fetch without a password in it."""
    try:
        parts = urlsplit(text)
        good = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        good = False
    if not good or len(text) > _LONGEST_URL or any(letter <= " " for letter in text):
        raise ValidationError(f"url|must be an https URL of at most {_LONGEST_URL} characters")


def _is_possible(text: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(text))
    except phonenumbers.NumberParseException:
        return False
