"""Retry-After in either form."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.retry_after import seconds_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [("17", 17.0), (" 17 ", 17.0), ("0", 0.0), ("9" * 5000, 3600.0), ("-3", None), ("", None), ("soon", None), ("²", None)],
)  # fmt: skip
def test_seconds(text, wait_s):
    assert seconds_of(text, NOW, longest_s=3600.0) == wait_s


@pytest.mark.parametrize(("in_s", "wait_s"), [(90, 90.0), (-90, 0.0), (86_400, 3600.0)])
def test_a_date(in_s, wait_s):
    text = format_datetime(NOW + timedelta(seconds=in_s), usegmt=True)
    assert seconds_of(text, NOW, longest_s=3600.0) == wait_s


@given(st.text())
def test_no_text_breaks_it(text):
    wait_s = seconds_of(text, NOW, longest_s=60.0)
    assert wait_s is None or 0 <= wait_s <= 60
