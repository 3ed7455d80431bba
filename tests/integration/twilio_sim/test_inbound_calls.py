"""A person calls a number of ours: which webhooks come, in which order, saying what."""

from typing import Any

import pytest

VOICE, ACTION, STATUS, RECORDED = "/voice", "/dial-result", "/status", "/recorded"
OWNER = "+14155550199"


def dialling(more: str = "", inner: str = f"<Number>{OWNER}</Number>") -> str:
    return f'<Response><Dial action="{ACTION}" timeout="20" {more}>{inner}</Dial></Response>'


@pytest.fixture
def business(sim: Any, receiver: Any) -> None:
    """A number that dials its owner, with a status callback."""
    receiver.says(VOICE, dialling())
    receiver.says(STATUS, "")
    sim.number(voice_url=receiver.url + VOICE, status_callback=receiver.url + STATUS)


def test_a_call_nobody_answers_posts_voice_then_the_leg_then_the_dial_result_then_the_final_status(
    sim, receiver, business
):
    receiver.says(
        VOICE,
        dialling(
            inner=f'<Number statusCallback="/leg" statusCallbackEvent="initiated ringing answered completed">'
            f"{OWNER}</Number>"
        ),
    )
    sim.phone(answers="no-answer")
    sid = sim.call()

    call = sim.ended_call(sid)

    story = [(g.path, g.form["CallStatus"]) for g in receiver.got()]
    assert story == [
        (VOICE, "ringing"),
        ("/leg", "initiated"),
        ("/leg", "ringing"),
        ("/leg", "no-answer"),
        (ACTION, "in-progress"),
        (STATUS, "completed"),
    ]
    result = receiver.got(ACTION)[0].form
    assert result["DialCallStatus"] == "no-answer"
    assert result["DialBridged"] == "false"
    assert result["DialCallSid"] == call["children"][0]["sid"]
    assert call["children"][0]["parent_call_sid"] == sid
    assert call["children"][0]["status"] == "no-answer"
    assert [g.form["SequenceNumber"] for g in receiver.got("/leg")] == ["0", "1", "2"]
    assert receiver.got("/leg")[0].form["ParentCallSid"] == sid


def test_the_first_webhook_carries_every_usual_parameter_blanks_included(sim, receiver, business):
    sim.call(**{"from": "+79991234567", "params": {"ForwardedFrom": "+14155550177"}})
    form = receiver.wait_for(VOICE)[0].form
    assert form["From"] == form["Caller"] == "+79991234567"
    assert form["To"] == form["Called"] == "+14155550100"
    assert form["FromCity"] == ""
    assert form["CallerCountry"] == ""
    assert form["ToCity"] == "SAN FRANCISCO"
    assert form["Direction"] == "inbound"
    assert form["ApiVersion"] == "2010-04-01"
    assert form["ForwardedFrom"] == "+14155550177"
    assert list(form) != sorted(form), "Twilio's order is not alphabetic"


def test_an_answered_call_is_bridged_and_lasts_as_long_as_the_talk(sim, receiver, business):
    sim.phone(answers="answer", answer_after_s=4, talk_s=62)
    sid = sim.call()

    call = sim.ended_call(sid)

    result, final = receiver.got(ACTION)[0].form, receiver.got(STATUS)[0].form
    assert (result["DialCallStatus"], result["DialBridged"], result["DialCallDuration"]) == ("completed", "true", "62")
    assert final["CallStatus"] == "completed"
    assert (final["CallDuration"], final["Duration"]) == ("66", "2"), "seconds, and billed minutes"
    assert final["CallbackSource"] == "call-progress-events"
    assert final["SequenceNumber"] == "0"
    assert final["Timestamp"].endswith("+0000")
    assert call["duration"] == "66"
    assert call["children"][0]["duration"] == "62"


@pytest.mark.parametrize("answers", ["busy", "failed"])
def test_a_phone_that_is_busy_or_unreachable_says_so_in_the_dial_result(sim, receiver, business, answers):
    sim.phone(answers=answers)
    sim.ended_call(sim.call())
    assert receiver.got(ACTION)[0].form["DialCallStatus"] == answers


def test_a_caller_who_gives_up_while_it_rings_makes_the_dial_canceled(sim, receiver, business):
    sim.phone(answers="answer", answer_after_s=15)
    call = sim.ended_call(sim.call(hangup_after_s=6))
    result = receiver.got(ACTION)[0].form
    assert result["DialCallStatus"] == "canceled"
    assert result["CallStatus"] == "completed"
    assert call["children"][0]["status"] == "canceled"
    assert call["duration"] == "6"


def test_with_answer_on_bridge_a_caller_who_gives_up_was_never_answered(sim, receiver, business):
    receiver.says(VOICE, dialling('answerOnBridge="true"'))
    sim.phone(answers="no-answer")
    call = sim.ended_call(sim.call(hangup_after_s=6))
    assert call["status"] == receiver.got(STATUS)[0].form["CallStatus"] == "no-answer"
    assert call["duration"] == "0"


def test_a_caller_who_hangs_up_in_the_conversation_still_gets_a_completed_dial_result(sim, receiver, business):
    sim.phone(answer_after_s=2, talk_s=100)
    receiver.says(ACTION, "<Response><Say>Nobody hears this.</Say></Response>")
    call = sim.ended_call(sim.call(hangup_after_s=12))
    result = receiver.got(ACTION)[0].form
    assert (result["DialCallStatus"], result["DialBridged"], result["DialCallDuration"]) == ("completed", "true", "10")
    assert result["CallStatus"] == "completed"
    assert [s["verb"] for s in call["steps"]] == ["Dial"]


def test_a_whisper_that_hangs_up_is_a_completed_leg_that_was_never_bridged(sim, receiver, business):
    receiver.says(VOICE, dialling(inner=f'<Number url="/whisper">{OWNER}</Number>'))
    receiver.says("/whisper", '<Response><Gather action="/pressed" numDigits="1"/><Hangup/></Response>')
    sim.phone(answers="answer", digits="")
    call = sim.ended_call(sim.call())
    asked = receiver.got("/whisper")[0].form
    assert asked["CallSid"] == call["children"][0]["sid"]
    assert asked["ParentCallSid"] == call["sid"]
    assert asked["Direction"] == "outbound-dial"
    assert receiver.got("/pressed") == []
    result = receiver.got(ACTION)[0].form
    assert (result["DialCallStatus"], result["DialBridged"]) == ("completed", "false")


def test_a_callee_who_presses_the_key_is_let_through(sim, receiver, business):
    receiver.says(VOICE, dialling(inner=f'<Number url="/whisper">{OWNER}</Number>'))
    receiver.says("/whisper", '<Response><Gather action="/pressed" numDigits="1"/><Hangup/></Response>')
    sim.phone(answers="answer", digits="1")
    sim.ended_call(sim.call())
    assert receiver.got("/pressed")[0].form["Digits"] == "1"
    assert receiver.got(ACTION)[0].form["DialBridged"] == "true"


def test_of_several_phones_the_first_to_answer_wins_and_the_others_fall_silent(sim, receiver, business):
    receiver.says(VOICE, dialling(inner="<Number>+14155550191</Number><Number>+14155550192</Number>"))
    sim.phone("+14155550191", answer_after_s=9)
    sim.phone("+14155550192", answer_after_s=3)
    call = sim.ended_call(sim.call())
    assert {c["to"]: c["status"] for c in call["children"]} == {"+14155550191": "canceled", "+14155550192": "completed"}


def test_a_recorded_dial_tells_its_recording_in_the_action_and_by_callback(sim, receiver, business):
    receiver.says(VOICE, dialling(f'record="record-from-answer-dual" recordingStatusCallback="{RECORDED}"'))
    sim.phone(answer_after_s=3, talk_s=8)
    sid = sim.call()
    sim.ended_call(sid)
    told, result = receiver.wait_for(RECORDED)[0].form, receiver.got(ACTION)[0].form
    assert result["RecordingSid"] == told["RecordingSid"]
    assert result["RecordingUrl"] == told["RecordingUrl"]
    assert result["RecordingDuration"] == told["RecordingDuration"] == "8"
    assert told["CallSid"] == sid, "always the parent leg"
    assert told["RecordingStatus"] == "completed"
    assert told["RecordingChannels"] == "2"
    assert told["RecordingSource"] == "DialVerb"
    assert told["ErrorCode"] == "0"
    assert "From" not in told
    assert "To" not in told


def test_voicemail_keeps_what_the_caller_said_until_hanging_up(sim, receiver, business):
    sim.phone(answers="no-answer")
    receiver.says(
        ACTION,
        '<Response><Say>Please leave a message.</Say><Record action="/voicemail" maxLength="60" '
        f'recordingStatusCallback="{RECORDED}"/><Hangup/></Response>',
    )
    call = sim.ended_call(sim.call(speaks_s=7))
    left = receiver.got("/voicemail")[0].form
    assert (left["RecordingDuration"], left["Digits"], left["CallStatus"]) == ("7", "hangup", "completed")
    assert receiver.wait_for(RECORDED)[0].form["RecordingSource"] == "RecordVerb"
    assert [s["verb"] for s in call["steps"]] == ["Dial", "Say", "Record"]


def test_a_caller_who_says_nothing_leaves_an_absent_recording_and_no_action(sim, receiver, business):
    receiver.says(
        VOICE,
        f'<Response><Record action="/voicemail" recordingStatusCallback="{RECORDED}" '
        'recordingStatusCallbackEvent="completed absent"/></Response>',
    )
    sim.ended_call(sim.call(speaks_s=0))
    assert receiver.wait_for(RECORDED)[0].form["RecordingStatus"] == "absent"
    assert receiver.got("/voicemail") == []


def test_a_caller_who_ends_with_a_key_goes_on_with_the_action(sim, receiver, business):
    receiver.says(VOICE, '<Response><Record action="/voicemail"/></Response>')
    receiver.says("/voicemail", "<Response><Say>Thank you.</Say></Response>")
    call = sim.ended_call(sim.call(finishes_with="#"))
    assert receiver.got("/voicemail")[0].form["Digits"] == "#"
    assert [s["verb"] for s in call["steps"]] == ["Record", "Say"]


def test_gather_posts_the_keys_and_without_keys_the_next_verb_follows(sim, receiver, business):
    receiver.says(VOICE, '<Response><Gather action="/menu" numDigits="2"><Say>Menu</Say></Gather><Hangup/></Response>')
    sim.ended_call(sim.call(digits="12"))
    assert receiver.got("/menu")[0].form["Digits"] == "12"
    call = sim.ended_call(sim.call())
    assert len(receiver.got("/menu")) == 1
    assert [s["verb"] for s in call["steps"]] == ["Gather", "Say", "Hangup"]


@pytest.mark.parametrize(("reason", "status"), [("busy", "busy"), ("rejected", "no-answer")])
def test_a_rejected_call_was_never_answered(sim, receiver, business, reason, status):
    receiver.says(VOICE, f'<Response><Reject reason="{reason}"/></Response>')
    call = sim.ended_call(sim.call())
    assert (call["status"], call["duration"]) == (status, "0")


def test_redirect_goes_to_another_document_relative_to_this_one(sim, receiver, business):
    receiver.says(VOICE, "<Response><Redirect>elsewhere?x=1</Redirect></Response>")
    sim.ended_call(sim.call())
    assert receiver.got("/elsewhere")[0].query == {"x": "1"}


def test_a_failing_voice_url_is_replaced_by_the_fallback_with_the_reason(sim, receiver, business):
    sim.number(voice_url=receiver.url + "/broken", voice_fallback_url=receiver.url + "/fallback")
    receiver.says("/broken", "<Response><Say>no end")
    receiver.says("/fallback", "<Response><Say>Sorry</Say></Response>")
    sim.ended_call(sim.call())
    form = receiver.got("/fallback")[0].form
    assert form["ErrorCode"] == "12100"
    assert form["ErrorUrl"] == receiver.url + "/broken"


def test_a_number_without_a_voice_url_fails_at_once(sim, receiver, business):
    sim.number(voice_url="")
    assert sim.ended_call(sim.call())["status"] == "failed"


def test_a_withheld_caller_is_no_error(sim, receiver, business):
    sim.ended_call(sim.call(**{"from": "anonymous"}))
    assert receiver.got(VOICE)[0].form["From"] == "anonymous"


@pytest.mark.parametrize(
    ("caller", "status", "text"),
    [
        ({"speaks_s": 4, "says": "Call me back"}, "completed", "Call me back"),
        ({"speaks_s": 4, "says": ""}, "failed", ""),
        ({"speaks_s": 1, "says": "Yes"}, "failed", ""),
    ],
)
def test_a_voicemail_is_written_down_where_the_verb_asks_for_it(sim, receiver, business, caller, status, text):
    receiver.says(VOICE, '<Response><Record action="/left" transcribe="true" transcribeCallback="/words"/></Response>')
    sid = sim.call(**caller)
    (said,) = [got.form for got in receiver.wait_for("/words")]
    assert (said["CallSid"], said["TranscriptionStatus"], said["TranscriptionText"]) == (sid, status, text)
    assert said["RecordingSid"] == sim.ended_call(sid)["recordings"][0]["sid"]
    assert said["TranscriptionSid"].startswith("TR")
