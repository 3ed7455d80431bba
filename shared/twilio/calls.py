"""Calls as Twilio tells of them: one that it has made for us, and how ours is known among many."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

# Our clock and Twilio's differ by less, and its times have no fractions of a second.
_SLACK: Final = timedelta(minutes=1)
_OF_THE_API: Final = "outbound-api"


@dataclass(frozen=True, slots=True)
class Dialled:
    """A call that Twilio has taken. `status` is its word; `created_at` None: it does not say."""

    call_sid: str
    account_sid: str
    status: str
    created_at: datetime | None = None


def dialled_of(call: Any) -> Dialled:
    """The SDK's call, as we speak of it."""
    return Dialled(call.sid or "", call.account_sid or "", str(call.status), call.date_created)


def is_too_old(call: Any, since: datetime) -> bool:
    """Whether it was made before `since`. A call without a date may be ours: in doubt no, one missed would be dialled twice."""
    return call.date_created is not None and call.date_created < since - _SLACK


def may_be_ours(call: Any, since: datetime) -> bool:
    """Whether `call`, of the SDK, may be one that we have asked for since then."""
    return call.direction in (None, _OF_THE_API) and not is_too_old(call, since)
