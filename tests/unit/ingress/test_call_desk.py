"""What a caller gets at each turn of a call."""

from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress import call_desk, desk
from ingress.twilio_guard import Posted
from shared import data
from shared.domain import call_notes
from shared.domain.doors import door_of
from shared.domain.law import read
from shared.domain.recording_law import Consent
from shared.domain.routing import Emergency, Hours, Number, RecordingPolicy, Routing, Target, forwards, unknown_number
from shared.domain.urls import OVERRIDES, Urls

BASE = "https://calls.example.com"
BUSINESS, OWNER, SECOND, CUSTOMER = "+14155550100", "+14155550199", "+14155550198", "+12125550142"
SID, LEG = "CA" + "1" * 32, "CA" + "2" * 32
NEVER_OPEN = Hours("America/New_York", ((),) * 7)
LAW = read(data.read("law_us"))
RULE = {"law": "all-party", "states": "?"}


def house(rules, transcription="off"):
    """An ingress that knows one number."""
    known = {BUSINESS: Number(BUSINESS, "t", rules)}
    table = SimpleNamespace(number=lambda number: known.get(number) or unknown_number(number))
    return SimpleNamespace(
        routing=table, urls=Urls(BASE), law=LAW, settings=SimpleNamespace(transcription=transcription)
    )


def ask(rules, target, **params):
    """The document (parsed) and the note that this request is answered."""
    path, _, query = target.partition("?")
    said = {"CallSid": SID, "CallStatus": "in-progress", "From": CUSTOMER, "To": BUSINESS} | params
    posted = Posted(path, query, "", b"", said, "AC", "")
    reply = desk.reply(house(rules), door_of(path), posted)
    return ElementTree.fromstring(reply.document), call_notes.read(reply.note)


def comes_in(rules, **params):
    return ask(rules, "/api/calls/incoming", CallStatus="ringing", Direction="inbound", **params)


def tags(document):
    return [element.tag for element in document]


@pytest.fixture
def way(monkeypatch):
    """How the law wants callers to learn of a recording."""
    found = ["announce"]
    monkeypatch.setattr(call_desk, "consent_for", lambda *_: Consent(found[0], "all-party", ("?",), ()))
    return found


def test_a_blocked_caller_is_rejected():
    document, note = comes_in(forwards(OWNER, blocked=frozenset({CUSTOMER})))
    assert tags(document) == ["Reject"]
    assert note == ("reject", "blocked", {})


def test_the_verdict_of_the_carrier_is_heard():
    _, note = comes_in(forwards(OWNER, suspect="voicemail"), StirVerstat="TN-Validation-Failed-A")
    assert note == ("voicemail", "suspect", {})


def test_an_unknown_number_reaches_voicemail():
    document, note = comes_in(forwards(OWNER), To="+14155550111")
    assert tags(document) == ["Say", "Record", "Hangup"]
    assert note == ("voicemail", "nobody_to_ring", {})


@pytest.mark.parametrize(("who", "asked"), [("off", None), ("http", None), ("twilio", "true")])
def test_twilio_writes_voicemails_down_only_where_that_is_set(who, asked):
    posted = Posted("/api/calls/incoming", "", "", b"", {"CallSid": SID, "From": CUSTOMER, "To": BUSINESS}, "AC", "")
    document = ElementTree.fromstring(desk.reply(house(Routing(), who), door_of(posted.path), posted).document)
    (record,) = document.iter("Record")
    assert record.get("transcribe") == asked


def test_a_forwarded_call_says_how_it_is_screened():
    document, note = comes_in(forwards(OWNER, screening="press"))
    assert document.findtext("Dial/Number") == OWNER
    assert note == ("forward", "", {"step": "1", "screen": "press"})


@pytest.mark.parametrize(
    ("says", "spoken", "flags"),
    [
        ("none", ["Dial"], {"step": "1", "rec": "1", "way": "none", "consent": "not-needed"} | RULE),
        ("announce", ["Say", "Dial"], {"step": "1", "rec": "1", "way": "announce", "consent": "announced"} | RULE),
    ],
)
def test_a_recorded_call_is_announced_where_the_law_asks(way, says, spoken, flags):
    way[0] = says
    document, note = comes_in(forwards(OWNER, recording=RecordingPolicy("on")))
    assert tags(document) == spoken
    assert document.find("Dial").get("record") == "record-from-answer-dual"
    assert document.find("Dial").get("answerOnBridge") == ("true" if says == "none" else None)
    assert note == ("forward", "", flags)


def test_whoever_must_agree_is_asked_first_and_put_through_either_way(way):
    way[0] = "press"
    rules = forwards(OWNER, recording=RecordingPolicy("on", "press"))
    document, note = comes_in(rules)
    assert document.find("Gather").get("action") == f"{BASE}/api/calls/choice?stage=consent{OVERRIDES}"
    assert note == ("consent", "", {"way": "press", "consent": "asked"} | RULE)
    for digits, rec, consent in (("1", "1", "given"), ("2", None, "declined"), ("", None, "declined")):
        document, note = ask(rules, "/api/calls/choice?stage=consent", Digits=digits)
        assert tags(document) == ["Dial"]
        assert document.find("Dial").get("record") == ("record-from-answer-dual" if rec else None)
        assert document.find("Dial").get("action").startswith(f"{BASE}/api/calls/dial-result?step=1&rec={rec or 0}#")
        assert note == (
            "forward",
            "",
            {"step": "1", **({"rec": rec} if rec else {}), "way": "press", "consent": consent, **RULE},
        )


CLOSED = forwards(OWNER, hours=NEVER_OPEN, emergency=Emergency(SECOND, "9"), closed_greeting="Closed.")


def test_a_closed_business_offers_its_emergency_phone():
    document, note = comes_in(CLOSED)
    assert tags(document) == ["Gather"]
    assert note == ("menu", "closed", {})
    document, note = ask(CLOSED, "/api/calls/choice?stage=emergency", Digits="9")
    assert document.findtext("Dial/Number") == SECOND
    assert note == ("forward", "", {"step": "1", "emergency": "1"})
    for digits in ("1", "", "99"):
        document, note = ask(CLOSED, "/api/calls/choice?stage=emergency", Digits=digits)
        assert (document.findtext("Say"), tags(document)[1]) == ("Closed.", "Record")
        assert note == ("voicemail", "closed", {})


def test_the_emergency_phone_is_the_only_step():
    target = "/api/calls/dial-result?step=1&rec=0&emergency=1"
    _, note = ask(CLOSED, target, DialCallStatus="busy")
    assert note == ("voicemail", "closed", {})


def test_an_emergency_is_not_asked_about_recording(way):
    rules = forwards(OWNER, hours=NEVER_OPEN, emergency=Emergency(SECOND), recording=RecordingPolicy("on", "press"))
    way[0] = "press"
    document, note = ask(rules, "/api/calls/choice?stage=emergency", Digits="1")
    assert document.find("Dial").get("record") is None
    assert note == ("forward", "", {"step": "1", "emergency": "1"})
    way[0] = "announce"
    document, note = ask(rules, "/api/calls/choice?stage=emergency", Digits="1")
    assert tags(document) == ["Say", "Dial"]
    assert note.flags["consent"] == "announced"


STEPS = Routing((Target(OWNER), Target(SECOND)), fallback_to="+14155550197", recording=RecordingPolicy("on"))


def test_the_phones_are_rung_one_after_the_other_and_then_voicemail(way):
    rung = []
    for step in (1, 2):
        target = f"/api/calls/dial-result?step={step}&rec=1"
        document, note = ask(STEPS, target, DialCallStatus="no-answer", DialBridged="false")
        assert document.find("Dial").get("record") == "record-from-answer-dual"
        assert tags(document) == ["Dial"]  # the notice was heard before the first
        assert note == ("forward", "", {"step": str(step + 1), "rec": "1"})
        rung.append(document.findtext("Dial/Number"))
    assert rung == [SECOND, "+14155550197"]
    document, note = ask(STEPS, "/api/calls/dial-result?step=3&rec=1", DialCallStatus="busy")
    assert (tags(document), note.kind) == (["Say", "Record", "Hangup"], "voicemail")


@pytest.mark.parametrize("target", ["/api/calls/dial-result?step=1&rec=0", "/api/calls/dial-result"])
@pytest.mark.parametrize(
    ("params", "kind"),
    [
        ({"DialCallStatus": "completed", "DialBridged": "true"}, "taken"),
        ({"DialCallStatus": "answered"}, "taken"),
        ({"DialCallStatus": "completed", "DialBridged": "false"}, "forward"),
        ({"DialCallStatus": "canceled", "CallStatus": "completed"}, "over"),
        ({"DialCallStatus": "no-answer", "CallStatus": "canceled"}, "over"),
        ({"DialCallStatus": "a-new-word"}, "forward"),
    ],
)
def test_a_dial_result_ends_the_call_or_goes_on(target, params, kind):
    document, note = ask(STEPS, target, **params)
    assert note.kind == kind
    assert tags(document) == {"taken": ["Hangup"], "over": [], "forward": ["Dial"]}[kind]


@pytest.mark.parametrize("step", ["0", "-1", "9999999999999", "x", "1.5", "³", "%00", "99", "+1", "1e1"])
def test_a_step_that_is_none_of_ours_leads_to_voicemail(step):
    _, note = ask(STEPS, f"/api/calls/dial-result?step={step}", DialCallStatus="busy")
    assert note.kind == "voicemail"


def test_a_recording_that_was_switched_off_meanwhile_is_not_continued():
    rules = Routing((Target(OWNER), Target(SECOND)))
    document, note = ask(rules, "/api/calls/dial-result?step=1&rec=1", DialCallStatus="busy")
    assert document.find("Dial").get("record") is None
    assert "rec" not in note.flags


def test_without_voicemail_the_call_ends():
    rules = forwards(OWNER, voicemail=False, hours=NEVER_OPEN)
    document, note = comes_in(rules)
    assert document.find("Reject").get("reason") == "busy"
    assert note == ("voicemail", "closed", {})
    document, note = ask(rules, "/api/calls/dial-result?step=1&rec=0", DialCallStatus="busy")
    assert (tags(document), note) == (["Hangup"], ("hangup", "", {}))


def test_the_dialled_phone_hears_whose_call_it_is_and_answers_by_a_key():
    rules = forwards(OWNER, language="fr-CA", screening="press")
    leg = {"CallSid": LEG, "From": CUSTOMER, "To": OWNER, "Direction": "outbound-dial"}
    document, note = ask(rules, f"/api/calls/whisper?call={SID}&number={BUSINESS[1:]}", **leg)
    assert document.find("Gather/Say").get("language") == "fr-CA"
    assert document.find("Gather").get("action") == f"{BASE}/api/calls/accept?call={SID}{OVERRIDES}"
    assert note.kind == "whisper"
    for digits, kind, verbs in (("1", "accepted", []), ("2", "declined", ["Hangup"]), ("", "declined", ["Hangup"])):
        document, note = ask(rules, f"/api/calls/accept?call={SID}", **leg, Digits=digits)
        assert (tags(document), note.kind) == (verbs, kind)


def test_nothing_but_a_sid_is_put_into_an_address():
    for sid in ("x", "CA" + "1" * 31 + "&", "RE" + "1" * 32, 'CA"><Hangup/>' + "1" * 20, SID + "\n"):
        document, _ = comes_in(forwards(OWNER), CallSid=sid)
        assert document.find("Dial/Number").get("statusCallback") == f"{BASE}/api/webhooks/call{OVERRIDES}"


def test_a_fallback_goes_on_where_the_first_address_failed():
    failed = f"{BASE}/api/calls/dial-result?step=1&rec=0#rc=3"
    trouble = {"ErrorCode": "11200", "ErrorUrl": failed}
    _, note = ask(STEPS, "/api/calls/fallback", **trouble, DialCallStatus="busy")
    assert note == ("forward", "", {"step": "2"})
    trouble["ErrorUrl"] = "https://proxy.example/twilio/api/v1/calls/choice?stage=emergency"
    _, note = ask(CLOSED, "/api/calls/fallback", **trouble, Digits="9")
    assert note == ("forward", "", {"step": "1", "emergency": "1"})
    trouble["ErrorUrl"] = f"{BASE}/api/calls/accept?call={SID}"
    _, note = ask(CLOSED, "/api/calls/fallback", **trouble, Digits="1", Direction="outbound-dial")
    assert note.kind == "accepted"


WORDS = st.one_of(
    st.text(max_size=40),
    st.sampled_from([
        SID, LEG, CUSTOMER, BUSINESS, OWNER, "", "1", "9", "completed", "in-progress", "ringing", "busy", "no-answer",
        "outbound-dial", "true", "false", f"{BASE}/api/calls/choice?stage=consent", "?" + "&" * 1200,
    ]),
)  # fmt: skip
NAMES = ["CallSid", "From", "To", "Called", "CallStatus", "DialCallStatus", "DialBridged", "Digits", "Direction", "ErrorUrl",
         "RecordingUrl", "RecordingDuration", "SpeechResult", "StirVerstat", "AnsweredBy", "CallDuration"]  # fmt: skip
PATHS = ["incoming", "fallback", "choice", "dial-result", "whisper", "accept", "voicemail"]


@given(
    st.sampled_from([STEPS, CLOSED, forwards(OWNER, screening="amd"), Routing(), Routing(voicemail=False)]),
    st.sampled_from(PATHS),
    st.dictionaries(st.sampled_from(["step", "rec", "emergency", "stage", "call", "number"]), WORDS),
    st.dictionaries(st.sampled_from(NAMES), WORDS),
)
def test_whatever_comes_a_caller_hears_valid_twiml(rules, path, query, params):
    posted = Posted(f"/api/calls/{path}", form_of(query), "", b"", params, "AC", "")
    reply = desk.reply(house(rules), door_of(posted.path), posted)
    assert reply.is_for_caller
    ElementTree.fromstring(reply.document.encode())
    assert len(reply.document) < 64_000  # Twilio reads no more (error 11750)
    assert call_notes.build(*call_notes.read(reply.note)[:2], **call_notes.read(reply.note).flags) == reply.note


def form_of(query):
    return "&".join(f"{name}={value}" for name, value in query.items())


def test_the_law_is_asked_about_everybody_who_may_speak(monkeypatch):
    heard = []

    def consent_for(policy, law, parties):
        heard.extend(party.number for party in parties)
        return Consent("none", "one-party", (), ())

    monkeypatch.setattr(call_desk, "consent_for", consent_for)
    comes_in(STEPS)
    assert {CUSTOMER, BUSINESS, OWNER, SECOND, "+14155550197"} <= set(heard)
