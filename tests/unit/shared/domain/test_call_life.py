"""All that the webhooks of one call can say, in every order: one decision."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.call_lives import LIVES, at_once, ending, lives


@pytest.mark.parametrize("name", LIVES)
def test_every_order_and_every_doubling_of_a_life_come_to_the_same_decision(name):
    heard, decision, _ = LIVES[name]
    assert {ending([*order, *order[:2]]) for order in permutations(heard)} == {decision}


@pytest.mark.parametrize("name", [name for name, (_, _, is_early) in LIVES.items() if is_early])
def test_what_can_be_decided_without_waiting_is_in_every_order(name):
    heard, decision, _ = LIVES[name]
    assert {at_once(list(order)) for order in permutations(heard)} == {decision}


@pytest.mark.parametrize("name", [name for name, (_, _, is_early) in LIVES.items() if not is_early])
def test_nobody_is_missed_without_waiting_while_that_may_prove_wrong(name):
    heard, decision, _ = LIVES[name]
    assert at_once(heard) is None
    assert {at_once(list(order)) for order in permutations(heard)} <= {None, "answered"}, decision


@settings(max_examples=250)
@given(st.data(), lives())
def test_any_order_and_any_doubling_of_whatever_is_heard_come_to_the_same_decision(data, heard):
    assert ending(data.draw(st.permutations(heard * 2))) == ending(heard)


@given(lives())
def test_a_missed_call_stays_missed_whatever_else_is_heard(heard):
    for length in range(len(heard)):
        if at_once(heard[:length]) == "missed":
            assert ending(heard) == "missed"
