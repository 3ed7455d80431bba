"""Texts as Twilio tells of them: its answer to a new one, its report of one, and how ours is known among many."""

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

# Our clock and Twilio's differ by less, and its times have no fractions of a second.
_SLACK: Final = timedelta(minutes=1)
# Twilio writes this before every text of a trial account.
_TRIAL: Final = "Sent from your Twilio trial account - "


@dataclass(frozen=True, slots=True)
class Sent:
    """A text that Twilio has taken. `from_number` is empty while a Messaging Service has not chosen its sender.

    `segments` is None while Twilio does not say; `price` is its decimal. `concurrency`: the account's requests that it was
    working on when it answered; `request_id` names the request to Twilio's support. Both come with an answer only.
    """

    message_sid: str
    account_sid: str
    status: str
    segments: int | None
    from_number: str = ""
    messaging_service_sid: str = ""
    media_count: int = 0
    error_code: int | None = None
    price: str | None = None
    price_unit: str | None = None
    created_at: datetime | None = None
    concurrency: int | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Reported:
    """What Twilio says of one text now. `price` is its decimal, negative if it is charged; None: not said yet."""

    message_sid: str
    status: str
    error_code: int | None
    segments: int | None
    price: str | None
    price_unit: str | None
    from_number: str
    messaging_service_sid: str
    media_count: int
    created_at: datetime | None
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sought:
    """A text of ours that Twilio may have taken, by what is known of it. `until` None: no latest time.

    `bodies`: what it may read by now (smart encoding changes it). `media_count` None: not known.
    """

    bodies: Collection[str]
    since: datetime
    until: datetime | None = None
    messaging_service_sid: str = ""
    media_count: int | None = None

    def is_too_old(self, found: Any) -> bool:
        return not found.date_created or found.date_created < self.since - _SLACK

    def is_like(self, found: Any) -> bool:
        """Whether `found`, a message of the SDK, may be it. In doubt yes: a text missed here would be sent twice."""
        return (
            not self.is_too_old(found)
            and (self.until is None or found.date_created <= self.until + _SLACK)
            and found.direction not in ("inbound", "outbound-reply")
            and self.messaging_service_sid in ("", found.messaging_service_sid)
            and self._reads_so(found)
        )

    def _reads_so(self, found: Any) -> bool:
        media = int(found.num_media or 0)
        if not found.body and not media:
            return True  # no text is empty: Twilio keeps the content of this one to itself (redaction)
        if self.media_count is not None and media not in (0, self.media_count):
            return False
        if self.media_count == 0 and media:
            return False
        return _plain(found.body or "") in {_plain(body) for body in self.bodies}


def sent_of(message: Any, *, concurrency: int | None = None, request_id: str = "") -> Sent:
    """The SDK's message, as we speak of it."""
    return Sent(
        message_sid=message.sid or "",
        account_sid=message.account_sid or "",
        status=str(message.status),
        segments=_segments(message),
        from_number=message.from_ or "",
        messaging_service_sid=message.messaging_service_sid or "",
        media_count=int(message.num_media or 0),
        error_code=message.error_code,
        price=message.price,
        price_unit=message.price_unit,
        created_at=message.date_created,
        concurrency=concurrency,
        request_id=request_id,
    )


def reported_of(message: Any) -> Reported:
    return Reported(
        message_sid=message.sid or "",
        status=str(message.status),
        error_code=message.error_code,
        segments=_segments(message),
        price=message.price,
        price_unit=message.price_unit,
        from_number=message.from_ or "",
        messaging_service_sid=message.messaging_service_sid or "",
        media_count=int(message.num_media or 0),
        created_at=message.date_created,
        sent_at=message.date_sent,
    )


def _plain(body: str) -> str:
    """The body without what may change on its way: white space, control characters, a trial account's preface."""
    visible = "".join(c if c.isspace() else "" if unicodedata.category(c) == "Cc" else c for c in body)
    return " ".join(visible.split()).removeprefix(_TRIAL.strip()).strip()


def _segments(message: Any) -> int | None:
    """Twilio says 0 while a Messaging Service has not chosen its sender."""
    text = message.num_segments
    return int(text) if text and text.isdigit() and text != "0" else None
