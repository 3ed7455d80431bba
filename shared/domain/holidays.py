"""The federal holidays of the USA (5 U.S.C. 6103), by date: the day itself, and the weekday on which it is observed."""

from datetime import date, timedelta
from functools import lru_cache
from typing import Final

_FIXED: Final = ((1, 1), (6, 19), (7, 4), (11, 11), (12, 25))
# (month, weekday with Monday 0, which one of the month; -1 the last): King, Washington, Memorial, Labor, Columbus,
# Thanksgiving.
_MOVING: Final = ((1, 0, 3), (2, 0, 3), (5, 0, -1), (9, 0, 1), (10, 0, 2), (11, 3, 4))
_SATURDAY, _SUNDAY = 5, 6


def is_holiday(day: date) -> bool:
    """Whether `day` is a federal holiday or the weekday in its place: Friday for a Saturday, Monday for a Sunday."""
    return day in _around(day.year)


@lru_cache(maxsize=16)
def _around(year: int) -> frozenset[date]:
    """Also of the years beside it: New Year's Day on a Saturday is observed on 31 December."""
    return frozenset(day for y in range(max(1, year - 1), min(9998, year + 1) + 1) for day in _of(y))


def _of(year: int) -> list[date]:
    fixed = [date(year, month, day) for month, day in _FIXED]
    moving = [_nth(year, *rule) for rule in _MOVING]
    return fixed + moving + [_observed(day) for day in fixed if day.weekday() >= _SATURDAY]


def _observed(day: date) -> date:
    return day + timedelta(days=1) if day.weekday() == _SUNDAY else day - timedelta(days=1)


def _nth(year: int, month: int, weekday: int, which: int) -> date:
    if which > 0:
        first = date(year, month, 1)
        return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (which - 1))
    last = date(year, month + 1, 1) - timedelta(days=1)
    return last - timedelta(days=(last.weekday() - weekday) % 7)
