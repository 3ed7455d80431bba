"""A subscriber's account of itself: what it was promised and never told, was told twice, or in another order."""

import json
from dataclasses import replace

from ops.benchmarks.caught_up import account
from ops.benchmarks.scenarios.outage import Beside
from ops.benchmarks.subscriber import Note


def note(at_s: float, key: int, nth: int, status: int = 204) -> Note:
    body = json.dumps({"data": {"key": key, "nth": nth}}).encode()
    return Note(int(at_s * 1e9), status, f"{key}-{nth}", body)


WELL = [note(1, 0, 0), note(2, 1, 0), note(3, 0, 1), note(4, 1, 1)]
PROMISED = {one.id for one in WELL}


def test_everything_once_and_in_order():
    found = account(WELL, PROMISED)
    assert (found.told, found.lost, found.doubled, found.strange, found.disordered) == (4, 0, 0, 0, 0)
    assert (found.refused, found.elapsed_s) == (0, 3.0)


def test_what_was_refused_was_not_told():
    found = account([note(0, 0, 0, 503), *WELL[1:]], PROMISED)
    assert (found.told, found.lost, found.refused, found.elapsed_s) == (3, 1, 1, 2.0)


def test_an_id_that_comes_again_is_doubled_and_no_disorder():
    found = account([*WELL, note(5, 0, 0), note(6, 0, 0)], PROMISED)
    assert (found.told, found.doubled, found.disordered) == (4, 1, 0)


def test_the_later_of_a_key_before_the_earlier_is_disorder_other_keys_are_none():
    found = account([WELL[2], WELL[3], WELL[1], WELL[0]], PROMISED)
    assert (found.lost, found.disordered) == (0, 2)
    assert account([WELL[1], WELL[3], WELL[0], WELL[2]], PROMISED).disordered == 0


def test_what_nobody_promised_is_strange():
    assert account([*WELL, replace(WELL[0], id="other")], PROMISED).strange == 1


def test_nothing_heard_is_everything_lost():
    found = account([], PROMISED)
    assert (found.told, found.lost, found.elapsed_s) == (0, 4, 0.0)


def test_a_webhook_counts_for_the_part_of_the_day_in_which_it_was_due():
    ms = 1_000_000
    due = {"a": 10 * ms, "b": 19 * ms, "c": 20 * ms, "d": 30 * ms}
    told = {"a": 15 * ms, "b": 90 * ms, "c": 21 * ms}
    beside = Beside(due=due, parts={"first": 5 * ms, "then": 20 * ms}, ends_ns=40 * ms, told=told)
    assert beside.took_ms("first") == ([5.0, 71.0], 0)
    assert beside.took_ms("then") == ([1.0], 1)
