"""What the REST API does to calls that are going on: turning either side, recording, and who picked up."""

import pytest
from twilio.base.exceptions import TwilioRestException

FROM, OWNER, PERSON = "+14155550100", "+14155550199", "+12125550142"
FOREVER = "<Response><Say>Hi</Say><Pause length='14000'/></Response>"


@pytest.fixture(autouse=True)
def owned(sim, receiver):
    leg = f'<Number statusCallback="/leg">{OWNER}</Number>'
    receiver.says("/voice", f'<Response><Dial action="/result">{leg}</Dial></Response>')
    receiver.says("/result", FOREVER)
    sim.number(FROM, voice_url=receiver.url + "/voice", status_callback=receiver.url + "/status")
    sim.phone(OWNER, answer_after_s=0, talk_s=14_000)


@pytest.fixture
def bridged(sim, client, until):
    """A caller and a leg in conversation."""
    sid = sim.call()
    child = until(lambda: client.calls.list(parent_call_sid=sid, status="in-progress"))[0]
    until(lambda: sim.world.lines[child.sid].now_s > 2)
    return sid, child.sid


def test_a_dialled_leg_can_be_turned_and_lives_on_alone(sim, client, receiver, bridged, until):
    sid, leg = bridged
    receiver.says("/elsewhere", "<Response><Say>Alone</Say><Pause length='20'/></Response>")
    client.calls(leg).update(url=receiver.url + "/elsewhere")
    result = receiver.wait_for("/result")[0].form
    assert (result["DialCallStatus"], result["DialBridged"], result["CallStatus"]) == (
        "completed",
        "true",
        "in-progress",
    )
    asked = receiver.wait_for("/elsewhere")[0].form
    assert (asked["CallSid"], asked["ParentCallSid"]) == (leg, sid)
    told = receiver.wait_for("/leg")[0].form
    assert (told["CallSid"], told["CallStatus"]) == (leg, "completed")
    assert int(told["CallDuration"]) >= 21 + int(result["DialCallDuration"])
    assert sim.sim("GET", f"/calls/{sid}")["status"] == "in-progress"


def test_a_leg_that_lives_alone_can_be_ended(sim, client, receiver, bridged, until):
    sim.world.clock.set_speed(1)
    _, leg = bridged
    client.calls(leg).update(twiml=FOREVER)
    receiver.wait_for("/result")
    until(lambda: sim.sim("GET", f"/calls/{leg}")["steps"])
    assert client.calls(leg).update(status="completed").status == "completed"


def test_turning_the_caller_drops_the_leg_and_asks_no_action(sim, client, receiver, bridged):
    sid, _leg = bridged
    client.calls(sid).update(twiml="<Response><Say>Turned</Say></Response>")
    assert receiver.wait_for("/leg")[0].form["CallStatus"] == "completed"
    call = sim.ended_call(sid)
    assert [s["verb"] for s in call["steps"]] == ["Dial", "Update", "Say"]
    assert (call["status"], receiver.got("/result")) == ("completed", [])
    assert receiver.got("/status")[0].form["CallStatus"] == "completed"


def test_a_leg_that_still_rings_cannot_be_turned(sim, client, until):
    sim.world.clock.set_speed(1)
    sim.phone(OWNER, answers="no-answer")
    sid = sim.call()
    leg = until(lambda: client.calls.list(parent_call_sid=sid, status="ringing"))[0].sid
    with pytest.raises(TwilioRestException) as refused:
        client.calls(leg).update(twiml="<Response/>")
    assert (refused.value.status, refused.value.code) == (400, 21220)
    with pytest.raises(TwilioRestException) as unknown:
        client.calls("CA" + "0" * 32).update(status="completed")
    assert (unknown.value.status, unknown.value.code) == (404, 20404)


def test_url_and_twiml_exclude_each_other_in_an_update(sim, bridged):
    answer = sim.rest("POST", f"/Calls/{bridged[0]}.json", {"Url": "http://127.0.0.1:9/", "Twiml": "<Response/>"})
    assert answer.json()["code"] == 21205


def test_a_recording_can_be_paused_and_goes_on(sim, client, receiver, bridged, until):
    sid, _ = bridged
    line, recordings = sim.world.lines[sid], client.calls(sid).recordings
    made = recordings.create(
        recording_channels="dual",
        recording_track="inbound",
        recording_status_callback=receiver.url + "/recorded",
        recording_status_callback_event=["in-progress", "completed", "absent"],
    )
    assert (made.channels, made.track, made.call_sid) == (2, "inbound", sid)
    assert recordings("Twilio.CURRENT").update(status="paused", pause_behavior="skip").status == "paused"
    paused_s = line.now_s
    until(lambda: line.now_s > paused_s + 30)
    assert recordings(made.sid).update(status="in-progress").status == "in-progress"
    assert recordings(made.sid).update(status="stopped").status == "stopped"
    started, done = receiver.wait_for("/recorded", 2)
    assert (started.form["RecordingStatus"], done.form["RecordingStatus"]) == ("in-progress", "completed")
    assert (done.form["RecordingTrack"], done.form["CallSid"]) == ("inbound", sid)
    assert int(done.form["RecordingDuration"]) <= line.now_s - 30


def test_a_pause_that_is_silence_counts(sim, client, receiver, bridged, until):
    sid, _ = bridged
    line, recordings = sim.world.lines[sid], client.calls(sid).recordings
    made = recordings.create(recording_status_callback=receiver.url + "/recorded")
    recordings(made.sid).update(status="paused")
    paused_s = line.now_s
    until(lambda: line.now_s > paused_s + 30)
    recordings(made.sid).update(status="stopped")
    assert int(receiver.wait_for("/recorded")[0].form["RecordingDuration"]) >= 30


def test_the_current_recording_is_one_or_none(sim, client, bridged):
    recordings = client.calls(bridged[0]).recordings
    for running in range(3):
        if running != 1:
            with pytest.raises(TwilioRestException) as refused:
                recordings("Twilio.CURRENT").update(status="paused")
            assert refused.value.code == 20404
        recordings.create()
    wrong = sim.rest("POST", f"/Calls/{bridged[0]}/Recordings/Twilio.CURRENT.json", {"Status": "loud"})
    assert wrong.status_code == 404


def test_a_recording_may_end_without_sound(sim, client, receiver, bridged):
    sim.sim("POST", "/settings", {"absent_rate": 1.0})
    client.calls(bridged[0]).recordings.create(
        recording_status_callback=receiver.url + "/recorded", recording_status_callback_event=["completed", "absent"]
    )
    client.calls(bridged[0]).update(status="completed")
    told = receiver.wait_for("/recorded")[0].form
    assert (told["RecordingStatus"], told["RecordingDuration"]) == ("absent", "0")


def place(client, receiver, **more):
    wishes = {"to": PERSON, "from_": FROM, "twiml": FOREVER, "status_callback": receiver.url + "/told"}
    return client.calls.create(**wishes | more)


def test_a_placed_call_waits_for_the_detection_and_then_every_webhook_knows(sim, client, receiver):
    receiver.says("/script", "<Response/>")
    sim.phone(PERSON, answers="machine", amd_s=6)
    url = {"twiml": None, "url": receiver.url + "/script", "machine_detection": "DetectMessageEnd"}
    sid = client.calls.create(**{"to": PERSON, "from_": FROM, "status_callback": receiver.url + "/told"} | url).sid
    call = sim.ended_call(sid)
    asked, told = receiver.got("/script")[0].form, receiver.got("/told")[0].form
    assert asked["AnsweredBy"] == told["AnsweredBy"] == call["answered_by"] == "machine_end_beep"
    assert asked["MachineDetectionDuration"] == "6000"
    assert call["duration"] == "6"


def test_a_detection_beside_the_call_is_told_by_itself(sim, client, receiver):
    sim.phone(PERSON, answered_by="fax", talk_s=40)
    beside = {"machine_detection": "Enable", "async_amd": "true", "async_amd_status_callback": receiver.url + "/amd"}
    sid = place(client, receiver, **beside).sid
    call = sim.ended_call(sid)
    told = receiver.wait_for("/amd")[0].form
    assert (told["CallSid"], told["AnsweredBy"]) == (sid, "fax")
    assert "AnsweredBy" not in receiver.got("/told")[0].form
    assert call["answered_by"] == "fax"


def test_placed_calls_wait_for_their_turn(sim, client, receiver):
    sim.world.clock.set_speed(1)
    sim.sim("POST", "/settings", {"calls_per_s": 0.001})
    place(client, receiver)
    second = place(client, receiver)
    assert client.calls(second.sid).update(status="canceled").status == "canceled"
    assert receiver.wait_for("/told")[0].form["CallSid"] == second.sid


@pytest.mark.parametrize("to", ["client:alice", "sip:desk@example.com"])
def test_a_client_or_a_sip_address_can_be_called(sim, client, receiver, to):
    sim.phone(to, answers="busy")
    assert sim.ended_call(place(client, receiver, to=to).sid)["status"] == "busy"


def test_of_url_and_twiml_a_create_takes_the_url(sim, client, receiver):
    receiver.says("/script", "<Response/>")
    sim.ended_call(place(client, receiver, url=receiver.url + "/script").sid)
    assert len(receiver.got("/script")) == 1


def test_a_list_of_calls_is_paged_and_shows_a_call_only_after_a_while(sim, client, receiver):
    sids = [sim.ended_call(sim.call(hangup_after_s=1))["sid"] for _ in range(5)]
    assert [c.sid for c in client.calls.list(to=FROM, from_=PERSON, page_size=2)] == sids[::-1]
    sim.world.clock.set_speed(1)
    sim.sim("POST", "/settings", {"list_lag_s": 3000})
    assert client.calls.list(to=FROM) == []
    assert client.calls(sids[0]).fetch().sid == sids[0]
