"""When a subscriber is worth a request."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.circuit import (
    GIVEN_UP_AFTER,
    LONGEST_PAUSE_S,
    TRIP,
    Health,
    after,
    at_rate,
    probing,
    room,
    unanswered,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LONGEST_S = 300.0


def soon(seconds):
    return NOW + timedelta(seconds=seconds)


def failed(times, health=None):
    health = health or Health()
    for n in range(times):
        health = after(health, "ill", soon(n), longest_s=LONGEST_S)
    return health


def due(health):
    assert health.probe_at is not None
    return health.probe_at


def test_it_opens_with_the_last_of_so_many_failures_running_and_not_before():
    assert failed(TRIP - 1).circuit == "closed"
    opened = failed(TRIP)
    assert (opened.circuit, opened.probe_at, opened.failing_since) == ("open", soon(TRIP - 1 + 5), NOW)


@pytest.mark.parametrize("verdict", ["well", "refused"])
def test_whoever_answers_is_there(verdict):
    answered = after(failed(TRIP), verdict, soon(60), longest_s=LONGEST_S)
    assert (answered.circuit, answered.failures, answered.failing_since, answered.probe_at) == ("closed", 0, None, None)
    assert (answered.last_success_at is not None) == (verdict == "well")


def test_each_failed_probe_is_followed_by_twice_the_wait_up_to_the_longest():
    health, waits = failed(TRIP), []
    for _ in range(8):
        at = due(health)
        health = after(probing(health, at, answer_within_s=60), "ill", at, longest_s=LONGEST_S)
        waits.append((due(health) - at).total_seconds())
    assert waits == [10, 20, 40, 80, 160, 300, 300, 300]


def test_an_answer_that_was_under_way_when_it_opened_puts_no_probe_off():
    assert after(failed(TRIP), "ill", soon(30), longest_s=LONGEST_S).probe_at == failed(TRIP).probe_at


def test_a_probe_that_asked_nothing_is_followed_by_the_next_at_once():
    asked = probing(failed(TRIP), soon(60), answer_within_s=60)
    assert unanswered(asked, soon(61)).probe_at == soon(61)
    assert unanswered(Health(), NOW) == Health()


def test_quiet_is_kept_for_as_long_as_was_asked_and_an_hour_at_the_most():
    asked = after(Health(), "ill", NOW, longest_s=LONGEST_S, pause_s=90)
    assert room(asked, soon(89), concurrency=8, in_hand=0) == 0
    assert room(asked, soon(90), concurrency=8, in_hand=0) > 0
    assert after(Health(), "ill", NOW, longest_s=LONGEST_S, pause_s=1e9).paused_until == soon(LONGEST_PAUSE_S)


def test_room_is_what_is_not_in_hand_less_while_it_fails_and_one_for_a_probe():
    assert [room(Health(), NOW, concurrency=8, in_hand=n) for n in (0, 3, 8, 9)] == [8, 5, 0, 0]
    assert room(failed(3), NOW, concurrency=8, in_hand=0) == TRIP - 3
    opened = failed(TRIP)
    assert [room(opened, at, concurrency=8, in_hand=5) for at in (NOW, due(opened))] == [0, 1]


def test_days_of_nothing_but_failures_give_it_up():
    health = replace(failed(TRIP), failing_since=NOW - GIVEN_UP_AFTER)
    assert health.is_given_up
    assert not failed(TRIP).is_given_up
    assert not Health().is_given_up


@given(st.floats(0.1, 100), st.lists(st.tuples(st.floats(0, 3), st.integers(1, 50)), max_size=40))
def test_no_more_go_than_the_rate_and_a_seconds_worth(rate_per_s, asks):
    free_at, at, gone = NOW - timedelta(days=1), NOW, 0
    for wait_s, wanted in asks:
        at += timedelta(seconds=wait_s)
        count, free_at = at_rate(free_at, at, rate_per_s=rate_per_s, wanted=wanted)
        assert 0 <= count <= wanted
        gone += count
    assert gone <= ((at - NOW).total_seconds() + 1) * rate_per_s + 1.001
