from datetime import date

import pytest

from shared.domain.holidays import is_holiday

# Office of Personnel Management, federal holidays of 2026 and around: the days and the weekdays of their observance.
HOLIDAYS_2026 = [
    (1, 1),
    (1, 19),
    (2, 16),
    (5, 25),
    (6, 19),
    (7, 3),
    (7, 4),
    (9, 7),
    (10, 12),
    (11, 11),
    (11, 26),
    (12, 25),
]


def test_a_year_has_its_holidays_and_no_others():
    days = [date.fromordinal(n) for n in range(date(2026, 1, 1).toordinal(), date(2027, 1, 1).toordinal())]
    assert [(day.month, day.day) for day in days if is_holiday(day)] == HOLIDAYS_2026


@pytest.mark.parametrize(
    "day",
    [date(2021, 12, 31), date(2022, 1, 1), date(2022, 12, 26), date(2027, 6, 18), date(2024, 5, 27), date(2025, 5, 26)],
)
def test_the_weekday_in_place_of_a_holiday_is_one_also_across_the_year(day):
    assert is_holiday(day)


@pytest.mark.parametrize(
    "day", [date(2021, 12, 30), date(2023, 12, 26), date(2026, 7, 6), date(1, 1, 2), date(9999, 12, 30)]
)
def test_other_days_are_none(day):
    assert not is_holiday(day)
