"""The control API and the page: what the demo, the tests and people use to bend the world."""

import re
import threading
import time

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

BUSINESS, OWNER, CUSTOMER = "+14155550100", "+14155550199", "+12125550142"


def test_a_number_is_made_once_and_then_changed(sim, client):
    made = sim.number(voice_url="http://127.0.0.1:9/v#rc=2&rp=all", sms_url="http://127.0.0.1:9/s")
    changed = sim.number(status_callback="http://127.0.0.1:9/x", voice_method="get")
    assert changed["sid"] == made["sid"]
    assert (changed["voice_url"], changed["voice_method"]) == ("http://127.0.0.1:9/v#rc=2&rp=all", "GET")
    assert [n.sid for n in client.incoming_phone_numbers.list(phone_number=BUSINESS)] == [made["sid"]]
    client.incoming_phone_numbers(made["sid"]).update(sms_url="http://127.0.0.1:9/other")
    assert sim.sim("GET", "/numbers")["data"][0]["sms_url"] == "http://127.0.0.1:9/other"


@pytest.mark.parametrize(
    ("method", "path", "wishes", "status"),
    [
        ("PUT", "/numbers/12", {}, 400),
        ("PUT", f"/numbers/{BUSINESS}", {"voice_uri": "x"}, 400),
        ("PUT", f"/numbers/{BUSINESS}", {"voice_url": "nowhere"}, 400),
        ("PUT", f"/numbers/{BUSINESS}", {"voice_method": "PATCH"}, 400),
        ("PUT", f"/phones/{OWNER}", {"answers": "maybe"}, 400),
        ("PUT", f"/phones/{OWNER}", {"talk_s": -1}, 400),
        ("PUT", f"/phones/{OWNER}", {"talk_s": "long"}, 400),
        ("PUT", f"/phones/{OWNER}", {"error_code": []}, 400),
        ("PUT", f"/phones/{OWNER}", {"digits": 1}, 400),
        ("PUT", f"/phones/{OWNER}", {"digits": ["1", 2]}, 400),
        ("PUT", f"/phones/{OWNER}", {"answered_by": "cat"}, 400),
        ("PUT", f"/phones/{OWNER}", {"leaves_after_s": -1}, 400),
        ("POST", "/settings", {"debugger_url": "nowhere"}, 400),
        ("POST", "/settings", {"absent_rate": 2}, 400),
        ("POST", "/calls", {"from": CUSTOMER, "to": BUSINESS, "digits": "one"}, 400),
        ("POST", "/settings", {"speed": 0}, 400),
        ("POST", "/settings", {"speed": "fast"}, 400),
        ("POST", "/settings", {"colour": 1}, 400),
        ("POST", "/settings", {"drop_rate": 2}, 400),
        ("POST", "/calls", {"from": CUSTOMER}, 400),
        ("POST", "/calls", {"from": CUSTOMER, "to": "+14155550999"}, 404),
        ("POST", "/calls", {"from": CUSTOMER, "to": BUSINESS, "mood": "good"}, 400),
        ("POST", "/calls", {"from": CUSTOMER, "to": BUSINESS, "hangup_after_s": "soon"}, 400),
        ("POST", "/messages", {"from": CUSTOMER, "to": BUSINESS, "media_urls": ["x"]}, 400),
        ("POST", "/webhook", {"url": "nowhere"}, 400),
        ("POST", "/webhook", {"url": "http://127.0.0.1:9/", "tamper": "oddly"}, 400),
        ("POST", "/webhook", {"url": "http://127.0.0.1:9/", "tamper": []}, 400),
        ("POST", "/webhooks/999999999/repeat", {}, 404),
        ("PUT", "/faults", {"data": [{"status": 200}]}, 400),
        ("PUT", "/faults", {"data": [{"times": "x"}]}, 400),
        ("PUT", "/faults", {}, 400),
        ("GET", "/calls/CA0", None, 404),
        ("GET", "/messages/SM0", None, 404),
        ("GET", "/nowhere", None, 404),
        ("GET", "/webhooks?after=x", None, 400),
    ],
)
def test_a_wrong_wish_is_refused_with_a_reason(sim, method, path, wishes, status):
    sim.number()
    assert sim.sim(method, path, wishes, status)["error"]


def test_only_json_is_accepted_so_that_no_web_page_can_post_a_form(sim):
    answer = requests.post(sim.url + "/sim/calls", data={"from": CUSTOMER, "to": BUSINESS}, timeout=5)
    assert answer.status_code == 415


def test_a_call_shows_its_steps_children_and_recordings(sim, receiver):
    receiver.says("/voice", f'<Response><Say>Hi</Say><Dial record="true"><Number>{OWNER}</Number></Dial></Response>')
    sim.number(voice_url=receiver.url + "/voice")
    call = sim.ended_call(sim.call())
    assert [s["verb"] for s in call["steps"]] == ["Say", "Dial"]
    assert call["steps"][1] | {"recording": ""} == {
        "verb": "Dial", "numbers": [OWNER], "status": "completed", "bridged": True, "recording": "",
    }  # fmt: skip
    assert [c["to"] for c in call["children"]] == [OWNER]
    assert [r["call_sid"] for r in call["recordings"]] == [call["sid"]]
    assert [c["sid"] for c in sim.sim("GET", "/calls")["data"]] == [call["sid"]]


def test_a_recording_can_be_heard_on_the_page_without_a_password(sim, receiver, until):
    receiver.says("/voice", "<Response><Record/></Response>")
    sim.number(voice_url=receiver.url + "/voice")
    sid = sim.call()
    recording = until(lambda: [r for r in sim.sim("GET", f"/calls/{sid}")["recordings"] if r["status"] == "completed"])
    answer = requests.get(f"{sim.url}/sim/recordings/{recording[0]['sid']}.wav", timeout=5)
    assert answer.content[:4] == b"RIFF"


def test_forgetting_everything_leaves_an_empty_world(sim, receiver):
    sim.number(sms_url=receiver.url + "/sms")
    sim.phone(answers="busy")
    sim.text("hello")
    receiver.wait_for("/sms")
    sim.sim("DELETE", "/state", status=204)
    for path in ("/numbers", "/phones", "/messages", "/calls", "/webhooks", "/faults"):
        assert sim.sim("GET", path)["data"] == []


def test_a_webhook_under_way_when_everything_is_forgotten_is_forgotten_too(sim, receiver, reply, until):
    hold, before = threading.Event(), sim.world.history.last_id
    sim.number(sms_url=receiver.says("/sms", reply(hold=hold)))
    sim.text("hello")
    receiver.wait_for("/sms")
    sim.sim("DELETE", "/state", status=204)
    hold.set()
    until(lambda: sim.world.history.last_id > before)
    assert sim.sim("GET", "/webhooks")["data"] == []


def test_speed_can_be_changed_while_a_call_goes_on(sim, receiver, until):
    sim.world.clock.set_speed(1)
    receiver.says("/voice", "<Response><Pause length='600'/></Response>")
    sim.number(voice_url=receiver.url + "/voice")
    sid = sim.call()
    receiver.wait_for("/voice")
    assert sim.sim("POST", "/settings", {"speed": 1000})["speed"] == 1000
    assert sim.ended_call(sid)["status"] == "completed"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_the_rest_api_can_fail_for_the_next_requests(sim, client, status):
    sim.number()
    sim.sim("PUT", "/faults", {"data": [{"status": status, "times": 2, "path": "Messages", "retry_after_s": 3}]})
    for _ in range(2):
        answer = sim.rest("POST", "/Messages.json", {"To": CUSTOMER, "From": BUSINESS, "Body": "x"})
        assert (answer.status_code, answer.headers["Retry-After"]) == (status, "3")
    assert client.messages.list() == []
    assert client.messages.create(to=CUSTOMER, from_=BUSINESS, body="x").status == "queued"


def test_a_message_may_exist_although_its_creation_answered_500(sim, client):
    sim.number()
    sim.sim("PUT", "/faults", {"data": [{"status": 500, "when": "after", "method": "POST"}]})
    with pytest.raises(TwilioRestException):
        client.messages.create(to=CUSTOMER, from_=BUSINESS, body="x")
    assert [m.body for m in client.messages.list(to=CUSTOMER)] == ["x"]


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_the_connection_can_break_before_or_after_the_work(sim, client, when, made):
    sim.number()
    sim.sim("PUT", "/faults", {"data": [{"reset": True, "when": when, "method": "POST"}]})
    with pytest.raises(requests.exceptions.ConnectionError):
        client.messages.create(to=CUSTOMER, from_=BUSINESS, body="x")
    assert len(client.messages.list()) == made


def test_an_answer_can_be_late(sim):
    sim.sim("PUT", "/faults", {"data": [{"delay_s": 0.3}]})
    began = time.monotonic()
    assert sim.rest("GET", "/Messages.json").status_code == 200
    assert time.monotonic() - began >= 0.3


def test_fifty_clients_are_served_at_once(sim):
    sim.number()
    together, answers = threading.Barrier(50), []

    def ask() -> None:
        together.wait(20)
        answers.append(sim.rest("POST", "/Messages.json", {"To": CUSTOMER, "From": BUSINESS, "Body": "x"}).status_code)

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == [201] * 50


def test_fifty_calls_go_on_at_once(sim, receiver):
    receiver.says("/voice", f'<Response><Dial action="/result" timeout="20">{OWNER}</Dial></Response>')
    sim.number(voice_url=receiver.url + "/voice")
    sim.phone(answers="no-answer")
    calls = [sim.call() for _ in range(50)]
    assert {sim.ended_call(sid)["status"] for sid in calls} == {"completed"}
    assert {g.form["CallSid"] for g in receiver.wait_for("/result", 50)} == set(calls)


def test_the_page_is_one_file_that_fetches_nothing_from_outside(sim):
    answer = requests.get(sim.url + "/", timeout=5)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"""(src|href)\s*=\s*["'](https?:)?//""", answer.text)
    for words in ("Place a call", "Send a text", "How a phone behaves"):
        assert words in answer.text


def test_it_is_alive(sim):
    assert requests.get(sim.url + "/livez", timeout=5).json() == {"status": "alive"}
