from functools import reduce
from itertools import permutations

import pytest

from shared.domain.status import (
    ANSWERED_BY_RANK,
    CALL_FINAL,
    CALL_RANK,
    MESSAGE_FINAL,
    MESSAGE_RANK,
    TRANSCRIPTION_RANK,
    later,
)

# OpenAPI of Twilio, enum message_status and call_status, as of 2026-04.
TWILIO_MESSAGE_STATES = {
    "accepted", "scheduled", "queued", "sending", "sent", "receiving", "received", "delivered", "undelivered", "failed",
    "read", "canceled", "partially_delivered",
}  # fmt: skip
TWILIO_CALL_STATES = {"queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"}


def heard(rank, arrival):
    return reduce(lambda old, new: later(rank, old, new), arrival, None)


def test_every_state_that_twilio_names_has_a_rank():
    assert set(MESSAGE_RANK) == TWILIO_MESSAGE_STATES
    assert set(CALL_RANK) == TWILIO_CALL_STATES | {"initiated"}


@pytest.mark.parametrize("arrival", [*permutations(["queued", "sending", "sent", "delivered"])])
def test_a_messages_final_status_does_not_depend_on_the_order_callbacks_arrive_in(arrival):
    assert heard(MESSAGE_RANK, arrival) == "delivered"
    assert heard(MESSAGE_RANK, arrival + arrival) == "delivered"


@pytest.mark.parametrize("arrival", [*permutations(["initiated", "ringing", "in-progress", "completed"])])
def test_a_calls_final_status_does_not_depend_on_the_order_callbacks_arrive_in(arrival):
    assert heard(CALL_RANK, arrival) == "completed"


def test_a_late_receipt_of_delivery_beats_undelivered_in_either_order():
    assert heard(MESSAGE_RANK, ["undelivered", "delivered"]) == "delivered"
    assert heard(MESSAGE_RANK, ["delivered", "undelivered"]) == "delivered"


@pytest.mark.parametrize("end", sorted(CALL_FINAL))
@pytest.mark.parametrize("late", sorted(set(CALL_RANK) - CALL_FINAL))
def test_a_call_that_is_over_stays_over(end, late):
    assert later(CALL_RANK, end, late) == end


@pytest.mark.parametrize("rank", [MESSAGE_RANK, CALL_RANK, ANSWERED_BY_RANK, TRANSCRIPTION_RANK])
def test_of_any_two_states_the_same_one_stands_whichever_came_first(rank):
    for one, other in permutations(rank, 2):
        assert heard(rank, [one, other]) == heard(rank, [other, one])


def test_that_somebody_took_the_call_stands_against_every_other_end():
    assert all(heard(CALL_RANK, [end, "completed"]) == "completed" for end in CALL_FINAL)


def test_a_state_that_twilio_invents_tomorrow_never_replaces_a_known_one():
    assert later(MESSAGE_RANK, "sent", "teleported") == "sent"


def test_finals_are_the_states_that_nothing_but_a_better_end_follows():
    assert all(MESSAGE_RANK[state] >= 5 for state in MESSAGE_FINAL)
    assert all(CALL_RANK[state] == 4 for state in CALL_FINAL)
