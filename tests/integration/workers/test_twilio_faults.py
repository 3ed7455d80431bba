"""Twilio in trouble while a text is handed over: it is sent once, or not yet, and never twice."""

import pytest
import requests

from shared.errors import Permanent, Transient
from tests.integration.workers.conftest import ACCOUNT, BUSINESS, CUSTOMER
from tests.integration.workers.test_messages import wanted


@pytest.fixture
def trouble(twilio):
    """Tells the simulated Twilio how to fail its next requests for messages."""

    def order(**fault):
        answer = requests.put(
            f"{twilio}/sim/faults", json={"data": [{"times": 1, "path": "Messages", **fault}]}, timeout=10
        )
        answer.raise_for_status()

    return order


@pytest.fixture
def at_twilio(twilio):
    """The texts that Twilio has taken for the customer."""
    return lambda: requests.get(f"{twilio}/sim/messages", params={"to": CUSTOMER}, timeout=10).json()["data"]


def settle(world):
    """Time passes: Twilio's list now shows what it has."""
    world.rows("update messages set sending_since = sending_since - interval '1 minute' returning id")
    world.time_passes()


LOST_ANSWERS = [{"status": 503, "when": "after"}, {"status": 500, "when": "after"}, {"reset": True, "when": "after"}]
NEVER_TAKEN = [{"status": 503, "when": "before"}, {"reset": True, "when": "before"}]


@pytest.mark.parametrize("fault", LOST_ANSWERS)
def test_a_text_whose_answer_was_lost_is_found_at_twilio_and_not_sent_again(world, trouble, at_twilio, fault):
    trouble(**fault)
    wanted(world)
    assert world.work("sms.send") == ["unknown"]
    assert world.one("select send_state from messages") == "unknown"
    settle(world)
    assert world.work("sms.send") == ["done"]
    (sent,) = at_twilio()
    assert world.one("select message_sid from messages") == sent["sid"]


@pytest.mark.parametrize("fault", NEVER_TAKEN)
def test_a_text_that_twilio_never_took_is_sent_after_we_made_sure(world, trouble, at_twilio, fault):
    trouble(**fault)
    wanted(world)
    assert world.work("sms.send") == ["unknown"]
    assert at_twilio() == []
    settle(world)
    assert world.work("sms.send") == ["transient"]
    settle(world)
    assert world.work("sms.send") == ["done"]
    assert len(at_twilio()) == 1


def test_too_many_requests_are_certainly_not_taken_and_tried_again_soon(world, trouble, at_twilio):
    trouble(status=429)
    wanted(world)
    assert world.work("sms.send") == ["transient"]
    assert world.rows("select send_state, last_error from messages join jobs on ref = messages.id::text") == [
        ("queued", "throttled")
    ]
    settle(world)
    assert world.work("sms.send") == ["done"]
    assert len(at_twilio()) == 1


@pytest.mark.parametrize(
    ("fault", "outcome", "state", "taken"),
    [
        ({"status": 400}, "failed", "refused", 0),
        ({"status": 403}, "transient", "queued", 0),
        ({"status": 404}, "failed", "refused", 0),
        ({"status": 408, "when": "after"}, "unknown", "unknown", 1),
        ({"status": 429, "body": "html"}, "transient", "queued", 0),
        ({"status": 500, "body": "empty"}, "unknown", "unknown", 0),
        ({"status": 502, "body": "html", "when": "after"}, "unknown", "unknown", 1),
        ({"body": "broken", "when": "after"}, "unknown", "unknown", 1),
        ({"body": "empty", "when": "after"}, "unknown", "unknown", 1),
        ({"body": "html", "when": "after"}, "unknown", "unknown", 1),
    ],
    ids=str,
)  # fmt: skip
def test_whatever_twilio_answers_says_what_becomes_of_the_text(world, trouble, at_twilio, fault, outcome, state, taken):
    trouble(**fault)
    wanted(world)
    assert world.work("sms.send") == [outcome]
    assert world.one("select send_state from messages") == state
    assert len(at_twilio()) == taken
    assert world.rt.redis.zcard("ts:pace-live") == 0


def test_while_twilio_cannot_be_reached_nothing_is_in_doubt(world):
    object.__setattr__(world.rt.twilio._http, "_api_url", world.rt.twilio._http._api_url._replace(netloc="127.0.0.1:1"))
    wanted(world)
    assert world.work("sms.send") == ["transient"]
    assert world.rows("select send_state, last_error from messages join jobs on ref = messages.id::text") == [
        ("queued", "twilio_unreachable")
    ]


def test_wrong_credentials_do_not_kill_a_text(world, trouble):
    trouble(status=401)
    wanted(world)
    assert world.work("sms.send") == ["transient"]
    assert world.one("select next_at > now() + interval '50 seconds' from jobs")


def test_ending_a_live_call_ends_it_and_ending_it_again_is_as_good(world, twilio):
    auth = (ACCOUNT.sid, ACCOUNT.token)
    calls = f"{twilio}/2010-04-01/Accounts/{ACCOUNT.sid}/Calls"
    document = {"To": CUSTOMER, "From": BUSINESS, "Twiml": "<Response><Pause length='3600'/></Response>"}
    sid = requests.post(f"{calls}.json", data=document, auth=auth, timeout=10).json()["sid"]
    world.rt.twilio.end_call(sid)
    assert requests.get(f"{calls}/{sid}.json", auth=auth, timeout=10).json()["status"] in ("completed", "canceled")
    world.rt.twilio.end_call(sid)


def test_ending_a_call_that_twilio_does_not_know_is_refused(world):
    with pytest.raises(Permanent) as refused:
        world.rt.twilio.end_call("CA" + "f" * 32)
    assert refused.value.twilio_code == 20404


def test_asking_twilio_for_what_it_has_is_safe_to_repeat(world, trouble):
    trouble(status=503, method="GET")
    with pytest.raises(Transient):
        world.rt.twilio.find_messages(to=CUSTOMER, from_=BUSINESS, body="x", since=world.one("select now()"))
