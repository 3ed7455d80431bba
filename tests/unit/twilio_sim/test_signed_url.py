import pytest
from twilio.request_validator import RequestValidator

from ops.twilio_sim.webhooks.letter import pairs
from ops.twilio_sim.webhooks.signature import sign, signed_url


@pytest.mark.parametrize(
    ("url", "voice", "signed"),
    [
        ("http://127.0.0.1:4000/p?a=%20b#rc=2", True, "http://127.0.0.1:4000/p?a=%20b"),
        ("https://h:8443/p", True, "https://h/p"),
        ("https://h:8443/p", False, "https://h:8443/p"),
        ("https://user:pw@h/p?q='", False, "https://h/p?q='"),
        ("https://H.example/p/?", False, "https://H.example/p/?"),
    ],
)
def test_the_signed_address_is_the_configured_one_without_what_twilio_leaves_out(url, voice, signed):
    assert signed_url(url, voice=voice) == signed


def test_the_sdk_agrees_with_the_signature_of_blanks_and_unicode():
    params = {"Body": "é ☎ +", "Blank": "", "calledCity": "x", "Called": "y", "CallToken": "z"}
    signature = sign("token", "http://h:1/p?x=1", pairs(params), voice=True)
    assert RequestValidator("token").validate("http://h:1/p?x=1", params, signature)


def test_a_lone_surrogate_becomes_a_question_mark():
    assert pairs({"Body": "\ud83d!"}) == [("Body", "?!")]
