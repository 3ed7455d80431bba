"""When a business takes calls: the wall clock, its gaps and repetitions, nights, and days closed."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import hours
from shared.domain.hours import DAY_MIN, DAYS, Hours, hours_document, hours_of, overlaps, span

ZONE = "America/Los_Angeles"
# 2026: 8 March the clock goes from 02:00 to 03:00, 1 November from 02:00 back to 01:00. 2 March is a Monday.


def open_on(zone=ZONE, closed_on=(), us_holidays="open", **week):
    return hours_of({"zone": zone, "week": week, "closed_on": list(closed_on), "us_holidays": us_holidays})


def at(text, zone=ZONE):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


class TestDays:
    OFFICE = open_on(**{day: [["08:00", "12:00"], ["13:00", "17:00"]] for day in DAYS[:5]})

    @pytest.mark.parametrize(("moment", "is_open"), [
        ("2026-03-02T07:59:59.999999", False), ("2026-03-02T08:00", True), ("2026-03-02T11:59:59", True),
        ("2026-03-02T12:00", False), ("2026-03-02T13:00", True), ("2026-03-02T17:00", False),
        ("2026-03-06T16:59", True), ("2026-03-07T10:00", False), ("2026-03-08T10:00", False),
    ])  # fmt: skip
    def test_a_span_has_its_first_minute_and_not_its_end(self, moment, is_open):
        assert self.OFFICE.is_open(at(moment)) is is_open

    def test_the_clock_is_the_businesss_whatever_zone_the_moment_is_told_in(self):
        monday_eight_in_los_angeles = datetime(2026, 3, 2, 16, tzinfo=UTC)
        assert self.OFFICE.is_open(monday_eight_in_los_angeles)
        assert self.OFFICE.is_open(monday_eight_in_los_angeles.astimezone(ZoneInfo("Asia/Tokyo")))
        assert not open_on("America/New_York", mon=[["08:00", "10:00"]]).is_open(monday_eight_in_los_angeles)

    def test_a_day_may_be_open_to_midnight_and_the_next_from_there(self):
        always = open_on(**{day: [["00:00", "24:00"]] for day in DAYS})
        start = datetime(2026, 3, 1, tzinfo=UTC)
        assert all(always.is_open(start + timedelta(minutes=minute)) for minute in range(0, 14 * DAY_MIN, 7))

    def test_of_no_spans_it_is_never_open(self):
        never = open_on()
        start = datetime(2026, 3, 1, tzinfo=UTC)
        assert not any(never.is_open(start + timedelta(hours=hour)) for hour in range(8 * 24))


class TestNights:
    BAR = open_on(fri=[["18:00", "02:00"]])

    @pytest.mark.parametrize(("moment", "is_open"), [
        ("2026-03-06T17:59", False), ("2026-03-06T18:00", True), ("2026-03-06T23:59:59", True),
        ("2026-03-07T00:00", True), ("2026-03-07T01:59", True), ("2026-03-07T02:00", False), ("2026-03-06T01:00", False),
        ("2026-03-07T18:00", False),
    ])  # fmt: skip
    def test_a_night_goes_on_into_the_next_day(self, moment, is_open):
        assert self.BAR.is_open(at(moment)) is is_open

    def test_a_sundays_night_ends_on_monday(self):
        on_call = open_on(sun=[["17:00", "08:00"]])
        assert on_call.is_open(at("2026-03-09T07:59"))
        assert not on_call.is_open(at("2026-03-09T08:00"))

    def test_a_night_that_began_on_an_open_day_goes_on_into_a_closed_one(self):
        bar = open_on(thu=[["18:00", "02:00"]], fri=[["18:00", "02:00"]], closed_on=["2026-12-25"])
        assert bar.is_open(at("2026-12-25T01:00"))
        assert not bar.is_open(at("2026-12-25T20:00"))
        assert not bar.is_open(at("2026-12-26T01:00"))


class TestClockChanges:
    def test_the_hour_that_is_left_out_is_never(self):
        early = open_on(sun=[["02:00", "03:00"]])
        start = datetime(2026, 3, 8, 8, tzinfo=UTC)
        assert not any(early.is_open(start + timedelta(minutes=minute)) for minute in range(DAY_MIN))
        assert early.is_open(at("2026-03-15T02:30"))

    def test_a_span_around_it_is_an_hour_shorter(self):
        night = open_on(sun=[["01:00", "05:00"]])
        start = datetime(2026, 3, 8, 8, tzinfo=UTC)  # midnight
        assert sum(night.is_open(start + timedelta(minutes=minute)) for minute in range(DAY_MIN - 60)) == 3 * 60

    def test_the_hour_that_comes_twice_counts_twice(self):
        night = open_on(sun=[["01:00", "02:00"]])
        start = datetime(2026, 11, 1, 7, tzinfo=UTC)  # midnight
        assert sum(night.is_open(start + timedelta(minutes=minute)) for minute in range(DAY_MIN + 60)) == 2 * 60

    def test_a_night_into_the_change_ends_when_the_clock_says_so(self):
        night = open_on(sat=[["22:00", "02:30"]])
        assert night.is_open(datetime(2026, 3, 8, 9, 59, tzinfo=UTC))  # 01:59
        assert not night.is_open(datetime(2026, 3, 8, 10, 0, tzinfo=UTC))  # 03:00: 02:30 never came


class TestClosedDays:
    def test_a_day_closed_is_closed_from_midnight_to_midnight(self):
        shop = open_on(thu=[["00:00", "24:00"]], fri=[["00:00", "24:00"]], closed_on=["2026-12-24"])
        assert not shop.is_open(at("2026-12-24T00:00"))
        assert not shop.is_open(at("2026-12-24T23:59"))
        assert shop.is_open(at("2026-12-25T00:00"))

    @pytest.mark.parametrize(("said", "is_open"), [("open", True), ("closed", False)])
    @pytest.mark.parametrize(
        "day", ["2026-07-03", "2026-11-26", "2027-12-31"]
    )  # two of them are the weekday in its place
    def test_the_federal_holidays_are_as_it_is_said(self, day, said, is_open):
        shop = open_on(us_holidays=said, **{name: [["09:00", "17:00"]] for name in DAYS})
        assert shop.is_open(at(f"{day}T10:00")) is is_open

    def test_whose_day_it_is_is_judged_where_the_business_is(self):
        shop = open_on(fri=[["00:00", "24:00"]], closed_on=["2026-12-25"])
        assert not shop.is_open(datetime(2026, 12, 26, 7, 59, tzinfo=UTC))


class TestWords:
    @pytest.mark.parametrize(("opens", "closes", "found"), [
        ("09:00", "17:00", (540, 1020)), ("9:00", "17:00", (540, 1020)), ("00:00", "24:00", (0, 1440)),
        ("00:00", "00:00", (0, 1440)), ("18:00", "00:00", (1080, 1440)), ("18:00", "02:00", (1080, 1560)),
        ("17:00", "08:00", (1020, 1920)), ("08:00", "00:00", (480, 1440)),
    ])  # fmt: skip
    def test_a_span_is_read(self, opens, closes, found):
        assert span(opens, closes) == found

    @pytest.mark.parametrize(("opens", "closes"), [
        ("09:00", "09:00"), ("09:00", "05:00"), ("16:59", "08:00"), ("24:00", "02:00"), ("24:00", "24:00"), ("24:01", "25:00"),
        ("09:60", "10:00"), ("9", "10"), ("", "10:00"), ("-1:00", "10:00"), ("09:00 ", "10:00"), ("٠٩:٠٠", "10:00"),
        ("09:00:00", "10:00"), ("09:5", "10:00"), ("9am", "5pm"),
    ])  # fmt: skip
    def test_what_cannot_be_meant_is_none(self, opens, closes):
        with pytest.raises(ValueError, match=r"."):
            span(opens, closes)

    @pytest.mark.parametrize(
        "zone", ["", "Mars/Base", "America", "../../etc/passwd", "/etc/localtime", "america los angeles"]
    )
    def test_an_unknown_zone_is_refused_when_it_is_read_and_not_during_a_call(self, zone):
        with pytest.raises(ValueError, match="no time zone"):
            open_on(zone)

    def test_a_week_has_seven_days(self):
        with pytest.raises(ValueError, match="6 days"):
            Hours(ZONE, ((),) * 6)


class TestOverlaps:
    @pytest.mark.parametrize(("week", "found"), [
        ({"mon": [(0, 60), (60, 120)]}, []), ({"mon": [(0, 60), (59, 120)]}, [(0, 1)]),
        ({"mon": [(60, 120), (0, 30)]}, [(0, 1)]),
        ({"mon": [(1080, 1560)], "tue": [(120, 600)]}, []), ({"mon": [(1080, 1560)], "tue": [(119, 600)]}, [(1, 0)]),
        ({"sun": [(1080, 1560)], "mon": [(119, 600)]}, [(0, 0)]), ({"sun": [(1080, 1560)], "mon": [(120, 600)]}, []),
        ({day: [(0, 1440)] for day in DAYS}, []), ({}, []), ({"wed": [(600, 1500)]}, []),
    ])  # fmt: skip
    def test_a_span_that_begins_before_the_one_before_it_has_ended_is_named(self, week, found):
        assert overlaps([week.get(day, []) for day in DAYS]) == found


def spans_of_a_day():
    def made(length, start):
        return (
            (start, start + length)
            if start + length <= DAY_MIN or length <= hours.LONGEST_NIGHT_MIN
            else (start, DAY_MIN)
        )

    return st.lists(st.builds(made, st.integers(1, DAY_MIN), st.integers(0, DAY_MIN - 1)), max_size=3).map(tuple)


# From 2000 to 2100.
any_moment = st.integers(946_684_800, 4_102_444_800).map(lambda at_s: datetime.fromtimestamp(at_s, UTC))
any_hours = st.builds(
    Hours,
    zone=st.sampled_from([ZONE, "UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]),
    week=st.tuples(*[spans_of_a_day()] * 7),
    is_open_on_us_holidays=st.booleans(),
    closed_on=st.frozensets(st.dates(date(2020, 1, 1), date(2040, 1, 1)), max_size=5),
)


@given(any_hours)
def test_a_document_is_read_back_as_what_was_written(written):
    assert hours_of(hours_document(written)) == written


@given(any_hours, any_moment)
def test_at_any_moment_it_is_open_or_not(asked, moment):
    assert asked.is_open(moment) in (True, False)
