from datetime import UTC, datetime
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml.voice_response import VoiceResponse

from shared.domain import twiml
from shared.domain.routing import Caller, Number, RecordingPolicy, Routing, forwards, route, unknown_number
from shared.domain.twiml import Urls

NOW = datetime(2026, 11, 25, 15, tzinfo=UTC)
URLS = Urls("https://calls.example.com")
ACTION = "https://calls.example.com/api/calls/dial-result#rc=3&rp=all&ct=2000&rt=4000"
RECORDING = "https://calls.example.com/api/webhooks/recording#rc=3&rp=all&ct=2000&rt=4000"


def canonical(document):
    return ElementTree.canonicalize(str(document))


def test_forwarding_is_what_the_official_sdk_would_write():
    oracle = VoiceResponse()
    oracle.dial(action=ACTION, timeout=20, answer_on_bridge=True).number("+14155550199")
    ours = twiml.forward(Number("+14155550100", "t", forwards("+14155550199")), URLS)
    assert canonical(ours) == canonical(oracle)


def test_a_recorded_call_is_announced_before_it_rings():
    oracle = VoiceResponse()
    oracle.say("This call may be recorded.")
    oracle.dial(
        action=ACTION, timeout=25, record="record-from-answer-dual", recording_status_callback=RECORDING,
        recording_status_callback_event="completed absent",
    ).number("+14155550199")  # fmt: skip
    number = Number("+14155550100", "t", forwards("+14155550199", ring_s=25, recording=RecordingPolicy("on")))
    assert canonical(twiml.forward(number, URLS)) == canonical(oracle)


def test_voicemail_has_an_action_because_record_without_one_loops():
    oracle = VoiceResponse()
    oracle.say("Leave a word & go")
    oracle.record(
        action="https://calls.example.com/api/calls/voicemail#rc=3&rp=all&ct=2000&rt=4000", max_length=120, timeout=5,
        play_beep=True, recording_status_callback=RECORDING, recording_status_callback_event="completed absent",
    )  # fmt: skip
    oracle.hangup()
    number = Number("+14155550100", "t", Routing(greeting="Leave a word & go"))
    assert canonical(twiml.voicemail(number, URLS)) == canonical(oracle)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="￾￿")))
def test_no_greeting_breaks_the_document(greeting):
    document = ElementTree.fromstring(twiml.voicemail(Number("+1", "t", Routing(greeting=greeting)), URLS))
    assert (document.findtext("Say") or "") == greeting


def test_after_the_dial_only_a_missed_caller_reaches_voicemail():
    number = Number("+14155550100", "t", forwards("+14155550199"))
    assert "<Record" in twiml.after_dial(number, False, URLS)
    assert twiml.after_dial(number, True, URLS) == twiml.HANG_UP


def test_an_unknown_numbers_caller_reaches_voicemail_never_an_error():
    assert route(unknown_number("+14155550100"), Caller("+12125550142"), NOW).kind == "voicemail"


def test_the_owner_calling_from_the_phone_we_would_ring_reaches_voicemail():
    number = Number("+14155550100", "t", forwards("+14155550199"))
    assert route(number, Caller("+14155550199"), NOW).kind == "voicemail"
    assert route(number, Caller("+12125550142"), NOW).kind == "forward"
