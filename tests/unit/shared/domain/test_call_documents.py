"""The documents, against the builder of Twilio's SDK."""

from xml.etree import ElementTree

import pytest
from twilio.twiml.voice_response import Dial, VoiceResponse

from shared.domain import call_documents
from shared.domain.call_documents import Script
from shared.domain.routing import Number, Routing, forwards
from shared.domain.urls import OVERRIDES, Urls

URLS = Urls("https://calls.example.com")
NUMBER = Number("+14155550100", "t", Routing(language="es-MX", voice="Polly.Mia"))
SAID = 'Grüße & <b>"you"</b>'


def same(document, oracle):
    return ElementTree.canonicalize(document) == ElementTree.canonicalize(str(oracle))


def say(response, text):
    response.say(text, language="es-MX", voice="Polly.Mia")


def test_a_call_that_is_told_something_hears_it_in_the_numbers_language():
    expected = VoiceResponse()
    say(expected, SAID)
    expected.hangup()
    assert same(call_documents.told(NUMBER, SAID), expected)


@pytest.mark.parametrize(
    ("to", "noun"),
    [("+14155550199", "number"), ("sip:ann@pbx.example.com", "sip"), ("client:ann", "client")],
)
def test_a_placed_call_says_its_notice_first_and_connects_recording_from_then_on(to, noun):
    callback = f"https://calls.example.com/api/webhooks/recording{OVERRIDES}"
    expected = VoiceResponse()
    say(expected, "This call is recorded.")
    say(expected, SAID)
    dial = Dial(
        caller_id="+14155550100", timeout=20, answer_on_bridge=True, record="record-from-answer-dual",
        recording_status_callback=callback, recording_status_callback_event="in-progress completed absent",
    )  # fmt: skip
    getattr(dial, noun)(
        to.removeprefix("client:"), status_callback=f"https://calls.example.com/api/webhooks/call{OVERRIDES}",
        status_callback_event="initiated ringing answered completed",
    )  # fmt: skip
    expected.append(dial)
    expected.hangup()
    script = Script(SAID, to, 20, "This call is recorded.", is_recorded=True)
    assert same(call_documents.placed(NUMBER, script, URLS), expected)


def test_a_call_that_only_says_something_dials_nobody():
    assert "<Dial" not in call_documents.placed(NUMBER, Script(say="Hello"), URLS)


def test_a_redirected_call_rings_that_phone_and_no_other():
    number = Number("+14155550100", "t", forwards("+14155550199", fallback_to="+14155550198"))
    document = call_documents.forwarded(number, "+14155550177", URLS, caller="+12125550142", call_sid="")
    assert "+14155550177" in document
    assert "+14155550199" not in document
    assert "+14155550198" not in document
