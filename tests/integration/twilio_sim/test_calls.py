"""Calls over REST: placing, watching, ending and turning them, and finding them again."""

from datetime import UTC, datetime, timedelta

import pytest
from twilio.base.exceptions import TwilioRestException

FROM, PERSON = "+14155550100", "+12125550142"
EVENTS = ["initiated", "ringing", "answered", "completed"]


@pytest.fixture(autouse=True)
def owned(sim, receiver):
    receiver.says("/voice", "<Response><Pause length='30'/></Response>")
    sim.number(FROM, voice_url=receiver.url + "/voice", status_callback=receiver.url + "/status")


def place(client, receiver, **wishes):
    wanted = {"to": PERSON, "from_": FROM, "twiml": "<Response><Say>Hello</Say></Response>"}
    return client.calls.create(**wanted | {"status_callback": receiver.url + "/told"} | wishes)


def live(sim, receiver, until, **wishes):
    """A call in its 4 h pause, at real speed: it ends only if somebody ends it."""
    receiver.says("/voice", "<Response><Say>Hi</Say><Pause length='14000'/></Response>")
    sid = sim.call(**wishes)
    until(lambda: sim.sim("GET", f"/calls/{sid}")["status"] == "in-progress")
    return sid


def test_a_placed_call_is_queued_and_tells_every_event_it_was_asked_for(sim, client, receiver):
    sim.phone(PERSON, answer_after_s=3, talk_s=100)
    created = place(client, receiver, status_callback_event=EVENTS)
    assert (created.status, created.direction) == ("queued", "outbound-api")
    sim.ended_call(created.sid)
    got = receiver.wait_for("/told", 4)
    assert [g.form["CallStatus"] for g in got] == ["initiated", "ringing", "in-progress", "completed"]
    assert [g.form["SequenceNumber"] for g in got] == ["0", "1", "2", "3"]
    assert "CallDuration" not in got[2].form
    assert got[3].form["CallDuration"] == "1"


def test_by_default_only_the_end_is_told(sim, client, receiver):
    sim.ended_call(place(client, receiver).sid)
    assert [g.form["CallStatus"] for g in receiver.got("/told")] == ["completed"]


@pytest.mark.parametrize(
    ("answers", "status", "sip"),
    [("busy", "busy", "486"), ("no-answer", "no-answer", "487"), ("failed", "failed", "404")],
)
def test_a_call_that_reaches_nobody_ends_with_its_reason(sim, client, receiver, answers, status, sip):
    sim.phone(PERSON, answers=answers)
    call = sim.ended_call(place(client, receiver, timeout=20).sid)
    told = receiver.wait_for("/told")[0].form
    assert call["status"] == told["CallStatus"] == status
    assert (told["CallDuration"], told["SipResponseCode"]) == ("0", sip)


def test_the_url_of_a_placed_call_is_asked_once_it_is_answered(sim, client, receiver):
    receiver.says("/script", '<Response><Gather action="/pressed" numDigits="1"/></Response>')
    sim.phone(PERSON, digits="1", answered_by="machine_start")
    created = client.calls.create(
        to=PERSON, from_=FROM, url=receiver.url + "/script", method="GET", machine_detection="Enable"
    )
    call = sim.ended_call(created.sid)
    asked = receiver.got("/script")[0]
    assert asked.method == "GET"
    assert (asked.query["CallStatus"], asked.query["Direction"]) == ("in-progress", "outbound-api")
    assert asked.query["AnsweredBy"] == call["answered_by"] == "machine_start"
    assert receiver.got("/pressed")[0].form["Digits"] == "1"


def test_a_recorded_placed_call_tells_its_recording_at_the_end(sim, client, receiver):
    sim.phone(PERSON, talk_s=9)
    twiml = "<Response><Pause length='60'/></Response>"
    created = place(
        client,
        receiver,
        twiml=twiml,
        record=True,
        recording_status_callback=receiver.url + "/recorded",
        recording_status_callback_event=["in-progress", "completed"],
    )
    sim.ended_call(created.sid)
    started, done = receiver.wait_for("/recorded", 2)
    assert started.form["RecordingStatus"] == "in-progress"
    told = done.form
    assert (told["RecordingSource"], told["RecordingDuration"]) == ("OutboundAPI", "9")
    assert receiver.wait_for("/told")[0].form["RecordingSid"] == told["RecordingSid"]


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"From": FROM, "Twiml": "<Response/>"}, 21201),
        ({"To": PERSON, "Twiml": "<Response/>"}, 21213),
        ({"To": PERSON, "From": FROM}, 21205),
        ({"To": PERSON, "From": FROM, "Url": "nowhere"}, 21205),
        ({"To": PERSON, "From": FROM, "Twiml": "x" * 4001}, 21205),
        ({"To": "12", "From": FROM, "Twiml": "<Response/>"}, 21217),
        ({"To": PERSON, "From": "+14155559999", "Twiml": "<Response/>"}, 21210),
        ({"To": "+15005550001", "From": FROM, "Twiml": "<Response/>"}, 21217),
        ({"To": "+15005550002", "From": FROM, "Twiml": "<Response/>"}, 21214),
        ({"To": "+15005550003", "From": FROM, "Twiml": "<Response/>"}, 21215),
        ({"To": "+15005550004", "From": FROM, "Twiml": "<Response/>"}, 21216),
        ({"To": PERSON, "From": "+15005550001", "Twiml": "<Response/>"}, 21212),
    ],
)
def test_what_twilio_refuses_is_refused_with_its_code(sim, form, code):
    answer = sim.rest("POST", "/Calls.json", form)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_ending_a_call_by_rest_really_ends_it(sim, client, receiver, until):
    sim.world.clock.set_speed(1)
    sid = live(sim, receiver, until)
    ended = client.calls(sid).update(status="completed")
    assert ended.status == "completed"
    assert ended.duration is not None
    assert sid not in sim.world.lines
    assert receiver.wait_for("/status")[0].form["CallStatus"] == "completed"
    with pytest.raises(TwilioRestException) as refused:
        client.calls(sid).update(status="completed")
    assert (refused.value.status, refused.value.code) == (400, 21220)


def test_a_call_in_progress_cannot_be_canceled(sim, client, receiver, until):
    sid = live(sim, receiver, until)
    with pytest.raises(TwilioRestException) as refused:
        client.calls(sid).update(status="canceled")
    assert refused.value.code == 21220


def test_a_ringing_call_can_be_canceled(sim, client, receiver, until):
    sim.world.clock.set_speed(1)
    sim.phone(PERSON, answers="no-answer")
    created = place(client, receiver)
    until(lambda: client.calls(created.sid).fetch().status == "ringing")
    assert client.calls(created.sid).update(status="canceled").status == "canceled"
    assert receiver.wait_for("/told")[0].form["CallStatus"] == "canceled"


def test_ending_the_dialled_leg_brings_the_caller_back_to_the_action(sim, client, receiver, until):
    sim.world.clock.set_speed(1)
    receiver.says("/voice", '<Response><Dial action="/result">+14155550199</Dial></Response>')
    sim.phone(answer_after_s=0, talk_s=10_000)
    sid = sim.call()
    child = until(lambda: client.calls.list(parent_call_sid=sid, status="in-progress"))[0]
    client.calls(child.sid).update(status="completed")
    result = receiver.wait_for("/result")[0].form
    assert (result["DialCallStatus"], result["DialBridged"], result["CallStatus"]) == (
        "completed",
        "true",
        "in-progress",
    )


def test_a_live_call_can_be_turned_to_other_twiml(sim, client, receiver, until):
    sid = live(sim, receiver, until)
    client.calls(sid).update(twiml="<Response><Say>Turned</Say></Response>")
    call = sim.ended_call(sid)
    assert call["steps"][-1] == {"verb": "Say", "text": "Turned"}
    other = live(sim, receiver, until)
    client.calls(other).update(url=receiver.url + "/elsewhere")
    sim.ended_call(other)
    assert receiver.got("/elsewhere")[0].form["CallSid"] == other
    with pytest.raises(TwilioRestException) as refused:
        client.calls(other).update(twiml="<Response/>")
    assert refused.value.code == 21220


def test_calls_are_filtered_by_status_parties_parent_and_start(sim, client, receiver):
    sim.ended_call(sim.call(hangup_after_s=1))
    receiver.says("/voice", '<Response><Dial timeout="5">+14155550199</Dial></Response>')
    sim.phone(answers="no-answer")
    parent = sim.ended_call(sim.call())["sid"]
    child = client.calls.list(parent_call_sid=parent)[0]
    assert child.direction == "outbound-dial"
    assert child.to == "+14155550199"
    assert next(c.sid for c in client.calls.list(status="no-answer")) == child.sid
    assert len(client.calls.list(to=FROM)) == 2
    assert client.calls.list(from_="+19995550000") == []
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    assert len(client.calls.list(start_time_after=now - hour, start_time_before=now + hour)) == 3
    assert client.calls.list(start_time_after=now + hour) == []
    assert client.calls.list(end_time_before=now - hour) == []


def test_a_finished_call_can_be_deleted(sim, client):
    sid = sim.ended_call(sim.call(hangup_after_s=1))["sid"]
    assert client.calls(sid).delete() is True
    with pytest.raises(TwilioRestException) as gone:
        client.calls(sid).fetch()
    assert gone.value.code == 20404


def test_forgetting_everything_silences_live_calls(sim, receiver, until):
    sim.world.clock.set_speed(1)
    sid = live(sim, receiver, until)
    sim.sim("DELETE", "/state", status=204)
    sim.sim("GET", f"/calls/{sid}", status=404)
    until(lambda: sid not in sim.world.lines)
    assert receiver.got("/status") == []
