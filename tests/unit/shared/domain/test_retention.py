from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from shared.domain.retention import Policy, class_of, is_class, is_over_age, is_released, policy

NOW = datetime(2026, 11, 28, tzinfo=UTC)
ROWS = (None, Policy(None, None), Policy(30, 0), Policy(7, None))


@pytest.mark.parametrize(("own", "everybodys", "by_settings"), [*product(ROWS, ROWS, ROWS[1:])])
def test_the_tenants_row_counts_then_everybodys_then_the_settings(own, everybodys, by_settings):
    first = next(row for row in (own, everybodys, by_settings) if row is not None)
    assert policy(own, everybodys, by_settings) == first


def test_a_class_is_by_hand_or_by_how_the_recording_was_made():
    assert [class_of(None, source) for source in ("RecordVerb", "DialVerb", None)] == ["voicemail", "call", "call"]
    assert class_of("dispute", "RecordVerb") == "dispute"


def test_days_count_to_the_second_and_none_is_for_ever():
    kept = Policy(1, 1)
    for is_due in (is_over_age, is_released):
        assert is_due(kept, NOW - timedelta(days=1), NOW)
        assert not is_due(kept, NOW - timedelta(days=1) + timedelta(seconds=1), NOW)
        assert not is_due(Policy(None, None), NOW - timedelta(days=40_000), NOW)
    assert is_released(Policy(None, 0), NOW, NOW)


@pytest.mark.parametrize(("name", "is_good"), [("call", True), ("a-1", True), ("", False), ("1a", False), ("A", False),
                                               ("a" * 41, False), ("a\n", False)])  # fmt: skip
def test_what_a_class_may_be_called(name, is_good):
    assert is_class(name) is is_good
