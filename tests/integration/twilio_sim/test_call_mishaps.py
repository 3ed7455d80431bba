"""Callbacks of calls that are lost, doubled, swapped or late, and requests to place a call whose answer is lost."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

FROM, OWNER, PERSON = "+14155550100", "+14155550199", "+12125550142"
EVENTS = "initiated ringing answered completed"
STORY = ["initiated", "ringing", "in-progress", "completed"]


@pytest.fixture(autouse=True)
def owned(sim, receiver):
    leg = f'<Number statusCallback="/leg" statusCallbackEvent="{EVENTS}" machineDetection="Enable" amdStatusCallback="/amd">'
    receiver.says("/voice", f'<Response><Dial record="true" recordingStatusCallback="/recorded" '
                  f'recordingStatusCallbackEvent="in-progress completed">{leg}{OWNER}</Number></Dial></Response>')  # fmt: skip
    sim.number(FROM, voice_url=receiver.url + "/voice", status_callback=receiver.url + "/status")


def called(sim, **settings):
    sim.sim("POST", "/settings", settings)
    return sim.ended_call(sim.call())


def told(receiver):
    return [g.form["CallStatus"] for g in receiver.got("/leg")]


def test_a_lost_callback_is_in_the_history_only(sim, receiver):
    call = called(sim, drop_rate=1.0)
    assert (told(receiver), receiver.got("/amd"), receiver.got("/status")) == ([], [], [])
    lost = sim.webhooks(sid=call["children"][0]["sid"], kind="call-status")
    assert [w["error"] for w in lost] == ["dropped on purpose"] * 4


def test_a_doubled_callback_keeps_its_token(sim, receiver):
    called(sim, duplicate_rate=1.0)
    assert told(receiver) == [status for status in STORY for _ in range(2)]
    one, two = receiver.wait_for("/amd", 2)
    assert one.headers["I-Twilio-Idempotency-Token"] == two.headers["I-Twilio-Idempotency-Token"]


def test_a_swapped_callback_goes_behind_the_next_one_with_its_own_number(sim, receiver):
    called(sim, swap_rate=1.0)
    assert told(receiver) == ["ringing", "initiated", "completed", "in-progress"]
    assert [g.form["SequenceNumber"] for g in receiver.got("/leg")] == ["1", "0", "3", "2"]
    assert [g.form["RecordingStatus"] for g in receiver.wait_for("/recorded", 2)] == ["completed", "in-progress"]


def test_late_callbacks_come_when_the_call_is_long_over(sim, receiver):
    call = called(sim, late_rate=1.0, late_s=60)
    assert (call["status"], told(receiver)) == ("completed", [])
    assert sorted(g.form["CallStatus"] for g in receiver.wait_for("/leg", 4)) == sorted(STORY)
    receiver.wait_for("/amd")


def test_of_a_silent_call_only_its_twiml_is_asked(sim, receiver, until):
    call = called(sim, silent_rate=1.0)
    until(lambda: sim.sim("GET", f"/calls/{call['sid']}")["recordings"][0]["status"] == "completed")
    assert {g.path for g in receiver.got()} == {"/voice"}


def place(sim, call_id, **more):
    form = {
        "To": PERSON,
        "From": FROM,
        "Twiml": "<Response/>",
        "StatusCallback": f"http://127.0.0.1:9/?call_id={call_id}",
    }
    return sim.rest("POST", "/Calls.json", form | more)


def test_a_call_may_have_been_placed_although_its_answer_is_lost(sim):
    sim.sim("PUT", "/odds", {"place": {"lost_after": 1.0}})
    for _ in range(2):
        with pytest.raises(requests.exceptions.ConnectionError):
            place(sim, "c1")
    sim.sim("PUT", "/odds", {"place": {"error_before": 1.0}})
    place(sim, "c2")
    sim.sim("PUT", "/odds", {})
    place(sim, "c3", To="")
    made = place(sim, "c4").json()["sid"]
    answer = requests.get(f"{sim.url}/sim/ledger/calls", timeout=5)
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [(x["call_id"], x["answer"], x["http_status"], x["code"], bool(x["sid"])) for x in lines] == [
        ("c1", "lost", None, None, True), ("c1", "lost", None, None, True), ("c2", "given", 503, 20503, False),
        ("c3", "given", 400, 21201, False), ("c4", "given", 201, None, True),
    ]  # fmt: skip
    assert (lines[4]["sid"], lines[4]["to"], lines[4]["from"]) == (made, PERSON, FROM)
    sums = sim.sim("GET", "/ledger/summary")["calls"]
    assert (sums["requests"], sums["made"], list(sums["made_twice"])) == (5, 3, ["c1"])
    assert sums["outcomes"] == {"lost, made": 2, "503 20503": 1, "400 21201": 1, "201": 1}
    assert len(sim.sim("GET", "/calls")["data"]) == 3


def test_the_odds_of_all_call_requests_hold_for_placing_too_unless_it_has_its_own(sim):
    sim.sim("PUT", "/odds", {"call": {"throttled": 1.0}})
    assert (place(sim, "c1").status_code, sim.rest("GET", "/Calls.json").status_code) == (429, 429)
    sim.sim("PUT", "/odds", {"call": {"throttled": 1.0}, "place": {}})
    assert (place(sim, "c1").status_code, sim.rest("GET", "/Calls.json").status_code) == (201, 429)


def fates(sim, order):
    """SID and answer of twenty placed calls, made by threads in this order."""
    sim.sim("DELETE", "/state", status=204)
    sim.world.sids.__init__(1)
    sim.number(FROM)
    sim.sim("PUT", "/odds", {"seed": 3, "place": {"error_after": 0.5}})
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda n: place(sim, str(n), Twiml=f"<Response><Pause length='{n}'/></Response>"), order)
        return {n: (a.status_code, a.json().get("sid")) for n, a in zip(order, answers, strict=True)}


def test_a_seed_repeats_names_and_fates_of_calls_whatever_the_order_of_threads(sim):
    first = fates(sim, list(range(1, 21)))
    assert {status for status, _ in first.values()} == {201, 503}
    assert fates(sim, list(range(20, 0, -1))) == first
