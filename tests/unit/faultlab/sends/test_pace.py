"""The burst meter: exact windows, and the tolerance that is stated."""

from hypothesis import given
from hypothesis import strategies as st

from ops.faultlab.sends.pace import WINDOWS_S, allowed, most_in, rate_of

SECOND = 1_000_000_000
SENT = st.lists(st.tuples(st.integers(0, 30 * SECOND), st.integers(1, 4)), max_size=40)


def test_a_window_holds_what_is_in_it_and_not_what_is_at_its_far_edge():
    assert most_in([(0, 1), (SECOND, 1)], 1.0) == 1
    assert most_in([(0, 1), (SECOND - 1, 2)], 1.0) == 3
    assert most_in([], 1.0) == 0


@given(SENT, st.sampled_from(WINDOWS_S))
def test_the_most_is_that_of_the_fullest_window_that_begins_with_a_text(sent, window_s):
    counted = [
        sum(segments for at_ns, segments in sent if begin <= at_ns < begin + window_s * SECOND) for begin, _ in sent
    ]
    assert most_in(sent, window_s) == max(counted, default=0)


@given(st.integers(1, 100), st.integers(1, 4), st.sampled_from(WINDOWS_S), st.data())
def test_a_sender_that_keeps_its_pace_is_never_accused_however_late_each_text_arrives(rate, segments, window_s, data):
    """What the pacing does: the next text leaves when the last one's segments are paid for."""
    lateness = data.draw(st.lists(st.integers(0, SECOND // 2 - 1), min_size=30, max_size=30))
    sent = [(int(n * segments * SECOND / rate) + late, segments) for n, late in enumerate(lateness)]
    assert most_in(sent, window_s) <= allowed(rate, window_s, sent)


def test_twice_the_rate_is_seen_within_ten_seconds():
    sent = [(n * SECOND // 2, 1) for n in range(40)]
    assert most_in(sent, 10.0) > allowed(1.0, 10.0, sent)
    assert rate_of(sent) == 2.0
    assert rate_of(sent[:1]) == 0.0
