"""as-call-service's stand-in: a customer's text lands in its conversation, or is refused."""

from typing import Any

import pytest

TEXT = {"messageSid": "SM1", "body": "Yes, please", "from": "+12125550142", "to": "+14155550100"}
PICTURE = {"url": "https://api.twilio.com/x", "contentType": "image/png"}


@pytest.fixture
def conversation_id(standins: Any) -> str:
    standins.incoming()
    return standins.missed().json()["data"]["call"]["conversationId"]


def _post(standins: Any, conversation_id: str, **more: object) -> Any:
    return standins.ask("POST", f"/as-call/conversations/{conversation_id}/messages", TEXT | more)


def _messages(standins: Any, conversation_id: str) -> list[dict[str, Any]]:
    return standins.as_call()["conversations"][conversation_id]["messages"]


def test_a_reply_follows_the_automatic_text_in_the_conversation(standins: Any, conversation_id: str):
    assert _post(standins, conversation_id, media=[PICTURE]).status_code == 200
    automatic, reply = _messages(standins, conversation_id)
    assert (automatic["sender"], automatic["direction"]) == ("system", "outbound")
    assert (reply["body"], reply["direction"], reply["media"]) == ("Yes, please", "inbound", [PICTURE])


def test_the_same_text_again_is_kept_once_and_counted(standins: Any, conversation_id: str):
    _post(standins, conversation_id)
    _post(standins, conversation_id)
    assert _messages(standins, conversation_id)[1]["received_count"] == 2


def test_an_unknown_conversation_is_not_found(standins: Any):
    answer = _post(standins, "00000000-0000-0000-0000-000000000000")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "CONVERSATION_NOT_FOUND")


@pytest.mark.parametrize("wrong", [{"body": ""}, {"messageSid": None}, {"media": "a picture"}])
def test_a_text_without_its_parts_is_refused(standins: Any, conversation_id: str, wrong: dict[str, object]):
    assert _post(standins, conversation_id, **wrong).status_code == 400
