from hypothesis import given
from hypothesis import strategies as st

from shared.domain.backoff import DELIVERY_S, LONGEST_S, delay_s, delivery_delay_s

jitter = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 10_000), jitter)
def test_a_delay_is_never_zero_and_never_longer_than_the_longest(attempt, random):
    assert 0 < delay_s(attempt, random) <= LONGEST_S


def test_delays_grow_twofold_until_the_longest():
    assert [delay_s(attempt, 0.999999) for attempt in (1, 2, 3)] == [
        delay_s(1, 0.999999) * factor for factor in (1, 2, 4)
    ]
    assert round(delay_s(50, 0.999999)) == LONGEST_S
    assert round(delay_s(50, 0.999999, longest_s=60)) == 60


@given(jitter)
def test_we_never_come_back_earlier_than_we_were_asked_to(random):
    assert delay_s(1, random, retry_after_s=30.0) >= 30.0
    assert (delivery_delay_s(1, random, retry_after_s=3600.0) or 0) >= 3600.0


@given(st.integers(1, len(DELIVERY_S)), jitter)
def test_deliveries_keep_to_their_schedule_within_ten_percent(attempt, random):
    planned = DELIVERY_S[attempt - 1]
    assert 0.9 * planned <= (delivery_delay_s(attempt, random) or 0) <= 1.1 * planned


def test_after_the_last_entry_of_the_schedule_nothing_is_tried_again():
    assert delivery_delay_s(len(DELIVERY_S) + 1, 0.5) is None
