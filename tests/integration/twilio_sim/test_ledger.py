"""What a checker can ask the simulator: every create with its answer, and the sums."""

import json

import pytest
import requests

BUSINESS, CUSTOMER = "+14155550100", "+12125550142"
FORM = {"To": CUSTOMER, "From": BUSINESS, "Body": "hello"}


@pytest.fixture(autouse=True)
def owned(sim):
    sim.number(BUSINESS)


def ledger(sim, **query):
    answer = requests.get(f"{sim.url}/sim/ledger", params=query, timeout=10)
    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_create_is_written_down_with_its_answer(sim):
    callback = "http://127.0.0.1:9/status?message_id=m1#rc=2"
    sid = sim.rest("POST", "/Messages.json", FORM | {"StatusCallback": callback}).json()["sid"]
    (line,) = ledger(sim)
    assert line["arrived_s"] <= line["made_s"]
    assert line["arrived_at"].endswith("+00:00")
    assert {k: line[k] for k in ("n", "sid", "to", "from", "sender", "message_id", "segments", "opted_out", "answer")} == {
        "n": 1, "sid": sid, "to": CUSTOMER, "from": BUSINESS, "sender": BUSINESS, "message_id": "m1", "segments": 1,
        "opted_out": False, "answer": "given",
    }  # fmt: skip
    assert line["body_sha256"] == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def test_every_create_is_written_down_whatever_came_of_it(sim):
    sim.sim("PUT", "/faults", {"data": [
        {"reset": True, "when": "after"}, {"reset": True}, {"status": 503, "when": "after"}, {"status": 429},
        {"body": "broken", "when": "after"},
    ]})  # fmt: skip
    for _ in range(2):
        with pytest.raises(requests.exceptions.ConnectionError):
            sim.rest("POST", "/Messages.json", FORM)
    for _ in range(3):
        sim.rest("POST", "/Messages.json", FORM)
    sim.rest("POST", "/Messages.json", {})
    lines = ledger(sim)
    assert [(line["answer"], line["http_status"], line["code"], bool(line["sid"])) for line in lines] == [
        ("lost", None, None, True), ("lost", None, None, False), ("given", 503, 20503, True),
        ("given", 429, 20429, False), ("broken", 201, None, True), ("given", 400, 21604, False),
    ]  # fmt: skip
    assert [line["n"] for line in ledger(sim, after=2, limit=3)] == [3, 4, 5]
    summary = sim.sim("GET", "/ledger/summary")
    assert (summary["requests"], summary["made"], summary["made_twice"]) == (6, 3, {})
    assert summary["outcomes"]["503 20503, made"] == 1
    assert summary["senders"][BUSINESS]["most_in_s"]["10"] == 3
    assert summary["peak_requests"] >= 1


def test_an_attempt_to_text_somebody_who_opted_out_is_marked(sim):
    sim.sim("POST", "/opt-outs", {"person": CUSTOMER, "scope": BUSINESS})
    assert sim.rest("POST", "/Messages.json", FORM).json()["code"] == 21610
    assert [(line["opted_out"], line["sid"], line["code"]) for line in ledger(sim)] == [(True, None, 21610)]
    assert sim.sim("GET", "/ledger/summary")["made_though_opted_out"] == []


def test_lists_show_a_message_only_after_a_while(sim, client):
    sim.world.clock.set_speed(1)
    sim.sim("POST", "/settings", {"list_lag_s": 3000})
    sid = sim.rest("POST", "/Messages.json", FORM).json()["sid"]
    assert client.messages.list(to=CUSTOMER) == []
    assert client.messages(sid).fetch().sid == sid
    sim.sim("POST", "/settings", {"list_lag_s": 0})
    assert [m.sid for m in client.messages.list(to=CUSTOMER)] == [sid]


@pytest.mark.parametrize("query", ["?windows=x", "?windows=0", "?clock=moon"])
def test_a_question_about_no_window_is_refused(sim, query):
    assert sim.sim("GET", f"/ledger/summary{query}", status=400)["error"]
