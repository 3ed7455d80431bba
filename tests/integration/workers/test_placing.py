"""Calls that we place, at a simulated Twilio: each is dialled once or not at all, whatever goes wrong."""

from uuid import uuid4

import pytest
import requests

from shared.db import jobs, opt_outs, placed_calls
from shared.domain import call_documents
from shared.domain.routing import Number
from shared.domain.twiml import Urls
from tests.integration.stack.conftest import wait_for
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, TENANT, event

DOCUMENT = call_documents.placed(Number(BUSINESS, TENANT), call_documents.Script(say="Hello"), Urls("https://x"))


@pytest.fixture
def calls(world, twilio):
    return Calls(world, twilio)


class Calls:
    """What is asked for, and what Twilio has made of it."""

    def __init__(self, world, twilio):
        self.world, self.twilio = world, twilio

    def wanted(self, to=CUSTOMER, *, validity_s=60, **plan):
        with self.world.rt.db.connection() as conn:
            asked = placed_calls.insert(
                conn, call_id=uuid4(), client="crm", tenant_id=TENANT, from_number=BUSINESS, to_number=to,
                purpose="conversation", plan={"say": "Hello", "ring_s": 30, "twiml": DOCUMENT, **plan},
                permission={}, validity_s=validity_s,
            )  # fmt: skip
            jobs.promise(conn, "call.place", str(asked.id))
        return asked.id

    def row(self, call_id):
        with self.world.rt.db.connection() as conn:
            return placed_calls.find(conn, str(call_id))

    def made(self, to=CUSTOMER):
        found = requests.get(f"{self.twilio}/sim/calls", timeout=10).json()["data"]
        return [call["sid"] for call in found if call["to"] == to]

    def trouble(self, **fault):
        wish = {"data": [{"times": 1, "path": "Calls", "method": "POST", **fault}]}
        requests.put(f"{self.twilio}/sim/faults", json=wish, timeout=10).raise_for_status()

    def age(self, seconds):
        """So long ago the request left."""
        self.world.rows(
            "update placed_calls set placing_since = placing_since - make_interval(secs => %s) returning id", seconds
        )
        self.world.time_passes()


def test_a_call_is_placed_once_and_is_a_call_like_any_other_under_the_id_it_was_asked_for(world, calls):
    call_id = calls.wanted(machine_detection=True, record=True, consent={"way": "none", "consent": "not-needed"})
    assert world.work("call.place") == ["done"]
    [sid] = calls.made()
    assert (calls.row(call_id).state, calls.row(call_id).call_sid) == ("placed", sid)
    assert world.rows(
        "select id, call_sid, direction, from_number, to_number, tenant_id, recording_wanted, consent from calls"
    ) == [(call_id, sid, "outbound-api", BUSINESS, CUSTOMER, TENANT, True, "not-needed")]
    wait_for(lambda: said(calls) == ["Say", "Hangup"], "the callee has heard it")


def said(calls):
    [shown] = requests.get(f"{calls.twilio}/sim/calls", timeout=10).json()["data"]
    return [step["verb"] for step in shown["steps"] if step["verb"] in ("Say", "Hangup")]


LOST = [{"status": 503, "when": "after"}, {"reset": True, "when": "after"}, {"status": 500, "when": "after"}]


@pytest.mark.parametrize("fault", LOST)
def test_a_call_whose_answer_was_lost_is_found_in_twilios_list(world, calls, fault):
    calls.trouble(**fault)
    call_id = calls.wanted()
    assert world.work("call.place") == ["deferred"]
    assert calls.row(call_id).state == "unknown"
    calls.age(3)
    assert world.work("call.place") == ["done"]
    assert [calls.row(call_id).call_sid] == calls.made()


@pytest.mark.parametrize("fault", LOST)
def test_a_call_whose_answer_was_lost_is_known_by_the_callback_that_names_it(world, calls, fault):
    calls.trouble(**fault)
    call_id = calls.wanted()
    world.work("call.place")
    [sid] = calls.made()
    told = event("status", query=f"call_id={call_id}", CallSid=sid, CallStatus="initiated", From=BUSINESS, To=CUSTOMER,
                 Direction="outbound-api", CallbackSource="call-progress-events", SequenceNumber="0")  # fmt: skip
    world.happens(told)
    assert (calls.row(call_id).state, calls.row(call_id).call_sid) == ("placed", sid)
    assert world.rows("select id, tenant_id from calls") == [(call_id, TENANT)]
    world.time_passes()
    assert world.work("call.place") == ["done"]
    assert calls.made() == [sid]


@pytest.mark.parametrize("fault", [{"status": 503, "when": "before"}, {"reset": True, "when": "before"}])
def test_a_call_in_doubt_is_looked_for_until_it_is_settled_and_never_dialled_again(world, calls, fault):
    calls.trouble(**fault)
    call_id = calls.wanted()
    assert world.work("call.place") == ["deferred"]
    for seconds in (3, 3, 10, 20):
        calls.age(seconds)
        assert world.work("call.place") == ["deferred"]
    calls.age(60)
    assert world.work("call.place") == ["failed"]
    assert (calls.row(call_id).state, calls.row(call_id).error_reason) == ("refused", "in_doubt")
    assert calls.made() == []


def test_a_callback_after_all_doubt_was_given_up_still_proves_the_call(world, calls):
    calls.trouble(reset=True, when="before")
    call_id = calls.wanted()
    world.work("call.place")
    calls.age(90)
    assert world.work("call.place") == ["failed"]
    sid = "CA" + "7" * 32
    world.happens(event("status", query=f"call_id={call_id}", CallSid=sid, CallStatus="ringing", From=BUSINESS,
                        To=CUSTOMER, Direction="outbound-api", CallbackSource="call-progress-events"))  # fmt: skip
    assert (calls.row(call_id).state, calls.row(call_id).call_sid) == ("placed", sid)


def test_two_calls_to_the_same_person_in_doubt_at_once_are_two_calls(world, calls):
    requests.put(f"{calls.twilio}/sim/faults", timeout=10, json={
        "data": [{"times": 2, "path": "Calls", "method": "POST", "reset": True, "when": "after"}]})  # fmt: skip
    ids = [calls.wanted(), calls.wanted()]
    assert world.work("call.place") == ["deferred", "deferred"]
    calls.age(3)
    assert world.work("call.place") == ["done", "done"]
    assert sorted(calls.row(call_id).call_sid for call_id in ids) == sorted(calls.made())


def test_a_throttled_call_is_tried_again_and_placed_once(world, calls):
    calls.trouble(status=429, when="before")
    call_id = calls.wanted()
    assert world.work("call.place") == ["transient"]
    assert calls.row(call_id).state == "queued"
    world.time_passes()
    assert world.work("call.place") == ["done"]
    assert len(calls.made()) == 1


def test_what_twilio_refuses_is_refused_with_its_code(world, calls):
    call_id = calls.wanted("+15005550001")
    assert world.work("call.place") == ["failed"]
    assert (calls.row(call_id).state, calls.row(call_id).error_code) == ("refused", 21217)


def test_a_call_that_has_expired_is_not_placed(world, calls):
    call_id = calls.wanted(validity_s=-1)
    assert world.work("call.place") == ["failed"]
    assert (calls.row(call_id).state, calls.row(call_id).error_reason) == ("refused", "expired")
    assert calls.made() == []


def test_a_stop_that_came_meanwhile_counts(world, calls):
    call_id = calls.wanted()
    with world.rt.db.connection() as conn:
        opt_outs.add(conn, number=CUSTOMER, scope=BUSINESS, source="keyword")
    assert world.work("call.place") == ["failed"]
    assert calls.row(call_id).error_reason == "not permitted: opt-out"
    assert calls.row(call_id).permission["verdict"] == "refused"
    assert calls.made() == []


def test_a_call_that_was_called_off_is_not_placed(world, calls):
    call_id = calls.wanted()
    with world.rt.db.connection() as conn:
        assert placed_calls.cancel(conn, call_id)
        assert not placed_calls.cancel(conn, call_id)
    assert world.work("call.place") == ["done"]
    assert calls.made() == []


def test_ending_a_call_in_doubt_waits_until_its_sid_is_known_and_ends_it(world, calls):
    requests.put(f"{calls.twilio}/sim/phones/{CUSTOMER}", json={"answer_after_s": 3600}, timeout=10)
    requests.post(
        f"{calls.twilio}/sim/settings", json={"speed": 1}, timeout=10
    )  # it rings for as long as this test takes
    calls.trouble(reset=True, when="after")
    call_id = calls.wanted()
    world.work("call.place")
    world.rows("insert into jobs (kind, ref) values ('call.end', %s) returning id", str(call_id))
    assert world.work("call.end") == ["deferred"]
    calls.age(3)
    assert world.work("call.place", "call.end") == ["done", "done"]
    [shown] = requests.get(f"{calls.twilio}/sim/calls", timeout=10).json()["data"]
    assert shown["status"] in ("canceled", "completed")
