"""TwiML that is wrong, hostile or endless: noted in the steps, never fatal to the simulator."""

import pytest

VOICE = "/voice"


def steps_of(sim, receiver, answer):
    sim.number(voice_url=receiver.says(VOICE, answer))
    return sim.ended_call(sim.call(hangup_after_s=100))["steps"]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        ("<Response><Say>no end", "text/xml", 200, 12100),
        ("", "text/xml", 200, 12100),
        ("<html/>", "text/html", 200, 12100),
        (b"\xff\xfe\x00", "text/xml", 200, 12100),
        ("<Response/>", "text/xml; charset=no-such", 200, 12100),
        ('{"a": 1}', "application/json", 200, 12300),
        ("<Response/>", "", 200, 12300),
        ("<Response/>", "text/xml", 503, 11200),
        ("<Response/>", "text/xml", 404, 11200),
        ("<Response><Say>" + "a" * 66_000 + "</Say></Response>", "text/xml", 200, 11750),
    ],
)
def test_an_answer_that_is_no_twiml_is_told_by_its_code(sim, receiver, reply, body, content_type, status, code):
    steps = steps_of(sim, receiver, reply(body, status, content_type))
    assert steps[0]["verb"] == "Error"
    assert steps[0]["code"] == code
    assert steps[1]["verb"] == "Say", "the caller hears an apology"


def test_entities_that_would_explode_are_refused(sim, receiver):
    bomb = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]><Response><Say>&y;</Say></Response>'
    assert steps_of(sim, receiver, bomb)[0]["code"] == 12100


@pytest.mark.parametrize(
    "verbs",
    [
        "<Teleport/>",
        "<Dial/>",
        "<Dial><Client>alice</Client></Dial>",
        "<Dial><Number></Number></Dial>",
        "<Dial timeout='soon' timeLimit='-1'>x</Dial>",
        "<Pause length='NaN'/>",
        "<Pause length='1e400'/>",
        "<Gather numDigits='many' timeout='?'><Teleport/></Gather>",
        "<Record maxLength='' finishOnKey='' action='::::'/>",
        "<Redirect>http://[</Redirect>",
        "<Redirect>gopher://host/</Redirect>",
        "<Start><Siprec/></Start>",
        "<!-- nothing --><Say></Say>",
        "<Say>" + "<p>" * 500 + "</p>" * 500 + "</Say>",
        "<Dial action='http://127.0.0.1:99999/'>+14155550199</Dial>",
        "<Play loop='-3' digits='wwww'></Play>",
    ],
)
def test_hostile_twiml_ends_the_call_and_nothing_else(sim, receiver, verbs):
    steps = steps_of(sim, receiver, f"<Response>{verbs}</Response>")
    assert steps
    assert not any(str(s.get("why", "")).startswith("simulator:") for s in steps), steps


def test_a_document_that_redirects_to_itself_for_ever_is_stopped(sim, receiver):
    steps = steps_of(sim, receiver, f"<Response><Redirect>{VOICE}</Redirect></Response>")
    assert steps[-1]["verb"] == "Error"
    assert len(receiver.got(VOICE)) == 100


def test_an_unknown_verb_is_a_warning_and_the_next_one_runs(sim, receiver):
    steps = steps_of(sim, receiver, "<Response><Teleport/><Say>Hello</Say></Response>")
    assert steps[0]["warning"].startswith("12200")
    assert steps[1] == {"verb": "Say", "text": "Hello"}


def test_plain_text_is_read_aloud(sim, receiver, reply):
    assert steps_of(sim, receiver, reply("Hello there", content_type="text/plain")) == [
        {"verb": "Say", "text": "Hello there"}
    ]


def test_an_action_that_fails_goes_to_the_fallback_once(sim, receiver, reply):
    receiver.says("/result", reply("", 500))
    receiver.says("/fallback", reply("", 500))
    sim.number(voice_fallback_url=receiver.url + "/fallback")
    steps = steps_of(sim, receiver, '<Response><Dial action="/result">+14155550199</Dial></Response>')
    form = receiver.got("/fallback")[0].form
    assert (form["ErrorCode"], form["ErrorUrl"]) == ("11200", receiver.url + "/result")
    assert form["DialCallStatus"] == "completed", "the fallback knows what the action would have known"
    assert [s["verb"] for s in steps] == ["Dial", "Error", "Error", "Say"]
