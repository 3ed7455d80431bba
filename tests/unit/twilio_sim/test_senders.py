"""Kinds of senders, and the queue in front of each."""

import pytest

from ops.twilio_sim.clock import Clock
from ops.twilio_sim.phones import phone_named
from ops.twilio_sim.senders import LONGEST_S, RATES, Queues, kind_of


@pytest.mark.parametrize(
    ("sender", "kind"),
    [
        ("+14155550100", "long-code"),
        ("+18005550100", "toll-free"),
        ("+18885550100", "toll-free"),
        ("+18995550100", "long-code"),
        ("+447700900123", "international"),
        ("12345", "short-code"),
        ("123456", "short-code"),
        ("1234", ""),
        ("ACME Dental", "alphanumeric"),
        ("A name too long", ""),
        ("", ""),
    ],
)
def test_a_sender_says_by_its_form_what_kind_it_is(sender, kind):
    assert kind_of(sender) == kind
    assert not kind or RATES[kind] > 0


@pytest.fixture
def queues():
    clock = Clock(0.01)  # so slow that no test sees it move
    return clock, Queues(clock)


def test_each_waits_until_those_before_it_have_gone(queues):
    _, queues = queues
    turns = [queues.take("+1", cost_s=2.0, until_s=1e9) for _ in range(3)]
    assert [round(turn - turns[0], 1) for turn in turns] == [0, 2, 4]
    assert round(queues.wait_s("+1"), 1) == 6
    assert queues.wait_s("+2") == 0


def test_what_would_come_too_late_takes_no_turn(queues):
    clock, queues = queues
    queues.fill("+1", 100.0)
    assert queues.take("+1", cost_s=1.0, until_s=clock.world_s() + 99) is None
    assert round(queues.wait_s("+1"), 1) == 100
    assert queues.take("+1", cost_s=1.0, until_s=clock.world_s() + 101) is not None


def test_a_queue_holds_ten_hours(queues):
    _, queues = queues
    queues.fill("+1", LONGEST_S - 1)
    assert not queues.is_full("+1")
    queues.fill("+1", LONGEST_S + 1)
    assert queues.is_full("+1")


@pytest.mark.parametrize(
    ("number", "create_error", "texts", "error_code"),
    [
        ("+15002021211", 21211, "delivered", 30003),
        ("+15003030007", 0, "failed", 30007),
        ("+15004030006", 0, "undelivered", 30006),
        ("+15005030006", 0, "delivered", 30003),
        ("+14152021211", 0, "delivered", 30003),
    ],
)
def test_a_number_may_say_itself_how_its_texts_end(number, create_error, texts, error_code):
    phone = phone_named(number)
    assert (phone.create_error, phone.texts, phone.error_code) == (create_error, texts, error_code)
