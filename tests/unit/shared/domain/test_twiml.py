"""Every document is what the official SDK would write, and no word of anybody's breaks one."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml.voice_response import Gather, VoiceResponse

from shared.domain import twiml
from shared.domain.dial import Dialling
from shared.domain.routing import Emergency, Number, RecordingPolicy, Routing, Target, forwards
from shared.domain.urls import OVERRIDES, Urls

BASE = "https://calls.example.com"
URLS, SID = Urls(BASE), "CA" + "1" * 32
BUSINESS, OWNER, CUSTOMER = "+14155550100", "+14155550199", "+12125550142"
ANY_TEXT = st.text(max_size=200)


def url(path):
    return f"{BASE}{path}{OVERRIDES}"


def canonical(document):
    return ElementTree.canonicalize(str(document))


def dialling(rules, **more):
    given = {"targets": rules.targets, "caller": CUSTOMER, "call_sid": SID}
    return Dialling(Number(BUSINESS, "t", rules), **(given | more))


def leg(**more):
    return {
        "status_callback": url(f"/api/webhooks/call?parent={SID}"),
        "status_callback_event": "answered completed",
    } | more


def test_a_blocked_caller_is_rejected_before_anybody_pays():
    oracle = VoiceResponse()
    oracle.reject(reason="rejected")
    assert canonical(twiml.reject()) == canonical(oracle)


def test_where_no_message_is_taken_the_line_is_busy():
    oracle = VoiceResponse()
    oracle.reject(reason="busy")
    assert canonical(twiml.engaged()) == canonical(oracle)


def test_forwarding_is_what_the_official_sdk_would_write():
    oracle = VoiceResponse()
    dial = oracle.dial(action=url("/api/calls/dial-result?step=1&rec=0"), timeout=20, answer_on_bridge=True)
    dial.number(OWNER, **leg())
    assert canonical(twiml.forward(dialling(forwards(OWNER)), URLS)) == canonical(oracle)


def test_a_recorded_call_is_announced_before_it_rings():
    oracle = VoiceResponse()
    oracle.say("This call may be recorded.", language="es-US", voice="Polly.Lupe")
    dial = oracle.dial(
        action=url("/api/calls/dial-result?step=2&rec=1"), timeout=25, record="record-from-answer-dual",
        recording_status_callback=url(f"/api/webhooks/recording?call={SID}"),
        recording_status_callback_event="in-progress completed absent",
    )  # fmt: skip
    dial.number(OWNER, **leg())
    rules = forwards(OWNER, ring_s=25, recording=RecordingPolicy("on"), language="es-US", voice="Polly.Lupe")
    what = dialling(rules, step=2, records=True, is_answered=True)
    assert canonical(twiml.forward(what, URLS, notice="This call may be recorded.")) == canonical(oracle)


def test_every_kind_of_phone_is_rung_and_screened_by_a_key():
    oracle = VoiceResponse()
    dial = oracle.dial(
        action=url("/api/calls/dial-result?step=1&rec=0&emergency=1"), timeout=40, caller_id=BUSINESS,
        answer_on_bridge=True,
    )  # fmt: skip
    screened = leg(url=url(f"/api/calls/whisper?call={SID}&number=14155550100"))
    dial.number(OWNER, **screened)
    dial.sip("sip:me@example.com?x=1&y=2", **screened)
    dial.client("anna", **screened)
    targets = (Target(OWNER, 40), Target("sip:me@example.com?x=1&y=2", 10), Target("client:anna"))
    rules = Routing(targets, strategy="at_once", screening="press", caller_id="business")
    assert canonical(twiml.forward(dialling(rules, is_emergency=True), URLS)) == canonical(oracle)


def test_answering_machines_are_detected_where_twilio_can():
    oracle = VoiceResponse()
    dial = oracle.dial(action=url("/api/calls/dial-result?step=1&rec=0"), timeout=20, answer_on_bridge=True)
    amd = {"machine_detection": "Enable", "amd_status_callback": url(f"/api/webhooks/amd?call={SID}")}
    dial.number(OWNER, **leg(**amd))
    dial.sip("sip:me@example.com", **leg(**amd))
    dial.client("anna", **leg())
    rules = Routing((Target(OWNER), Target("sip:me@example.com"), Target("client:anna")), screening="amd")
    assert canonical(twiml.forward(dialling(rules), URLS)) == canonical(oracle)


@pytest.mark.parametrize("caller", ["anonymous", "", "+266696687", "client:x", "sip:a@b", "4155550123"])
def test_a_withheld_number_is_not_passed_on(caller):
    """Twilio would refuse to dial (13214)."""
    document = ElementTree.fromstring(twiml.forward(dialling(forwards(OWNER), caller=caller), URLS))
    assert document.find("Dial").get("callerId") == BUSINESS


def test_without_a_number_of_ours_to_show_twilio_chooses():
    what = Dialling(Number("sip:us@example.com", "t", forwards(OWNER)), "anonymous", "", (Target(OWNER),))
    document = ElementTree.fromstring(twiml.forward(what, URLS))
    assert document.find("Dial").get("callerId") is None
    assert document.find("Dial/Number").get("statusCallback") == url("/api/webhooks/call")


def test_the_menu_of_a_closed_business_hears_silence_too():
    oracle = VoiceResponse()
    gather = Gather(
        action=url("/api/calls/choice?stage=emergency"), num_digits=1, timeout=5, finish_on_key="",
        action_on_empty_result=True,
    )  # fmt: skip
    gather.say("Press # <now>", language="en-US")
    oracle.append(gather)
    rules = forwards(OWNER, emergency=Emergency(OWNER, "#", "Press # <now>"))
    assert canonical(twiml.emergency_menu(Number(BUSINESS, "t", rules), URLS)) == canonical(oracle)


def test_consent_is_asked_with_the_numbers_own_notice():
    oracle = VoiceResponse()
    gather = Gather(
        action=url("/api/calls/choice?stage=consent"), num_digits=1, timeout=5, finish_on_key="",
        action_on_empty_result=True,
    )  # fmt: skip
    gather.say("We record.", language="de-DE", voice="Polly.Vicki")
    gather.say("Press 1 if you agree. Otherwise stay on the line, and the call will not be recorded.", language="en-US")
    oracle.append(gather)
    rules = forwards(
        OWNER, language="de-DE", voice="Polly.Vicki", recording=RecordingPolicy("on", "press", "We record.")
    )
    assert canonical(twiml.consent_menu(Number(BUSINESS, "t", rules), URLS)) == canonical(oracle)


def test_the_whisper_is_said_twice_and_hangs_up_on_silence():
    oracle = VoiceResponse()
    gather = Gather(action=url(f"/api/calls/accept?call={SID}"), num_digits=1, timeout=5, finish_on_key="")
    gather.say(
        "Llamada para su negocio. Pulse 1 para atenderla.", language="es-MX", voice="Polly.Mia", loop=2
    )  # a dialect we have the language of
    oracle.append(gather)
    oracle.hangup()
    rules = forwards(OWNER, language="es-MX", voice="Polly.Mia")
    assert canonical(twiml.whisper(Number(BUSINESS, "t", rules), URLS, call_sid=SID)) == canonical(oracle)


def test_voicemail_has_an_action_because_record_without_one_loops():
    oracle = VoiceResponse()
    oracle.say("Leave a word & go", language="en-US")
    oracle.record(
        action=url("/api/calls/voicemail"), max_length=120, timeout=5, play_beep=True,
        recording_status_callback=url(f"/api/webhooks/recording?call={SID}"),
        recording_status_callback_event="in-progress completed absent",
    )  # fmt: skip
    oracle.hangup()
    number = Number(BUSINESS, "t", Routing(greeting="Leave a word & go"))
    assert canonical(twiml.voicemail(number, URLS, call_sid=SID)) == canonical(oracle)


@pytest.mark.parametrize(("language", "is_written_down"), [("en-US", True), ("en-GB", True), ("es-MX", False)])
def test_twilio_writes_down_what_is_said_in_english_only(language, is_written_down):
    number = Number(BUSINESS, "t", Routing(language=language))
    (record,) = ElementTree.fromstring(twiml.voicemail(number, URLS, call_sid=SID, is_transcribed=True)).iter("Record")
    asked = {name: value for name, value in record.attrib.items() if name.startswith("transcribe")}
    callback = {"transcribe": "true", "transcribeCallback": url("/api/webhooks/transcription")}
    assert asked == (callback if is_written_down else {})
    assert int(record.get("maxLength", "")) <= 120  # of longer ones Twilio writes nothing


def test_a_closed_business_has_its_own_greeting_and_may_take_no_message():
    number = Number(BUSINESS, "t", Routing(greeting="Usual", closed_greeting="Closed"))
    assert "Closed" in twiml.voicemail(number, URLS, reason="closed")
    assert "Usual" in twiml.voicemail(number, URLS)
    oracle = VoiceResponse()
    oracle.say("Closed", language="en-US")
    oracle.hangup()
    assert canonical(twiml.goodbye(number, reason="closed")) == canonical(oracle)
    assert twiml.goodbye(number) == twiml.HANG_UP


@given(ANY_TEXT, ANY_TEXT)
def test_no_words_break_a_document(words, caller):
    rules = forwards(
        OWNER, greeting=words, closed_greeting=words, language=words, voice=words, screening="press",
        emergency=Emergency(OWNER, "1", words), recording=RecordingPolicy("on", "press", words),
    )  # fmt: skip
    number = Number(caller, "t", rules)
    what = Dialling(number, caller, "", (Target(words), Target(f"sip:{words}"), Target(f"client:{words}")))
    for document in (
        twiml.voicemail(number, URLS), twiml.goodbye(number, reason="closed"), twiml.emergency_menu(number, URLS),
        twiml.consent_menu(number, URLS), twiml.whisper(number, URLS), twiml.forward(what, URLS, notice=words),
    ):  # fmt: skip
        ElementTree.fromstring(document.encode("utf-8", "strict"))


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="￾￿")))
def test_what_xml_can_hold_is_said_as_it_was_written(greeting):
    document = ElementTree.fromstring(twiml.voicemail(Number("+1", "t", Routing(greeting=greeting)), URLS))
    assert (document.findtext("Say") or "") == greeting


def test_the_query_stands_before_the_overrides():
    assert Urls(BASE).to("/x", a="1 &#", b="", c=2) == f"{BASE}/x?a=1%20%26%23&c=2{OVERRIDES}"
