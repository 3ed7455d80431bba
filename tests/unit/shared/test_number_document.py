"""What may be said of a number: every fault at once, each where it is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from shared import number_document
from shared.domain.routing import Emergency, Hours, RecordingPolicy, Routing, Target, document, emergency_prompt
from shared.faults import in_body

BUSINESS, OWNER, SECOND = "+14155550100", "+14155550111", "+14155550112"
WHOLE = Routing(
    targets=(Target(OWNER, 15), Target("sip:ann@pbx.example.com:5061;transport=tls"), Target("client:front_desk")),
    strategy="at_once", ring_s=25, fallback_to="+442079460123", caller_id="business", screening="press", voicemail=False,
    hours=Hours("America/Denver", (((480, 1020),), (), (), (), ((1080, 1560),), (), ()), is_open_on_us_holidays=False),
    greeting="Hello.", closed_greeting="¡Está cerrado!", language="es-MX", voice="Polly.Mia-Neural",
    blocked=frozenset({"+1900*", "+15555555555"}), welcome=frozenset({SECOND}), withheld="voicemail", suspect="voicemail",
    emergency=Emergency(SECOND, "9", "Press 9."), recording=RecordingPolicy("on", "press", "We record this."),
)  # fmt: skip


def read(routing: Any) -> Routing:
    return number_document.read_routing(routing, BUSINESS)


def faults(body: Any) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        number_document.read(body, BUSINESS)
    return [fault["pointer"] for fault in in_body(refused.value.normalized_messages())]


def routing_faults(routing: Any) -> list[str]:
    return [each.removeprefix("#/routing") for each in faults({"tenant_id": "t", "routing": routing})]


def week(**days: Any) -> dict[str, Any]:
    return {"hours": {"zone": "UTC", "week": days}}


def test_what_is_left_out_is_as_by_default():
    assert number_document.read({"tenant_id": None, "routing": {}}, BUSINESS) == (None, Routing(), None)


def test_what_is_shown_can_be_said_again():
    for rules in (Routing(), WHOLE):
        body = {"tenant_id": "t", "routing": document(rules), "note": "as it is"}
        assert number_document.read(body, BUSINESS) == ("t", rules, "as it is")


@pytest.mark.parametrize("key", "0123456789*#")
def test_the_usual_prompt_says_the_key_that_is_to_be_pressed(key: str):
    assert read({"emergency": {"to": OWNER, "key": key}}).emergency == Emergency(OWNER, key, emergency_prompt(key))


@pytest.mark.parametrize("to", [OWNER, "+442079460123", "+18005550100", "sip:ann@example.com", "sips:a.b+c@10.0.0.1:5061",
                                "client:ann", "client:" + "a" * 121])  # fmt: skip
@pytest.mark.parametrize("place", ["target", "fallback", "emergency"])
def test_whom_twilio_can_ring_may_be_rung(to: str, place: str):
    said = {
        "target": {"targets": [{"to": to}]},
        "fallback": {"fallback_to": to},
        "emergency": {"emergency": {"to": to}},
    }
    assert to in repr(read(said[place]))


@pytest.mark.parametrize("to", [
    "911", "112", "+1911", "+19005551234", "+449098790123", "4155550111", "+1415555011", "+266696687", "+4901701234567", "",
    "ann", "sip:", "sip:ann", "sip:@example.com", "sip:a b@example.com", "sip:ann@ex ample.com", "sip:ann@example.com?x=<y>",
    "sip:ann@example.com\n", "sip:" + "a" * 240 + "@example.com", "client:", "client:ann-lee", "client:" + "a" * 122,
    "tel:+14155550111", BUSINESS, None, 7, "\0",
])  # fmt: skip
@pytest.mark.parametrize("place", ["/targets/0/to", "/emergency/to", "/fallback_to"])
def test_whom_twilio_cannot_ring_or_costs_dear_to_is_refused(to: Any, place: str):
    if (to, place) == (None, "/fallback_to"):
        return
    said = {"/targets/0/to": {"targets": [{"to": to}]}, "/fallback_to": {"fallback_to": to},
            "/emergency/to": {"emergency": {"to": to}}}  # fmt: skip
    assert routing_faults(said[place]) == [place]


def test_nobody_is_there_twice():
    assert routing_faults({"targets": [{"to": OWNER}, {"to": SECOND}, {"to": OWNER}]}) == ["/targets/2/to"]
    assert read({"targets": [{"to": OWNER}], "fallback_to": OWNER}).fallback_to == OWNER


def test_ten_may_be_rung_and_not_eleven():
    targets = [{"to": f"client:desk{n}"} for n in range(11)]
    assert len(read({"targets": targets[:10]}).targets) == 10
    assert routing_faults({"targets": targets}) == ["/targets"]


@pytest.mark.parametrize(("said", "at"), [
    (week(mon=[["09:00", "05:00"]]), "/hours/week/mon/0"), (week(mon=[["09:00", "09:00"]]), "/hours/week/mon/0"),
    (week(mon=[["9:00", "10:00"]]), "/hours/week/mon/0/0"), (week(mon=[["09:00", "24:01"]]), "/hours/week/mon/0/1"),
    (week(mon=[["09:00"]]), "/hours/week/mon/0"), (week(mon=["09:00-10:00"]), "/hours/week/mon/0"),
    (week(mon=[["09:00", "10:00"], ["09:59", "11:00"]]), "/hours/week/mon/1"),
    (week(mon=[["13:00", "17:00"], ["08:00", "12:00"]]), "/hours/week/mon/1"),
    (week(mon=[["18:00", "02:00"]], tue=[["01:00", "03:00"]]), "/hours/week/tue/0"),
    (week(sun=[["18:00", "02:00"]], mon=[["01:00", "03:00"]]), "/hours/week/mon/0"),
    (week(monday=[]), "/hours/week/monday"), (week(mon=[["09:00", "10:00"]] * 13), "/hours/week/mon"),
    ({"hours": {"week": {}}}, "/hours/zone"), ({"hours": {"zone": "UTC"}}, "/hours/week"),
    ({"hours": {"zone": "Mars/Base", "week": {}}}, "/hours/zone"), ({"hours": {"zone": "utc+5", "week": {}}}, "/hours/zone"),
    ({"hours": {"zone": "America", "week": {}}}, "/hours/zone"), ({"hours": {"zone": "../UTC", "week": {}}}, "/hours/zone"),
    *(({"hours": {"zone": "UTC", "week": {}, "closed_on": [day]}}, "/hours/closed_on/0")
      for day in ("2026-02-29", "20261224", "2026-W52-4", "24.12.2026", "")),
    ({"hours": {"zone": "UTC", "week": {}, "us_holidays": "half"}}, "/hours/us_holidays"),
    ({"ring_s": 4}, "/ring_s"), ({"ring_s": 601}, "/ring_s"), ({"ring_s": 20.5}, "/ring_s"), ({"ring_s": "20"}, "/ring_s"),
    ({"targets": [{"to": OWNER, "ring_s": 0}]}, "/targets/0/ring_s"), ({"targets": [{"to": OWNER, "x": 1}]}, "/targets/0/x"),
    ({"greeting": "x" * 1001}, "/greeting"), ({"greeting": ""}, "/greeting"), ({"greeting": "..."}, "/greeting"),
    ({"greeting": "a\x07"}, "/greeting"), ({"greeting": "a\uffff"}, "/greeting"), ({"greeting": "a\ud800"}, "/greeting"),
    ({"greeting": None}, "/greeting"), ({"closed_greeting": "x" * 1001}, "/closed_greeting"),
    ({"language": "English"}, "/language"), ({"language": "en_US"}, "/language"), ({"language": "en-US "}, "/language"),
    ({"voice": "Bob"}, "/voice"), ({"voice": 'Polly."><Dial>'}, "/voice"), ({"voice": "Polly."}, "/voice"),
    ({"strategy": "by mood"}, "/strategy"), ({"screening": None}, "/screening"), ({"caller_id": "none"}, "/caller_id"),
    ({"withheld": "maybe"}, "/withheld"), ({"suspect": "reject"}, "/suspect"), ({"voicemail": "perhaps"}, "/voicemail"),
    *(({"blocked": [each]}, "/blocked/0") for each in ("*", "+*", "+0*", "415*", "+1*5", "4155550111", "anonymous", "", 7)),
    ({"welcome": ["*"]}, "/welcome/0"), ({"blocked": [OWNER], "welcome": [SECOND, OWNER]}, "/welcome/1"),
    ({"blocked": [f"+1415555{n:04}" for n in range(1001)]}, "/blocked"),
    ({"emergency": {"to": OWNER, "key": "11"}}, "/emergency/key"), ({"emergency": {"to": OWNER, "key": "A"}}, "/emergency/key"),
    ({"emergency": {"key": "1"}}, "/emergency/to"), ({"emergency": {"to": OWNER, "prompt": "x" * 501}}, "/emergency/prompt"),
    ({"emergency": {"to": OWNER, "key": "9", "prompt": emergency_prompt("1")}}, "/emergency/prompt"),
    *(({"emergency": {"to": OWNER, "prompt": odd}}, "/emergency/prompt") for odd in ([], {}, [None], 7, None)),
    *(({"emergency": {"to": OWNER, "key": odd}}, "/emergency/key") for odd in ([], {}, 1, None)),
    ({"recording": {"mode": "perhaps"}}, "/recording/mode"), ({"recording": {"consent": "none"}}, "/recording/consent"),
    ({"recording": {"notice": ""}}, "/recording/notice"), ({"recording": None}, "/recording"), ({"music": "jazz"}, "/music"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused_where_it_is(said: dict[str, Any], at: str):
    assert set(routing_faults(said)) == {at}


@pytest.mark.parametrize("language", ["en", "en-US", "es-419", "zh-Hant-TW", "cmn-CN"])
def test_languages_are_taken_by_their_form(language: str):
    assert read({"language": language}).language == language


@pytest.mark.parametrize(
    "voice", ["alice", "Polly.Joanna", "Polly.Vitória-Neural", "Google.en-US-Chirp3-HD-Aoede", None]
)
def test_voices_are_taken_by_their_form(voice: str | None):
    assert read({"voice": voice}).voice == voice


def test_days_and_nights_in_order_are_taken():
    rules = read(week(mon=[["08:00", "12:00"], ["12:00", "17:00"]], fri=[["18:00", "02:00"]], sat=[["02:00", "24:00"]]))
    assert rules.hours is not None
    assert rules.hours.week[4:6] == (((1080, 1560),), ((120, 1440),))


def test_every_fault_is_told_at_once():
    body = {
        "tenant_id": "", "note": "x" * 201, "name": 1,
        "routing": {
            "targets": [{"to": "911"}, {"to": BUSINESS}, {"to": OWNER}, {"to": OWNER, "ring_s": 1}], "ring_s": 0,
            "hours": {"zone": "Mars/Base", "week": {"mon": [["9", "10:00"]]}}, "blocked": [OWNER, "x"], "welcome": [OWNER],
            "greeting": "", "fallback_to": BUSINESS, "emergency": {"to": BUSINESS, "key": "12"},
        },
    }  # fmt: skip
    assert set(faults(body)) == {
        "#/tenant_id", "#/note", "#/name", "#/routing/targets/0/to", "#/routing/targets/1/to", "#/routing/targets/3/to",
        "#/routing/targets/3/ring_s", "#/routing/ring_s", "#/routing/hours/zone", "#/routing/hours/week/mon/0/0",
        "#/routing/blocked/1", "#/routing/welcome/0", "#/routing/greeting", "#/routing/fallback_to",
        "#/routing/emergency/to", "#/routing/emergency/key",
    }  # fmt: skip


@pytest.mark.parametrize("body", [None, 7, [], "x", {}, {"tenant_id": None}, {"tenant_id": None, "routing": None},
                                  {"tenant_id": None, "routing": []}, {"tenant_id": None, "routing": {"targets": {}}},
                                  {"tenant_id": None, "routing": {"emergency": []}}])  # fmt: skip
def test_what_is_no_document_at_all_is_told_too(body: Any):
    assert faults(body)


json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=9)
    | st.sampled_from([BUSINESS, OWNER, "09:00", "mon"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=9,
)


@given(st.dictionaries(st.sampled_from([*document(WHOLE)]), json, max_size=5))
def test_whatever_is_said_is_read_or_refused(said: dict[str, Any]):
    try:
        rules = read(document(WHOLE) | said)
    except ValidationError:
        return
    assert read(document(rules)) == rules
