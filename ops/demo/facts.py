"""Knows the facts several stories wait for."""

from typing import Any

from ops.demo.check import need
from ops.demo.stage import Stage


def delivered(stage: Stage, id_or_sid: str) -> Any:
    """The text has arrived, as the service knows it."""
    message = stage.service.json("GET", f"/api/sms/{id_or_sid}")
    need(message["status"] == "delivered", f"text is {message['status']}, error {message.get('error_code')}")
    return message


def ended(stage: Stage, call_sid: str, status: str = "completed") -> Any:
    call = stage.service.json("GET", f"/api/calls/{call_sid}")
    need(call["status"] == status, f"call is {call['status']}")
    return call


def processed(stage: Stage, sid: str, *keys: str) -> list[Any]:
    """Every event of `sid` is processed, and these keys are among them."""
    events = stage.events(sid)
    missing = set(keys) - {event["key"] for event in events}
    need(events and not missing, f"no event yet: {', '.join(sorted(missing)) or sid}")
    waiting = [event["key"] for event in events if not event["processed_at"]]
    need(not waiting, f"not processed: {', '.join(waiting)}")
    return events


def webhooks_done(stage: Stage, call_sid: str) -> list[Any]:
    """The call is over at Twilio's too, and every webhook about it was answered well. Gives the webhooks in order."""
    call = stage.simulator.json("GET", f"/sim/calls/{call_sid}")
    need(call["status"] == "completed", f"the call is {call['status']} at Twilio")
    sent = stage.webhooks(call_sid)
    failed = [f"{w['kind']} {w['http_status']} {w['error']}" for w in sent if w["outcome"] != "ok"]
    need(sent and not failed, f"failed webhooks: {'; '.join(failed) or 'none was sent'}")
    return sent
