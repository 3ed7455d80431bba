from itertools import permutations

import pytest

from ops.twilio_sim.resources.call import FINAL, Call, formatted


def call() -> Call:
    return Call("CA1", "AC1", "+1", "+2", "inbound", "ringing")


@pytest.mark.parametrize(("first", "second"), list(permutations(sorted(FINAL), 2)))
def test_a_final_state_never_changes(first, second):
    over = call()
    over.move(first)
    over.move(second)
    over.move("in-progress")
    assert over.status == first
    assert over.end_at is not None


def test_an_answered_call_keeps_the_moment_it_was_answered():
    answered = call()
    answered.move("in-progress")
    began = answered.start_at
    answered.move("in-progress")
    answered.move("completed")
    assert answered.start_at == began


@pytest.mark.parametrize(
    ("number", "shown"), [("+14158675309", "(415) 867-5309"), ("anonymous", "anonymous"), ("+1415", "+1415")]
)
def test_numbers_are_shown_as_people_write_them(number, shown):
    assert formatted(number) == shown
