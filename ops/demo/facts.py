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


def webhooks_done(stage: Stage, sid: str) -> list[Any]:
    """Twilio has had its answer to every webhook about `sid`."""
    sent = stage.webhooks(sid)
    open_ones = [w["kind"] for w in sent if not w["done_at"]]
    need(sent and not open_ones, f"unanswered webhooks: {', '.join(open_ones) or 'none sent'}")
    failed = [f"{w['kind']} {w['http_status']} {w['error']}" for w in sent if w["outcome"] == "fail"]
    need(not failed, f"failed webhooks: {'; '.join(failed)}")
    return sent
