from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import data, recipients
from shared.domain import law
from shared.domain.holidays import is_holiday
from shared.domain.law import CallingRule
from shared.domain.quiet_hours import next_allowed

LAW = law.read(data.read("law_us"))
EAST, CENTRAL, PACIFIC = "America/New_York", "America/Chicago", "America/Los_Angeles"


def at(text, zone="UTC"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def rules(*states):
    return (LAW.federal, *(LAW.states[state] for state in states))


@pytest.mark.parametrize(
    ("now", "zones", "states", "then"),
    [
        ("2026-03-04T07:59:59", [EAST], [], "2026-03-04T08:00"),
        ("2026-03-04T08:00:00", [EAST], [], "2026-03-04T08:00"),
        ("2026-03-04T20:59:59", [EAST], [], "2026-03-04T20:59:59"),
        ("2026-03-04T21:00:00", [EAST], [], "2026-03-05T08:00"),
        ("2026-03-04T20:00:00", [EAST], ["FL"], "2026-03-05T08:00"),
        ("2026-03-04T08:30:00", [EAST, CENTRAL], [], "2026-03-04T09:00"),
        ("2026-03-04T20:30:00", [EAST, PACIFIC], [], "2026-03-04T20:30"),
        ("2026-03-04T09:30:00", [EAST, PACIFIC], [], "2026-03-04T11:00"),
        ("2026-03-08T10:00:00", [CENTRAL], ["TX"], "2026-03-08T13:00"),  # a Sunday: from noon in Texas, an hour later here
        ("2026-03-07T21:30:00", [CENTRAL], ["LA"], "2026-03-09T09:00"),  # Saturday evening there: not on Sunday
        ("2026-12-24T22:00:00", [EAST], ["PA"], "2026-12-26T08:00"),  # not on Christmas
        ("2026-07-02T20:30:00", [EAST], ["RI"], "2026-07-06T09:00"),  # Friday observed, Saturday the Fourth, Sunday
    ],
)  # fmt: skip
def test_a_text_waits_until_every_place_allows_it(now, zones, states, then):
    assert next_allowed(at(now, EAST), zones, rules(*states)) == at(then, EAST)


@pytest.mark.parametrize("night", ["2026-03-08", "2026-11-01"])  # the clocks go forward, and back
def test_eight_in_the_morning_is_eight_also_after_the_clocks_have_changed(night):
    found = next_allowed(at(f"{night}T00:30:00", EAST), [EAST], rules())
    assert found is not None
    assert found.astimezone(ZoneInfo(EAST)).isoformat()[:16] == f"{night}T08:00"


def test_a_toll_free_number_has_an_hour_in_common():
    zones = recipients.of("+18005550123").zones
    assert len(zones) == 42
    for month in range(1, 13):
        found = next_allowed(datetime(2026, month, 3, tzinfo=UTC), zones, rules())
        assert found is not None
        assert all(8 <= found.astimezone(ZoneInfo(zone)).hour < 21 for zone in zones)


def test_places_without_a_common_hour_are_told_so():
    narrow = CallingRule("narrow", ((9 * 60, 11 * 60),) * 7)
    assert next_allowed(at("2026-03-04T12:00:00"), ["Asia/Tokyo", EAST], [narrow]) is None
    assert next_allowed(at("2026-03-04T12:00:00"), [EAST], [CallingRule("never", (None,) * 7)]) is None
    assert next_allowed(at("2026-03-04T12:00:00"), [], rules()) is None


def test_a_naive_moment_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        next_allowed(datetime(2026, 3, 4), [EAST], rules())  # noqa: DTZ001 - that is the point


def is_open(moment, zones, all_rules):
    for zone in zones:
        local = moment.astimezone(ZoneInfo(zone))
        for rule in all_rules:
            span = rule.week[local.weekday()]
            minute = local.hour * 60 + local.minute
            is_closed = not rule.is_open_on_holidays and is_holiday(local.date())
            if is_closed or span is None or not span[0] <= minute < span[1]:
                return False
    return True


ZONES = st.lists(st.sampled_from(
    [EAST, CENTRAL, PACIFIC, "America/Phoenix", "Pacific/Honolulu", "America/St_Johns", "America/Puerto_Rico", "Pacific/Guam"]
), min_size=1, max_size=4, unique=True)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
    ZONES,
    st.lists(st.sampled_from([*LAW.states]), max_size=2),
)
def test_it_is_the_very_first_quarter_of_an_hour_that_all_allow(naive, zones, states):
    """Compared with looking at every quarter: all hours of the data and all zones change at one."""
    now = naive.replace(tzinfo=UTC)
    found = next_allowed(now, zones, rules(*states))
    quarter = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    quarters = (quarter + timedelta(minutes=15 * n) for n in range(1, 15 * 96))
    slow = (
        now
        if is_open(now, zones, rules(*states))
        else next((q for q in quarters if is_open(q, zones, rules(*states))), None)
    )
    assert found == (slow if slow and slow <= now + timedelta(days=14) else None)
