"""The story the house is for (UC-006): a call is missed, its caller gets a text, writes back, is heard and answered."""

from typing import Any

from ops.demo.check import need, until
from ops.demo.facts import delivered
from ops.demo.stage import Stage
from ops.demo_world import BUSINESS, OWNER


def missed_call(stage: Stage) -> str:
    stage.phone(OWNER, answers="no-answer")
    texts_before = set(_texts(stage))
    call_sid = stage.place_call(stage.missed_caller, BUSINESS, hangup_after_s=45)
    until(lambda: _owner_is_rung(stage, call_sid), "the owner's phone rings")
    decided = until(lambda: _decided(stage, call_sid), "the call is decided")
    call = until(lambda: _told_as_missed(stage, call_sid), "as-call-service hears of the missed call")
    until(lambda: _told_in_order(stage, call_sid), "as-call-service has answered")
    text_sid = until(lambda: _text(stage, texts_before), "the automatic text is at Twilio")
    until(lambda: delivered(stage, text_sid), "the automatic text arrives")
    reply = f"Yes please, the tap still drips ({stage.mark})"
    stage.write_text(stage.missed_caller, BUSINESS, reply)
    until(lambda: _heard(stage, call["conversation_id"], reply), "the reply is in the conversation")
    answer_sid = _answer(stage, call["conversation_id"], {*texts_before, text_sid})
    until(lambda: delivered(stage, answer_sid), "the answer arrives")
    return (
        f"owner: {decided['dial_status']}, decided: missed, text delivered, reply in its conversation, answer delivered"
    )


def _owner_is_rung(stage: Stage, call_sid: str) -> None:
    call = stage.simulator.json("GET", f"/sim/calls/{call_sid}")
    need(any(OWNER in str(leg) for leg in call["children"]), f"steps {call['steps']}, legs {call['children']}")


def _decided(stage: Stage, call_sid: str) -> Any:
    call = stage.service.json("GET", f"/api/calls/{call_sid}")
    need(call["decision"] == "missed", f"call is {call['status']}, decided as {call['decision']}")
    return call


def _told_as_missed(stage: Stage, call_sid: str) -> Any:
    call = stage.as_call()["calls"].get(call_sid)
    need(call, "as-call-service does not know the call")
    need(call["missed_count"] and call["sms_triggered"], f"status {call['status']}, text {call['sms_triggered']}")
    return call


def _told_in_order(stage: Stage, call_sid: str) -> None:
    """as-call-service refuses a missed call that was not announced: incoming first, then missed, each taken once."""
    requests = [entry for entry in stage.as_call()["requests"] if entry["status"] == 200]
    told = [entry["path"].rpartition("/")[2] for entry in requests if (entry["body"] or {}).get("callSid") == call_sid]
    need(told == ["incoming", "missed"], f"as-call-service was told {told}")


def _texts(stage: Stage) -> list[str]:
    found = stage.simulator.json("GET", "/sim/messages", params={"to": stage.missed_caller, "from": BUSINESS})
    return [message["sid"] for message in found["data"]]


def _text(stage: Stage, before: set[str]) -> str:
    fresh = [sid for sid in _texts(stage) if sid not in before]
    need(fresh, "no text to the customer")
    need(len(fresh) == 1, f"{len(fresh)} texts to the customer")
    return fresh[0]


def _heard(stage: Stage, conversation_id: str, reply: str) -> None:
    """A customer's words are in the conversation that the missed call has opened."""
    messages = stage.as_call()["conversations"][conversation_id]["messages"]
    need(any(m["direction"] == "inbound" and m["body"] == reply for m in messages), f"conversation: {messages}")


def _answer(stage: Stage, conversation_id: str, before: set[str]) -> str:
    """A human of the business answers there, which reaches the customer through us; the text's SID."""
    path = f"/standin/as-call/conversations/{conversation_id}/reply"
    stage.standins.json("POST", path, json={"message": f"Tomorrow at nine, then ({stage.mark})"})
    return until(lambda: _text(stage, before), "the answer is at Twilio")
