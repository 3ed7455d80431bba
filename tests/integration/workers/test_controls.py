"""What is wished of live calls, at a simulated Twilio: where they go, and whether they are recorded."""

from datetime import UTC, datetime

import pytest
import requests

from shared.db import call_controls, calls, jobs
from shared.db.calls import Seen
from shared.domain import call_documents
from shared.domain.routing import Number, forwards
from shared.domain.twiml import Urls
from tests.integration.stack.conftest import wait_for
from tests.integration.workers.conftest import ACCOUNT, BUSINESS, CUSTOMER, OWNER, TENANT

WAITS = '<Response><Pause length="86400"/></Response>'
NUMBER, URLS = Number(BUSINESS, TENANT, forwards(OWNER)), Urls("http://127.0.0.1:9")


@pytest.fixture
def line(world, twilio):
    """A call that is going on at Twilio, for a day if nobody ends it."""
    requests.put(f"{twilio}/sim/phones/{CUSTOMER}", json={"answer_after_s": 0, "talk_s": 86400}, timeout=10)
    return Line(world, twilio)


class Line:
    def __init__(self, world, twilio, twiml=WAITS, until="in-progress"):
        self.world, self.twilio, self.wishes = world, twilio, []
        dialled = world.rt.twilio.place_call(
            to=CUSTOMER, from_=BUSINESS, twiml=twiml, ring_s=30, status_callback="http://127.0.0.1:9/"
        )
        self.sid = dialled.call_sid
        wait_for(lambda: self.shown()["status"] == until, f"it is {until}")
        self.becomes(until)

    def shown(self):
        return requests.get(f"{self.twilio}/sim/calls/{self.sid}", timeout=10).json()

    def becomes(self, status):
        """As our webhooks tell of it."""
        with self.world.rt.db.connection() as conn:
            calls.merge(conn, Seen(call_sid=self.sid, account_sid=ACCOUNT.sid, status=status, at=datetime.now(UTC),
                                   from_number=BUSINESS, to_number=CUSTOMER, direction="outbound-api"))  # fmt: skip

    def wish(self, action, **args):
        with self.world.rt.db.connection() as conn:
            control = call_controls.ask(conn, self.sid, action, args, client="crm")
            jobs.promise(conn, "call.control", str(control.id), order_key=f"control:{self.sid}")
        self.wishes.append(control.id)

    def redirect(self, twiml):
        self.wish("redirect", kind="say", twiml=twiml)

    def came(self):
        with self.world.rt.db.connection() as conn:
            return [
                (one.action, one.state, one.error_code, one.recording_sid) for one in call_controls.of(conn, [self.sid])
            ]

    def recordings(self):
        return [(one["sid"], one["status"]) for one in self.shown()["recordings"]]

    def trouble(self, **fault):
        wish = {"data": [{"times": 1, **fault}]}
        requests.put(f"{self.twilio}/sim/faults", json=wish, timeout=10).raise_for_status()


def test_a_live_call_hears_a_sentence_and_is_over(world, line):
    line.redirect(call_documents.told(NUMBER, "We call you back."))
    assert world.work("call.control") == ["done"]
    wait_for(lambda: line.shown()["status"] == "completed", "it is hung up")
    assert [(step["verb"]) for step in line.shown()["steps"]] == ["Pause", "Update", "Say", "Hangup"]
    assert line.came() == [("redirect", "done", None, None)]
    assert world.rows("select call_sid, step, detail ->> 'state', detail ->> 'to' from call_steps") == [
        (line.sid, "control", "done", "say")
    ]


def test_a_call_in_conversation_rings_another_phone(world, twilio, line):
    requests.put(f"{twilio}/sim/phones/{OWNER}", json={"answer_after_s": 0, "talk_s": 86400}, timeout=10)
    talking = Line(world, twilio, call_documents.placed(NUMBER, call_documents.Script(connect_to=OWNER), URLS))
    wait_for(lambda: talking.shown()["children"], "the owner's phone rings")
    wait_for(lambda: talking.shown()["children"][0]["status"] == "in-progress", "they talk")
    talking.redirect(call_documents.forwarded(NUMBER, "+14155550188", URLS, caller=CUSTOMER, call_sid=talking.sid))
    assert world.work("call.control") == ["done"]
    wait_for(lambda: len(talking.shown()["children"]) == 2, "another phone rings")
    assert talking.shown()["status"] == "in-progress"
    first, second = sorted(talking.shown()["children"], key=lambda leg: leg["to"], reverse=True)
    assert (first["to"], first["status"], second["to"]) == (OWNER, "completed", "+14155550188")


def test_a_wish_that_comes_too_late_is_overtaken_whoever_knows_first(world, line):
    line.redirect(call_documents.told(NUMBER, "x"))
    world.rt.twilio.end_call(line.sid)  # Twilio knows, we do not
    assert world.work("call.control") == ["done"]
    line.becomes("completed")
    line.wish("record-start")
    assert world.work("call.control") == ["done"]
    assert line.came() == [("redirect", "overtaken", 21220, None), ("record-start", "overtaken", None, None)]


@pytest.mark.parametrize("action", ["redirect", "record-start"])
def test_a_wish_that_comes_before_the_call_is_answered_is_refused_and_not_overtaken(world, twilio, action):
    requests.put(f"{twilio}/sim/phones/{CUSTOMER}", json={"answers": "no-answer"}, timeout=10)
    call = Line(world, twilio, until="ringing")
    call.wish(action, **({"kind": "say", "twiml": WAITS} if action == "redirect" else {}))
    assert world.work("call.control") == ["failed"]
    assert call.came() == [(action, "refused", 21220, None)]


def test_a_call_is_recorded_paused_gone_on_with_and_stopped_in_that_order(world, line):
    sid, states = "", ["in-progress", "paused", "in-progress", "stopped"]
    for action, state in zip(("start", "pause", "resume", "stop"), states, strict=True):
        line.wish(f"record-{action}")
        assert world.work("call.control") == ["done"]
        [(sid, status)] = line.recordings()
        assert status in ((state, "completed") if action == "stop" else (state,))
        assert line.came()[-1] == (f"record-{action}", "done", None, sid)
    assert line.shown()["recordings"][0]["channels"] == 2
    assert world.rows("select recording_sid, call_sid, state, channels from recordings") == [
        (sid, line.sid, "announced", 2)
    ]


def test_wishes_that_were_made_together_are_fulfilled_in_their_order(world, line):
    for action in ("start", "pause", "resume", "pause"):
        line.wish(f"record-{action}")
    assert world.work("call.control") == ["done"] * 4
    assert [status for _, status in line.recordings()] == ["paused"]


def test_a_recording_whose_answer_was_lost_is_found_and_not_begun_twice(world, line):
    line.trouble(path="Recordings", method="POST", reset=True, when="after")
    line.wish("record-start")
    assert world.work("call.control") == ["unknown"]
    world.time_passes()
    assert world.work("call.control") == ["done"]
    [(sid, _)] = line.recordings()
    assert line.came() == [("record-start", "done", None, sid)]


def test_a_wish_that_twilio_refuses_says_why_and_lets_the_next_one_pass(world, line):
    line.redirect("<Response>" + "x" * 4000 + "</Response>")
    line.wish("record-start")
    assert world.work("call.control") == ["failed", "done"]
    assert [(action, state, code) for action, state, code, _ in line.came()] == [
        ("redirect", "refused", 21205), ("record-start", "done", None),
    ]  # fmt: skip


def test_pausing_what_does_not_run_any_more_is_overtaken(world, line):
    line.wish("record-start")
    line.wish("record-stop")
    line.wish("record-pause")
    world.work("call.control")
    assert [state for _, state, _, _ in line.came()] == ["done", "done", "overtaken"]


def test_a_leg_is_ended_by_its_own_sid_and_the_call_goes_on(world, twilio, line):
    requests.put(f"{twilio}/sim/phones/{OWNER}", json={"answer_after_s": 0, "talk_s": 86400}, timeout=10)
    script = call_documents.Script(connect_to=OWNER)
    document = call_documents.placed(NUMBER, script, URLS).replace("<Hangup/>", '<Pause length="86400"/>')
    talking = Line(world, twilio, document)
    wait_for(lambda: talking.shown()["children"], "the owner's phone rings")
    [leg] = talking.shown()["children"]
    world.rows("insert into jobs (kind, ref) values ('call.end', %s) returning id", leg["sid"])
    assert world.work("call.end") == ["done"]
    wait_for(lambda: talking.shown()["children"][0]["status"] in ("completed", "canceled"), "the leg is over")
    assert talking.shown()["status"] == "in-progress"
