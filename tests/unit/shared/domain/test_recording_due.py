from dataclasses import replace
from itertools import product

import pytest

from shared.domain.recording_due import Facts, Named, is_due, is_owed, is_whole, missing, on_their_way

TAKEN = Facts(is_over=True, is_wanted=True, dial_status="completed", dial_bridged=True, screening=None, accepted=None,
              has_recording=False)  # fmt: skip
LEFT_ALONE = replace(TAKEN, dial_status="no-answer", dial_bridged=False)
EVERY = [
    Facts(*one)
    for one in product(
        (True, False), (True, False), (None, "completed", "answered", "no-answer", "busy", "failed", "canceled"),
        (None, True, False), (None, "press", "amd"), (None, True, False), (True, False),
    )
]  # fmt: skip


def named(state, duration_s=None, sid="RE1"):
    return Named(sid, state, duration_s, None)


@pytest.mark.parametrize(
    ("change", "owed"),
    [
        ({}, True),
        ({"dial_bridged": None}, True),
        ({"dial_status": "answered", "dial_bridged": None}, True),
        ({"dial_status": None, "dial_bridged": True}, True),
        ({"is_wanted": False}, False),
        ({"dial_bridged": False}, False),
        ({"dial_status": "no-answer", "dial_bridged": None}, False),
        ({"dial_status": None, "dial_bridged": None}, False),
        ({"screening": "press"}, False),
        ({"screening": "press", "accepted": False}, False),
        ({"screening": "press", "accepted": True}, True),
        ({"screening": "amd"}, True),
    ],
)
def test_a_recording_is_owed_once_somebody_spoke_with_the_caller(change, owed):
    assert is_owed(replace(TAKEN, **change)) is owed


def test_nothing_is_due_while_the_call_goes_on():
    assert not any(is_due(facts) for facts in EVERY if not facts.is_over)


def test_whatever_twilio_has_named_is_due_once_the_call_is_over():
    assert all(is_due(facts) for facts in EVERY if facts.is_over and facts.has_recording)


def test_only_what_is_due_can_be_missing():
    found = ([], [named("absent")], [named("absent", 7)])
    assert all(is_due(facts) for facts in EVERY if any(missing(facts, each) for each in found))


@pytest.mark.parametrize(
    ("facts", "found", "why"),
    [
        (TAKEN, [], "none"),
        (TAKEN, [named("absent")], "absent"),
        (TAKEN, [named("absent"), named("stored", 9, "RE2")], None),
        (TAKEN, [named("announced")], None),
        (TAKEN, [named("available", 9)], None),
        (TAKEN, [named("failed")], None),
        (LEFT_ALONE, [], None),
        (replace(LEFT_ALONE, has_recording=True), [named("absent")], None),
        (replace(LEFT_ALONE, has_recording=True), [named("absent", 0)], None),
        (replace(LEFT_ALONE, has_recording=True), [named("absent", 7)], "absent"),
        (replace(TAKEN, is_over=False), [], None),
        (replace(TAKEN, is_wanted=False), [], None),
    ],
)
def test_a_person_looks_if_nothing_came_or_only_the_word_that_there_is_none(facts, found, why):
    assert missing(facts, found) == why


def test_a_look_is_over_once_everything_named_is_had():
    assert is_whole([named("available"), named("stored")])
    assert not is_whole([])
    assert not any(is_whole([named("stored"), named(state)]) for state in ("announced", "absent", "failed"))


def test_what_was_announced_only_can_be_asked_for():
    assert on_their_way([named("announced"), named("absent", sid="RE2"), named("stored", sid="RE3")]) == ["RE1"]
