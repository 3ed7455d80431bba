"""When a business takes calls: spans of the wall clock for each day of the week, and the days on which it does not."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from shared.domain.holidays import is_holiday

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN: Final = 24 * 60
# From five in the afternoon to eight in the morning, the usual night. What is longer is a slip: "09:00 to 05:00" means 17:00.
LONGEST_NIGHT_MIN: Final = 15 * 60
# Minutes of the wall clock: from, up to and not including. Beyond 1,440 it is the next day: a night belongs to the day on
# which it begins.
Span = tuple[int, int]
_CLOCK: Final = re.compile(r"(\d{1,2}):([0-5]\d)\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hours:
    """When the business takes calls: spans of each day (Monday first) on the wall clock of `zone` (IANA).

    Where the clock is put forward, the hour that is left out is never; where it is put back, the hour that comes twice
    counts twice. A day closed (a holiday, one of `closed_on`) is closed with the night that begins on it, and without the
    end of the night before. Raises ValueError for an unknown zone, or a week that has not seven days.
    """

    zone: str
    week: tuple[tuple[Span, ...], ...]
    is_open_on_us_holidays: bool = True
    closed_on: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if len(self.week) != len(DAYS):
            raise ValueError(f"a week of {len(self.week)} days")
        try:
            _zone(self.zone)
        except (KeyError, ValueError, OSError):  # not there; no name of a zone; a folder of zones
            raise ValueError("no time zone of that name") from None

    def is_open(self, now: datetime) -> bool:
        """Whether `now` (aware) is within them."""
        local = now.astimezone(_zone(self.zone))
        day, minute = local.date(), local.hour * 60 + local.minute
        return self._has(day, minute) or self._has(day - timedelta(days=1), minute + DAY_MIN)

    def _has(self, day: date, minute: int) -> bool:
        """Whether a span that begins on `day` has that minute, counted from the day's first."""
        if not any(opens <= minute < closes for opens, closes in self.week[day.weekday()]):
            return False
        return day not in self.closed_on and (self.is_open_on_us_holidays or not is_holiday(day))


@lru_cache(maxsize=1_000)  # there are some 600; zoneinfo itself keeps eight, and would read a file during a call
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def overlaps(week: Sequence[Sequence[Span]]) -> list[tuple[int, int]]:
    """The spans that begin before the one before them has ended: (day, position in its day). The week is a circle."""
    placed = [(day * DAY_MIN + opens, day * DAY_MIN + closes, day, at)
              for day, spans in enumerate(week) for at, (opens, closes) in enumerate(spans)]  # fmt: skip
    if not placed:
        return []
    first = placed[0]
    around = (first[0] + 7 * DAY_MIN, first[1] + 7 * DAY_MIN, *first[2:])
    return [(later[2], later[3]) for earlier, later in pairwise([*placed, around]) if later[0] < earlier[1]]


# The document. ----------------------------------------------------------------------------------------------------------


def hours_of(said: Mapping[str, Any]) -> Hours:
    """The hours in a parsed JSON document. Raises ValueError, KeyError or TypeError for what is none."""
    week = said["week"]
    return Hours(
        zone=said["zone"],
        week=tuple(tuple(span(*each) for each in week.get(day, ())) for day in DAYS),
        is_open_on_us_holidays=said.get("us_holidays", "open") == "open",
        closed_on=frozenset(date.fromisoformat(day) for day in said.get("closed_on", ())),
    )


def hours_document(hours: Hours) -> dict[str, Any]:
    """What `hours_of` reads back as the same."""
    return {
        "zone": hours.zone,
        "week": {
            day: [[_clock(opens), _clock(closes if closes <= DAY_MIN else closes - DAY_MIN)] for opens, closes in spans]
            for day, spans in zip(DAYS, hours.week, strict=True)
        },
        "us_holidays": "open" if hours.is_open_on_us_holidays else "closed",
        "closed_on": sorted(day.isoformat() for day in hours.closed_on),
    }


def span(opens: str, closes: str) -> Span:
    """`09:00` to `17:00`; `18:00` to `02:00` ends on the next day; `24:00` and, as an end, `00:00` are midnight.

    Raises ValueError.
    """
    begin, end = minutes(opens), minutes(closes) or DAY_MIN
    if begin in (end, DAY_MIN):
        raise ValueError("it ends where it begins")
    if end > begin:
        return begin, end
    if DAY_MIN - begin + end > LONGEST_NIGHT_MIN:
        raise ValueError(
            f"its end is before its beginning, and for a night it is longer than {LONGEST_NIGHT_MIN // 60} h"
        )
    return begin, end + DAY_MIN


def minutes(word: str) -> int:
    """The minute of the day that `HH:MM` is, 0 to 1,440. Raises ValueError."""
    found = _CLOCK.match(word)
    minute = int(found[1]) * 60 + int(found[2]) if found else -1
    if not 0 <= minute <= DAY_MIN:
        raise ValueError("must be a time between 00:00 and 24:00")
    return minute


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
