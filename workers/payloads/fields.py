"""The kinds of values in Twilio's webhooks. Each raises ValidationError for what it cannot be; the reader counts that."""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from marshmallow import ValidationError, fields, missing

# PostgreSQL's index rows end at 2,704 bytes. A SID has 34 characters, a SIP address some 100: these are generous.
_LONGEST_SID: Final = 64
_LONGEST_ADDRESS: Final = 320
_LONGEST_WORD: Final = 100
_MOST_DIGITS: Final = 9  # what fits into PostgreSQL's int whatever the digits are
_COUNT = re.compile(rf"[0-9]{{1,{_MOST_DIGITS}}}\Z")
_DECIMAL = re.compile(r"-?[0-9]{1,6}(\.[0-9]{1,12})?\Z")
_DONE = re.compile(r"[0-9]{10}\Z")
_LONGEST_TIME: Final = 40
_YEARS: Final = range(2000, 2100)  # Twilio began in 2008; anything else is a broken clock or no time at all


class _Field(fields.Field[Any]):
    """A value that is blank or missing is None; one that cannot be read is refused and then counts as missing."""

    def __init__(self, name: str, *, required: bool = False) -> None:
        super().__init__(data_key=name, required=required, load_default=missing if required else None)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        return self.read(value)

    def read(self, value: str) -> Any:
        raise NotImplementedError

    @classmethod
    def of(cls, value: str) -> Any:
        """The value outside of any schema; None if it cannot be read."""
        try:
            return cls("").read(value) if value else None
        except ValidationError:
            return None


class Short(_Field):
    """Text of at most so many characters; what is longer is not what the field is for."""

    longest = _LONGEST_WORD

    def read(self, value: str) -> str:
        if len(value) > self.longest:
            raise ValidationError("too long")
        return value


class Sid(Short):
    """The name of a thing at Twilio."""

    longest = _LONGEST_SID


class Word(Short):
    """A word of Twilio's of which new ones come, like a STIR verdict."""

    longest = 64


class Name(Short):
    """What somebody is called, as a carrier shows it (CNAM has 15 letters; SIP display names have more)."""

    longest = 128


class Address(Short):
    """A phone number, `client:`, `sip:` or `whatsapp:` address, or a word like ANONYMOUS. Never judged here."""

    longest = _LONGEST_ADDRESS


class Words(_Field):
    """What people wrote or said, of any length."""

    def read(self, value: str) -> str:
        return value


class OneOf(_Field):
    """One of a known set of words, in any case; a word that Twilio invented since is counted and kept in the raw event."""

    def __init__(self, name: str, known: Collection[str], *, required: bool = False) -> None:
        super().__init__(name, required=required)
        self.known = {word.lower(): word for word in known}

    def read(self, value: str) -> str:
        if (word := self.known.get(value.lower())) is None:
            raise ValidationError("unknown word")
        return word


class Count(_Field):
    """A whole number from 0, of at most nine digits."""

    def read(self, value: str) -> int | None:
        if not _COUNT.match(value):
            raise ValidationError("no count")
        return int(value)


class Code(Count):
    """A code of Twilio's error dictionary; 0 means that nothing was wrong, and is None."""

    def read(self, value: str) -> int | None:
        return super().read(value) or None


class SipCode(Count):
    """A SIP response code (RFC 3261): three digits."""

    def read(self, value: str) -> int | None:
        code = super().read(value)
        if code is None or not 100 <= code <= 999:
            raise ValidationError("no SIP code")
        return code


class Truth(_Field):
    """`true` or `false`."""

    def read(self, value: str) -> bool:
        if (word := value.lower()) not in ("true", "false"):
            raise ValidationError("neither true nor false")
        return word == "true"


class Share(_Field):
    """A number from 0.0 to 1.0, like a confidence."""

    def read(self, value: str) -> float:
        if not _DECIMAL.match(value) or not 0 <= float(value) <= 1:
            raise ValidationError("no share")
        return float(value)


class Price(_Field):
    """A decimal number, kept as text so that nothing is rounded on the way into PostgreSQL."""

    def read(self, value: str) -> str:
        if not _DECIMAL.match(value):
            raise ValidationError("no price")
        return value


class Moment(_Field):
    """A time, in RFC 2822 (calls, recordings) or ISO 8601 (transcriptions, alerts); UTC if it names no zone."""

    def read(self, value: str) -> datetime:
        if (at := moment(value)) is None:
            raise ValidationError("no time")
        return at


class CarrierMoment(_Field):
    """`YYMMDDhhmm` in UTC: a carrier's receipt, exact to the minute, and at times before the text was sent."""

    def read(self, value: str) -> datetime:
        try:
            return datetime.strptime(value, "%y%m%d%H%M").replace(tzinfo=UTC) if _DONE.match(value) else _refuse()
        except ValueError:
            return _refuse()


def _refuse() -> datetime:
    raise ValidationError("no time")


def moment(text: str) -> datetime | None:
    """An aware UTC time, or None if `text` is none of Twilio's ways to write one."""
    if not text or len(text) > _LONGEST_TIME:
        return None
    try:
        at = datetime.fromisoformat(text) if text[0].isdigit() else parsedate_to_datetime(text)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return at if at.year in _YEARS else None
