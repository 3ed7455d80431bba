"""as-call-service's stand-in: a call is taken once, and a missed one has its text sent before the answer."""

from typing import Any

import pytest

TENANT = "7b0f6f3e-2f0a-4c1e-9d56-0a4f4d1f0001"
DESIGNED = {
    "callSid": "CA2",
    "from": "+12125550142",
    "to": "+14155550100",
    "tenantId": TENANT,
    "callStatus": "ringing",
    "direction": "outbound-api",
}


@pytest.mark.parametrize("key", [None, "", "wrong", "clé"])
@pytest.mark.parametrize("path", ["/as-call/calls/incoming", "/as-call/calls/missed", "/pns/phone-numbers/lookup/+1"])
def test_without_the_platform_key_nothing_is_done(standins: Any, path: str, key: str | None):
    answer = standins.ask("POST" if "call" in path else "GET", path, {}, key=key and key.encode())
    assert answer.status_code == 401
    assert answer.json()["success"] is False
    assert answer.json()["error"]["code"] == "UNAUTHORIZED"
    assert standins.as_call()["calls"] == {}


def test_a_call_is_taken_in_twilios_spelling(standins: Any):
    answer = standins.incoming()
    assert answer.status_code == 200
    assert answer.json()["success"] is True
    call = answer.json()["data"]["call"]
    assert set(call) == {"id", "callSid", "status", "tenantId", "customerPhone", "businessPhone"}
    assert (call["customerPhone"], call["businessPhone"]) == ("+12125550142", "+14155550100")


def test_a_call_is_taken_in_the_designs_spelling_where_that_is_spoken(standins: Any):
    assert standins.ask("POST", "/as-call/calls/incoming", DESIGNED).status_code == 400
    standins.ways(dialect="designed", answer="top")
    answer = standins.ask("POST", "/as-call/calls/incoming", DESIGNED)
    assert (answer.json()["success"], answer.json()["call"]["callSid"]) == (True, "CA2")
    assert standins.as_call()["calls"]["CA2"]["direction"] == "outbound"
    assert standins.incoming("CA3").status_code == 400
    assert set(standins.missed("CA2").json()["call"]) >= {"conversationId", "smsTriggered"}


@pytest.mark.parametrize("status", ["in-progress", "no-answer", "busy", "canceled"])
def test_a_call_in_a_state_that_its_record_cannot_hold_is_a_fault_of_its_own(standins: Any, status: str):
    assert standins.incoming(CallStatus=status).status_code == 500
    assert standins.as_call()["calls"] == {}
    standins.incoming()
    assert standins.incoming(CallStatus=status).status_code == 200  # it is there: nothing is written


@pytest.mark.parametrize(
    "wrong", [{"dialect": "french"}, {"answer": 1}, {"ai_after_s": -1}, {"ai_after_s": "60"}, {"mood": "good"}]
)
def test_a_way_that_makes_no_sense_is_refused(standins: Any, wrong: dict[str, object]):
    assert standins.ways(**wrong).status_code == 400


def test_both_spellings_and_unknown_keys_in_one_body_are_one_call(standins: Any):
    assert standins.incoming("CA2", **DESIGNED, somethingNew=["x"]).status_code == 200
    assert list(standins.as_call()["calls"]) == ["CA2"]


def test_the_same_call_again_is_the_same_call(standins: Any):
    first, second = standins.incoming().json(), standins.incoming().json()
    assert first["data"]["call"]["id"] == second["data"]["call"]["id"]
    assert standins.as_call()["calls"]["CA1"]["incoming_count"] == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"tenantId": "42"},
        {"From": "anonymous"},
        {"To": ""},
        {"CallStatus": 7},
        {"timestamp": "soon"},
        {"CallSid": None},
    ],
)
def test_a_body_the_platform_cannot_read_is_refused_in_the_platforms_shape(standins: Any, wrong: dict[str, object]):
    answer = standins.incoming(**wrong)
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"code", "message"}


def test_a_missed_call_that_was_never_announced_is_not_found(standins: Any):
    answer = standins.missed("CA9")
    assert (answer.status_code, answer.json()["success"]) == (404, False)
    assert standins.twilio_server.jobs == []


def test_a_missed_call_opens_a_conversation_and_has_the_text_sent(standins: Any):
    standins.incoming()
    call = standins.missed().json()["data"]["call"]
    assert call["smsTriggered"] is True
    assert standins.as_call()["conversations"][call["conversationId"]]["customer_phone"] == "+12125550142"
    [(headers, job)] = standins.twilio_server.jobs
    assert headers["X-Service-Key"] == "the-platform-key"
    assert (job["to"], job["from"], job["tenantId"]) == ("+12125550142", "+14155550100", TENANT)


def test_the_text_is_asked_for_before_the_answer_and_without_holding_anything(standins: Any):
    seen: list[dict[str, Any]] = []
    standins.twilio_server.during = lambda: seen.append(standins.as_call())
    standins.incoming()
    standins.missed()
    assert [entry["path"] for entry in seen[0]["requests"]] == ["/as-call/calls/incoming"]
    assert seen[0]["calls"]["CA1"]["conversation_id"]
    assert seen[0]["calls"]["CA1"]["sms_triggered"] is False


def test_a_report_that_comes_while_the_text_is_being_sent_does_not_send_another(standins: Any):
    standins.ways(repeats="once")
    standins.incoming()
    standins.twilio_server.during = lambda: len(standins.twilio_server.jobs) == 1 and standins.missed()
    assert standins.missed().json()["data"]["call"]["smsTriggered"] is True
    assert len(standins.twilio_server.jobs) == 1


def test_a_missed_call_told_twice_has_a_second_conversation_and_a_second_text(standins: Any):
    standins.incoming()
    first, second = standins.missed().json(), standins.missed().json()
    assert first["data"]["call"]["conversationId"] != second["data"]["call"]["conversationId"]
    assert len(standins.as_call()["conversations"]) == len(standins.twilio_server.jobs) == 2
    assert standins.as_call()["calls"]["CA1"]["missed_count"] == 2


def test_a_missed_call_told_twice_has_one_text_where_repeats_are_known(standins: Any):
    standins.ways(repeats="once")
    standins.incoming()
    first, second = standins.missed().json(), standins.missed().json()
    assert first["data"]["call"]["conversationId"] == second["data"]["call"]["conversationId"]
    assert len(standins.twilio_server.jobs) == 1
    assert standins.as_call()["calls"]["CA1"]["missed_count"] == 2


def test_a_text_that_was_not_taken_is_a_502_and_is_tried_again_with_the_next_report(standins: Any):
    standins.incoming()
    standins.twilio_server.status = 503
    assert standins.missed().status_code == 502
    assert standins.as_call()["calls"]["CA1"]["sms_triggered"] is False
    standins.twilio_server.status = 202
    assert standins.missed().json()["data"]["call"]["smsTriggered"] is True
    assert len(standins.as_call()["conversations"]) == 2  # each attempt has opened one


@pytest.mark.parametrize("wrong", [{"callStatus": "completed"}, {"callDuration": "21"}, {"endTime": "now"}])
def test_a_report_with_a_wrong_value_is_refused(standins: Any, wrong: dict[str, object]):
    standins.incoming()
    assert standins.missed(**wrong).status_code == 400


def test_the_requests_are_kept_in_their_order(standins: Any):
    standins.missed()
    standins.incoming()
    standins.missed()
    requests = standins.as_call()["requests"]
    assert [(r["path"].rpartition("/")[2], r["status"]) for r in requests] == [
        ("missed", 404),
        ("incoming", 200),
        ("missed", 200),
    ]
