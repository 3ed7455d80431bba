"""Who answers a customer: the AI when no human has in time, and nobody but the human once one has."""

import time
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

TEXT = {"messageSid": "SM1", "body": "Yes, please", "from": "+12125550142", "to": "+14155550100"}


@pytest.fixture
def conversation_id(standins: Any) -> str:
    standins.incoming()
    return standins.missed().json()["data"]["call"]["conversationId"]


def _write(standins: Any, conversation_id: str, sid: str, body: str) -> dict[str, Any]:
    said = TEXT | {"messageSid": sid, "body": body}
    return standins.ask("POST", f"/as-call/conversations/{conversation_id}/messages", said).json()["data"]


def _until(fact: Callable[[], object]) -> None:
    deadline, pause = time.monotonic() + 45, Event()
    while not fact():
        assert time.monotonic() < deadline
        pause.wait(0.02)


def _senders(standins: Any, conversation_id: str) -> list[str]:
    return [said["sender"] for said in standins.as_call()["conversations"][conversation_id]["messages"]]


def test_the_ai_answers_a_customer_whom_nobody_has_answered(standins: Any, conversation_id: str):
    standins.ways(ai_after_s=0.05)
    assert _write(standins, conversation_id, "SM1", "It drips")["humanResponseWindow"] == 0.05
    _until(lambda: _senders(standins, conversation_id) == ["system", "customer", "ai"])
    _until(lambda: len(standins.twilio_server.jobs) == 2)
    headers, job = standins.twilio_server.jobs[1]
    assert headers["X-Service-Key"] == "the-platform-key"
    assert (job["to"], job["from"], "It drips" in job["body"]) == ("+12125550142", "+14155550100", True)


def test_the_ai_that_is_active_answers_before_the_message_is_acknowledged(standins: Any, conversation_id: str):
    standins.ways(ai_after_s=0)
    _write(standins, conversation_id, "SM1", "It drips")
    _until(lambda: len(standins.twilio_server.jobs) == 2)
    assert _write(standins, conversation_id, "SM2", "Tuesday")["aiProcessingTriggered"] is True
    assert "Tuesday" in standins.twilio_server.jobs[2][1]["body"]


def test_a_human_answers_and_the_ai_keeps_out(standins: Any, conversation_id: str):
    standins.ways(ai_after_s=0.05)
    answer = standins.ask("POST", f"/standin/as-call/conversations/{conversation_id}/reply", {"message": "On my way"})
    assert (answer.json()["sender"], answer.json()["failure"]) == ("human", None)
    told = _write(standins, conversation_id, "SM1", "Thanks")
    assert (told["aiProcessingTriggered"], told["humanResponseWindow"]) == (False, None)
    assert [job["body"] for _, job in standins.twilio_server.jobs[1:]] == ["On my way"]


def test_an_answer_that_was_not_taken_says_why(standins: Any, conversation_id: str):
    standins.twilio_server.status = 503
    answer = standins.ask("POST", f"/standin/as-call/conversations/{conversation_id}/reply", {"message": "On my way"})
    assert answer.status_code == 502
    assert "503" in standins.as_call()["conversations"][conversation_id]["messages"][-1]["failure"]


def test_nobody_can_answer_in_a_conversation_that_is_none(standins: Any):
    assert standins.ask("POST", "/standin/as-call/conversations/none/reply", {"message": "Hello"}).status_code == 404


def test_an_ai_that_is_switched_off_says_nothing(standins: Any, conversation_id: str):
    standins.ways(ai_after_s=None)
    assert _write(standins, conversation_id, "SM1", "It drips")["humanResponseWindow"] is None
