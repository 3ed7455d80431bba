from xml.etree import ElementTree

import pytest

from tests.integration.ingress.webhooks.conftest import (
    BUSINESS,
    CUSTOMER,
    FULL_DISK,
    NO_REDIS,
    OWNER,
    PUBLIC,
    VOICEMAIL_ONLY,
)

CALL = "CA" + "1" * 32
RINGING = {
    "CallSid": CALL,
    "CallStatus": "ringing",
    "From": CUSTOMER,
    "To": BUSINESS,
    "Direction": "inbound",
    "CallerName": "",
}


def verbs(answer):
    assert answer.status_code == 200
    assert answer.mimetype == "text/xml"
    return ElementTree.fromstring(answer.data)


@pytest.mark.parametrize("path", ["/api/calls/incoming", "/api/v1/calls/incoming", "/webhooks/twilio/call"])
def test_a_call_is_forwarded_to_the_owner_and_stored_before_it_is_answered(door, path):
    document = verbs(door.post(path, RINGING))
    dial = document.find("Dial")
    assert dial.findtext("Number") == OWNER
    assert dial.get("timeout") == "20"
    assert dial.get("action") == f"{PUBLIC}/api/calls/dial-result?step=1&rec=0#rc=3&rp=all&ct=2000&rt=4000"
    (event,) = door.stored()
    assert (event.key, event.answer, event.path) == (f"call-in:{CALL}", "forward;step=1", path)


def test_a_number_without_a_phone_behind_it_takes_a_message(door):
    document = verbs(door.post("/api/calls/incoming", {**RINGING, "To": VOICEMAIL_ONLY}))
    assert document.findtext("Say") == "Hello & goodbye"
    assert document.find("Record") is not None
    assert door.stored()[0].answer == "voicemail:nobody_to_ring"


def test_a_number_nobody_told_us_about_takes_a_message_too(door):
    assert verbs(door.post("/api/calls/incoming", {**RINGING, "To": "+14155550999"})).find("Record") is not None


@pytest.mark.parametrize("caller", ["anonymous", "", "client:alice", "sip:a@b", "+266696687", "<script>&"])
def test_a_caller_without_a_number_is_put_through_like_anybody(door, caller):
    assert verbs(door.post("/api/calls/incoming", {**RINGING, "From": caller})).find("Dial") is not None


@pytest.mark.parametrize("path", ["/api/calls/dial-result", "/webhooks/twilio/call/status/" + CALL])
def test_after_nobody_took_the_call_there_is_voicemail_and_after_a_conversation_nothing(door, path):
    missed = door.post(path, {**RINGING, "CallStatus": "in-progress", "DialCallStatus": "no-answer"})
    assert verbs(missed).find("Record") is not None
    answered = door.post(
        path, {**RINGING, "CallStatus": "in-progress", "DialCallStatus": "completed", "DialBridged": "true"}
    )
    assert [verb.tag for verb in verbs(answered)] == ["Hangup"]
    assert {event.kind for event in door.stored()} == {"dial"}


@pytest.mark.parametrize(
    ("result", "verb"),
    [
        ({"DialCallStatus": "answered", "DialBridged": "false"}, "Hangup"),  # a conference: nothing is bridged there
        ({"DialCallStatus": "completed", "DialBridged": "false"}, "Say"),
        ({"DialCallStatus": "teleported", "DialBridged": "true"}, "Hangup"),
        ({"DialCallStatus": "teleported"}, "Say"),
    ],
)
def test_a_caller_whose_call_was_taken_is_not_asked_for_a_message(door, result, verb):
    answer = door.post("/api/calls/dial-result", {**RINGING, "CallStatus": "in-progress", **result})
    assert verbs(answer)[0].tag == verb


def test_a_call_that_names_only_the_older_copies_of_its_numbers_is_routed_by_them(door):
    only = {"CallSid": CALL, "CallStatus": "ringing", "Called": RINGING["To"], "Caller": RINGING["From"], "To": ""}
    assert verbs(door.post("/api/calls/incoming", only)).find("Dial") is not None


def test_after_a_message_was_left_the_call_ends(door):
    answer = door.post("/api/calls/voicemail", {**RINGING, "RecordingUrl": "https://x", "RecordingDuration": "3"})
    assert [verb.tag for verb in verbs(answer)] == ["Hangup"]
    assert door.stored()[0].kind == "voicemail"


def test_a_caller_is_answered_even_when_nothing_can_be_stored(door_with):
    assert verbs(door_with(NO_REDIS, FULL_DISK).post("/api/calls/incoming", RINGING)).find("Dial") is not None


def test_a_call_can_come_by_get(door):
    from urllib.parse import urlencode

    from twilio.request_validator import RequestValidator

    from tests.integration.ingress.webhooks.conftest import ACCOUNT, TOKEN

    path = "/api/calls/incoming?" + urlencode({"AccountSid": ACCOUNT, **RINGING})
    signature = RequestValidator(TOKEN).compute_signature(PUBLIC + path, {})
    answer = door.client.get(path, headers={"X-Twilio-Signature": signature})
    assert verbs(answer).find("Dial") is not None
    assert door.stored()[0].params["CallSid"] == CALL
