"""What is true of a text after all that Twilio has said of it, in whatever order and however often it was said.

The same rules as SQL are in `shared/db/messages.py: advance` and `shared/db/message_steps.py`; a test compares the two.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from shared.domain.status import MESSAGE_FINAL, MESSAGE_RANK, standing

# Ends that say that nobody got the text, and those that say that somebody did: with these no error code is true any more. A
# code may ride on a status on the way, from an earlier try of Twilio's; it counts while that status stands.
MESSAGE_ARRIVED: Final = frozenset({"received", "delivered", "read"})
MESSAGE_LOST: Final = frozenset({"failed", "canceled", "undelivered"})
_PRICE_STEP: Final = Decimal("0.000001")  # as exact as the column


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What Twilio says of a text of ours. None: it does not say. `price` is Twilio's decimal, negative if it is charged."""

    status: str
    error_code: int | None = None
    segments: int | None = None
    price: str | None = None
    price_unit: str | None = None
    carrier_done_at: datetime | None = None
    messaging_service_sid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What stands. `is_conflicted`: two ends were heard that cannot both be true."""

    status: str | None
    error_code: int | None
    is_conflicted: bool
    segments: int | None
    price: Decimal | None
    price_unit: str | None
    carrier_done_at: datetime | None
    messaging_service_sid: str | None


def life(reports: Iterable[Report]) -> Life:
    """What `reports` come to. No rule asks which came first: each takes the greatest of something, or a set."""
    heard = list(reports)
    stands = _stands({report.status for report in heard})
    return Life(
        status=stands,
        error_code=_error_code(stands, heard),
        is_conflicted=is_conflicted({report.status for report in heard}),
        segments=max((it.segments for it in heard if it.segments is not None), default=None),
        price=max((Decimal(it.price).quantize(_PRICE_STEP) for it in heard if it.price is not None), default=None),
        price_unit=max((it.price_unit for it in heard if it.price_unit is not None), default=None),
        carrier_done_at=max((it.carrier_done_at for it in heard if it.carrier_done_at is not None), default=None),
        messaging_service_sid=max(
            (it.messaging_service_sid for it in heard if it.messaging_service_sid is not None), default=None
        ),
    )


def outcome(status: str) -> str | None:
    """What an end says became of the text; None if `status` is no end. Who has read it has got it."""
    if status not in MESSAGE_FINAL:
        return None
    return "delivered" if status == "read" else status


def is_conflicted(statuses: Iterable[str]) -> bool:
    """Whether two of them are ends of different outcomes."""
    return len({outcome(status) for status in statuses} - {None}) > 1


def _stands(statuses: Iterable[str]) -> str | None:
    """The status that is furthest along. One that Twilio invented since is none of ours."""
    return max((s for s in statuses if s in MESSAGE_RANK), key=lambda s: standing(MESSAGE_RANK, s), default=None)


def _error_code(stands: str | None, heard: list[Report]) -> int | None:
    """The code heard with the status that stands; of an end, else that of the next end; of two the greater."""
    codes = [
        (standing(MESSAGE_RANK, it.status), it.error_code, it.status)
        for it in heard
        if it.status in MESSAGE_RANK and it.error_code is not None
    ]
    _, code, status = max(codes, default=(0, None, ""))
    is_its_own = stands not in MESSAGE_ARRIVED and (status == stands or status in MESSAGE_LOST)
    return code if is_its_own else None
