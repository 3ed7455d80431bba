"""What the phones behind a <Dial> do, and what the service is told of it: whispers, voicemail, several, none."""

import pytest

VOICE, RESULT, LEG, AMD = "/voice", "/dial-result", "/leg", "/amd"
BUSINESS, OWNER, OTHER, CUSTOMER = "+14155550100", "+14155550199", "+14155550198", "+12125550142"
WHISPER = '<Response><Gather action="/accept" numDigits="1" timeout="8"><Say>A call.</Say></Gather><Hangup/></Response>'
ACCEPT = "/accept"


@pytest.fixture
def business(sim, receiver):
    """Answers what `dials` says; the leg tells everything it can."""
    sim.number(voice_url=receiver.url + VOICE, status_callback=receiver.url + "/status")

    def dials(inner=f"<Number>{OWNER}</Number>", more=""):
        receiver.says(VOICE, f'<Response><Dial action="{RESULT}" timeout="20" {more}>{inner}</Dial></Response>')

    return dials


def number(more, phone=OWNER):
    events = 'statusCallback="/leg" statusCallbackEvent="initiated ringing answered completed"'
    return f"<Number {events} {more}>{phone}</Number>"


def result_of(receiver):
    form = receiver.got(RESULT)[0].form
    return form["DialCallStatus"], form["DialBridged"]


@pytest.fixture
def screened(business, receiver):
    receiver.says("/whisper", WHISPER)
    business(number('url="/whisper"'))


def test_the_right_key_bridges_and_the_duration_counts_from_the_pick_up(sim, receiver, screened):
    receiver.says(ACCEPT, "<Response/>")
    sim.phone(digits="1", talk_s=30)
    sim.ended_call(sim.call())
    assert result_of(receiver) == ("completed", "true")
    assert receiver.got(RESULT)[0].form["DialCallDuration"] == "31", "a second of whisper, thirty of talk"
    assert receiver.got(ACCEPT)[0].form["Digits"] == "1"
    assert [g.form["CallStatus"] for g in receiver.got(LEG)] == ["initiated", "ringing", "in-progress", "completed"]


def test_a_wrong_key_leads_where_its_action_says(sim, receiver, screened):
    receiver.says(ACCEPT, "<Response><Hangup/></Response>")
    sim.phone(digits="7")
    sim.ended_call(sim.call())
    assert receiver.got(ACCEPT)[0].form["Digits"] == "7"
    assert result_of(receiver) == ("completed", "false")


def test_a_carriers_voicemail_presses_nothing_and_is_not_bridged_when_screened(sim, receiver, screened):
    sim.phone(answers="machine", digits="1")
    call = sim.ended_call(sim.call())
    assert receiver.got(ACCEPT) == []
    assert result_of(receiver) == ("completed", "false")
    assert receiver.got(RESULT)[0].form["DialCallDuration"] == "9", "the prompt and the wait for a key"
    assert call["children"][0]["status"] == "completed"


def test_a_callee_who_hangs_up_in_the_whisper_is_a_completed_leg_that_was_never_bridged(sim, receiver, screened):
    sim.phone(digits="", leaves_after_s=3)
    sim.ended_call(sim.call())
    assert receiver.got(ACCEPT) == []
    assert (*result_of(receiver), receiver.got(RESULT)[0].form["DialCallDuration"]) == ("completed", "false", "3")


def test_a_caller_who_hangs_up_in_the_whisper_ends_both(sim, receiver, screened):
    sim.phone(answer_after_s=5)
    call = sim.ended_call(sim.call(hangup_after_s=8))
    assert result_of(receiver) == ("completed", "false")
    assert receiver.got(RESULT)[0].form["CallStatus"] == "completed"
    assert call["children"][0]["duration"] == "3"


def test_an_empty_whisper_answer_may_be_asked_for(sim, receiver, business):
    business(number('url="/whisper"'))
    receiver.says("/whisper", '<Response><Gather action="/accept" actionOnEmptyResult="true" timeout="2"/></Response>')
    receiver.says(ACCEPT, "<Response><Hangup/></Response>")
    sim.phone(digits="")
    sim.ended_call(sim.call())
    assert receiver.got(ACCEPT)[0].form["Digits"] == ""
    assert result_of(receiver) == ("completed", "false")


def test_a_whisper_that_fails_loses_the_leg(sim, receiver, reply, business):
    business(number('url="/whisper"'))
    receiver.says("/whisper", reply("", 500))
    sim.ended_call(sim.call())
    assert result_of(receiver) == ("completed", "false")
    assert [a["code"] for a in sim.sim("GET", "/alerts")["data"]] == [11200]


def test_a_whisper_cannot_dial(sim, receiver, business):
    business(number('url="/whisper"'))
    receiver.says("/whisper", f"<Response><Dial>{OTHER}</Dial></Response>")
    call = sim.ended_call(sim.call())
    assert [c["to"] for c in call["children"]] == [OWNER]


def test_an_unscreened_voicemail_looks_like_a_conversation(sim, receiver, business):
    business()
    sim.phone(answers="machine", talk_s=12)
    sim.ended_call(sim.call())
    assert (*result_of(receiver), receiver.got(RESULT)[0].form["DialCallDuration"]) == ("completed", "true", "12")


@pytest.mark.parametrize(
    ("phone", "mode", "heard"),
    [
        ({}, "Enable", "human"),
        ({"answers": "machine"}, "Enable", "machine_start"),
        ({"answers": "machine"}, "DetectMessageEnd", "machine_end_beep"),
        ({"answered_by": "machine_end_silence"}, "DetectMessageEnd", "machine_end_silence"),
        ({"answered_by": "machine_end_silence"}, "Enable", "machine_start"),
        ({"answered_by": "fax"}, "Enable", "fax"),
        ({"amd_s": 40, "talk_s": 60}, "Enable", "unknown"),
        ({"amd_s": 9, "talk_s": 2}, "Enable", "unknown"),
    ],
)
def test_who_picked_up_a_dialled_phone_is_told_in_a_request_of_its_own(sim, receiver, business, phone, mode, heard):
    business(number(f'machineDetection="{mode}" amdStatusCallback="/amd?call=x"'))
    sim.phone(**phone)
    call = sim.ended_call(sim.call())
    told = receiver.wait_for(AMD)[0]
    assert set(told.form) == {"CallSid", "AccountSid", "AnsweredBy", "MachineDetectionDuration"}
    assert (told.form["CallSid"], told.form["AnsweredBy"]) == (call["children"][0]["sid"], heard)
    assert int(told.form["MachineDetectionDuration"]) <= 30_000
    assert told.query == {"call": "x"}
    assert all("AnsweredBy" not in g.form for g in receiver.got(LEG)), "beside the call, not in it"


def test_without_detection_nothing_is_told(sim, receiver, business):
    business(number('amdStatusCallback="/amd"'))
    call = sim.ended_call(sim.call())
    assert receiver.got(AMD) == []
    assert call["children"][0]["answered_by"] is None


def test_a_leg_reports_its_parent_its_place_and_its_end(sim, receiver, business):
    business(number(""))
    sim.phone(answers="busy")
    sid = sim.ended_call(sim.call())["sid"]
    told = [g.form for g in receiver.got(LEG)]
    assert [t["SequenceNumber"] for t in told] == ["0", "1", "2"]
    assert {(t["ParentCallSid"], t["CallbackSource"], t["Direction"]) for t in told} == {
        (sid, "call-progress-events", "outbound-dial")
    }
    assert all(t["Timestamp"].endswith("+0000") for t in told)
    assert ("SipResponseCode" in told[0], told[-1]["SipResponseCode"]) == (False, "486")
    own = receiver.wait_for("/status")[0].form
    assert ("ParentCallSid" in own, own["SipResponseCode"], own["SequenceNumber"]) == (False, "200", "0")


def test_in_turn_the_next_phone_rings_only_when_the_one_before_did_not_answer(sim, receiver, business):
    business(number("") + number("", OTHER), 'sequential="true"')
    sim.phone(answers="no-answer")
    sim.phone(OTHER, talk_s=5)
    call = sim.ended_call(sim.call())
    assert [(c["to"], c["status"]) for c in call["children"]] == [(OWNER, "no-answer"), (OTHER, "completed")]
    story = [(g.form["To"], g.form["CallStatus"]) for g in receiver.got(LEG)]
    assert story.index((OWNER, "no-answer")) < story.index((OTHER, "initiated"))
    assert receiver.got(RESULT)[0].form["DialCallSid"] == call["children"][1]["sid"]


def test_the_phones_that_lose_are_canceled_and_say_so(sim, receiver, business):
    business(number("") + number("", OTHER))
    sim.phone(answer_after_s=9)
    sim.phone(OTHER, answer_after_s=2)
    sim.ended_call(sim.call())
    ends = {g.form["To"]: (g.form["CallStatus"], g.form.get("SipResponseCode")) for g in receiver.got(LEG)}
    assert ends == {OWNER: ("canceled", "487"), OTHER: ("completed", "200")}


@pytest.mark.parametrize(
    ("noun", "address"),
    [
        ("<Client>alice</Client>", "client:alice"),
        ("<Client><Identity>alice</Identity></Client>", "client:alice"),
        ("<Sip>sip:desk@example.com;transport=tls</Sip>", "sip:desk@example.com;transport=tls"),
    ],
)
def test_clients_and_sip_addresses_ring_by_their_address(sim, receiver, business, noun, address):
    business(noun)
    sim.phone(address.split(";")[0], answers="busy")
    call = sim.ended_call(sim.call())
    assert [(c["to"], c["status"]) for c in call["children"]] == [(address, "busy")]
    assert result_of(receiver) == ("busy", "false")


@pytest.mark.parametrize("caller_id", ["anonymous", "+14155559999", "+266696687", "12"])
def test_a_caller_id_that_is_not_ours_fails_the_dial_with_an_alert(sim, receiver, business, caller_id):
    business(more=f'callerId="{caller_id}"')
    call = sim.ended_call(sim.call())
    form = receiver.got(RESULT)[0].form
    assert (form["DialCallStatus"], form["DialBridged"], "DialCallSid" in form) == ("failed", "false", False)
    assert call["children"] == []
    alert = sim.sim("GET", "/alerts")["data"][0]
    assert (alert["code"], alert["resource_sid"], alert["level"]) == (13214, call["sid"], "ERROR")


@pytest.mark.parametrize("caller", ["anonymous", "RESTRICTED", "Unavailable", "+266696687", "+7378742833", ""])
def test_a_withheld_caller_can_be_forwarded_with_our_own_number_only(sim, receiver, business, caller):
    business()
    sim.ended_call(sim.call(**{"from": caller}))
    assert result_of(receiver) == ("failed", "false")
    business(more=f'callerId="{BUSINESS}"')
    call = sim.ended_call(sim.call(**{"from": caller}))
    assert [(c["from"], c["status"]) for c in call["children"]] == [(BUSINESS, "completed")]


def test_a_client_rings_whatever_the_caller_id(sim, receiver, business):
    business(f"<Number>{OWNER}</Number><Client>alice</Client>")
    call = sim.ended_call(sim.call(**{"from": "anonymous"}))
    assert [(c["to"], c["from"]) for c in call["children"]] == [("client:alice", "anonymous")]


def test_alerts_are_posted_to_the_debuggers_address(sim, receiver, business):
    sim.sim("POST", "/settings", {"debugger_url": receiver.url + "/debugger"})
    business(more='callerId="12"')
    call = sim.ended_call(sim.call())
    form = receiver.wait_for("/debugger")[0].form
    assert (form["Level"], form["PayloadType"]) == ("ERROR", "application/json")
    assert '"error_code": "13214"' in form["Payload"]
    assert call["sid"] in form["Payload"]


def test_a_menus_answers_are_given_one_by_one_silence_too(sim, receiver):
    menu = '<Response><Gather action="/menu" numDigits="1" actionOnEmptyResult="true" timeout="3"/></Response>'
    receiver.says(VOICE, menu)
    receiver.says("/menu", menu, menu, "<Response><Hangup/></Response>")
    sim.number(voice_url=receiver.url + VOICE)
    sim.ended_call(sim.call(digits=["1", "", "2"]))
    assert [g.form["Digits"] for g in receiver.got("/menu")] == ["1", "", "2"]


def test_keys_are_waited_for_until_there_are_enough(sim, receiver, business):
    receiver.says(VOICE, '<Response><Gather action="/menu" numDigits="3" timeout="7"/></Response>')
    assert sim.ended_call(sim.call(digits="123"))["duration"] == "0"
    assert sim.ended_call(sim.call(digits="12"))["duration"] == "7"
    assert sim.ended_call(sim.call(digits="12#"))["duration"] == "0"
    assert [(g.form["Digits"], g.form["FinishedOnKey"]) for g in receiver.got("/menu")] == [
        ("123", ""), ("12", ""), ("12", "#"),
    ]  # fmt: skip


def test_a_caller_is_described_as_the_carrier_knows_them(sim, receiver, business):
    business()
    sim.call(stir_verstat="TN-Validation-Failed-C", forwarded_from="+14155550177", caller_name="A SHOP")
    sim.call(stir_verstat="", params={"StirPassportToken": "x"})
    one, two = (got.form for got in receiver.wait_for(VOICE, 2))
    if "StirVerstat" not in one:
        one, two = two, one
    assert (one["StirVerstat"], one["ForwardedFrom"], one["CalledVia"], one["CallerName"]) == (
        "TN-Validation-Failed-C", "+14155550177", "+14155550177", "A SHOP",
    )  # fmt: skip
    assert ("StirVerstat" in two, "ForwardedFrom" in two, two["StirPassportToken"]) == (False, False, "x")
