"""When a text may arrive: the first moment that every candidate time zone and every rule allows."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.domain.holidays import is_holiday
from shared.domain.law import CallingRule, Span

# Past two weeks no rule in the data is still closed (the longest are a holiday beside a Sunday): what finds nothing until
# then has no hour in common, as the far ends of the world may have.
HORIZON = timedelta(days=14)


def next_allowed(now: datetime, zones: Sequence[str], rules: Sequence[CallingRule]) -> datetime | None:
    """The first moment, at or after `now`, at which all `rules` are open in all `zones` (IANA names); in UTC.

    None if there is none within `HORIZON`, or no zone at all: then nobody can say what time it is there.

    Raises ValueError when `now` is naive, ZoneInfoNotFoundError (a KeyError) for an unknown zone.
    """
    if now.tzinfo is None:
        raise ValueError("now must carry a time zone")
    moment, clocks = now.astimezone(UTC), [ZoneInfo(name) for name in zones]
    latest = moment + HORIZON
    while clocks and moment <= latest:
        opens = [_next_open(moment, zone, rule) for zone in clocks for rule in rules]
        last = max((each for each in opens if each), default=moment)
        if None in opens:
            return None
        if last == moment:
            return moment
        moment = last
    return None


def _next_open(moment: datetime, zone: ZoneInfo, rule: CallingRule) -> datetime | None:
    """`moment` if `rule` is open then in `zone`, else when it opens next. None: not within `HORIZON`."""
    today = moment.astimezone(zone).date()
    if _is_open(moment, zone, rule):
        return moment
    for days in range(HORIZON.days + 1):
        day = today + timedelta(days=days)
        if (span := _span(rule, day)) and (opens := _at(day, span[0], zone)) > moment:
            return opens
    return None


def _is_open(moment: datetime, zone: ZoneInfo, rule: CallingRule) -> bool:
    local = moment.astimezone(zone)
    span = _span(rule, local.date())
    return span is not None and span[0] <= local.hour * 60 + local.minute < span[1]


def _span(rule: CallingRule, day: date) -> Span | None:
    return None if not rule.is_open_on_holidays and is_holiday(day) else rule.week[day.weekday()]


def _at(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """The wall clock's `minutes` of `day`. In a gap of daylight saving it is the moment after the gap."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    return (midnight + timedelta(minutes=minutes)).astimezone(
        UTC
    )  # wall clock arithmetic: an aware datetime ignores DST
