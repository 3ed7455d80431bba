"""as-call-service in its own words: incoming calls, missed calls, and the messages of a conversation."""

from datetime import UTC, datetime
from typing import Any

from psycopg import Connection

from shared import log, metrics
from shared.db import call_steps, conversations, freshness, text_backs
from shared.db.notifications import Delivery
from shared.domain import as_call_bodies
from shared.domain.phone import is_reachable
from shared.domain.text_back import TextBack
from shared.downstream import Answer
from shared.errors import Transient
from workers.context import WorkerRuntime

_UNKNOWN_CALL = 404


def post(rt: WorkerRuntime, delivery: Delivery) -> Answer | None:
    """Tells as-call-service; None when there is nothing to tell it. Raises Transient.

    It has every missed call that it hears of answered with a text, so it hears of those only that want one.
    """
    data = delivery.data
    match delivery.type:
        case "call.incoming" if _tellable(data):
            return _tell(rt, delivery, "/calls/incoming", as_call_bodies.incoming(data))
        case "call.missed" if _wants_text(data) and _tellable(data) and not _is_pointless(rt, data):
            return _missed(rt, delivery)
        case "sms.received" if data["body"] or data["media"]:
            return _reply(rt, delivery)
    return None


def _missed(rt: WorkerRuntime, delivery: Delivery) -> Answer:
    """It answers 404 to a missed call that it has not seen come in. The news of that went before this one; but it may have
    been given up, or the service may have forgotten: then it is told anew, which it takes for the same call.
    """
    data, body = delivery.data, as_call_bodies.missed(delivery.data, delivery.created_at)
    answer = _tell(rt, delivery, "/calls/missed", body)
    if answer.status != _UNKNOWN_CALL:
        return answer
    told = _tell(rt, delivery, "/calls/incoming", as_call_bodies.incoming(data))
    if not told.ok:
        return told
    return _tell(rt, delivery, "/calls/missed", body)


def _wants_text(data: dict[str, Any]) -> bool:
    """What was promised by an older release does not say: then everybody was told of everything."""
    return data.get("text_back", "wanted") == "wanted"


def _tellable(data: dict[str, Any]) -> bool:
    """It knows customers by tenant and phone number: a withheld caller is nobody it could keep or text."""
    return bool(data["tenant_id"]) and is_reachable(data["from"])


def _is_pointless(rt: WorkerRuntime, data: dict[str, Any]) -> bool:
    return _is_too_late(rt, data) or _is_refused(rt, data)


def _is_refused(rt: WorkerRuntime, data: dict[str, Any]) -> bool:
    """A rule of ours has refused the text that it asked for the first time (who was called has opted out since, or what a
    text needs is missing). It cannot answer well then, and asking again would change nothing but hold up what comes after.
    """
    with rt.db.connection() as conn:
        return text_backs.is_refused(conn, data["call_sid"]) and _withdrawn(conn, data["call_sid"], "unreachable")


def _withdrawn(conn: Connection, call_sid: str, why: TextBack) -> bool:
    if not text_backs.withdraw(conn, call_sid, why):
        return False
    call_steps.restate(conn, call_sid, "text-back", {"text_back": why})
    metrics.TEXT_BACKS.labels(why).inc()
    return True


def _is_too_late(rt: WorkerRuntime, data: dict[str, Any]) -> bool:
    """It has every missed call answered with a text. Recovered hours later, from an outage of ours or of its own, that
    text would bewilder; the other subscribers are told all the same, and an operator may accept it.
    """
    age = datetime.now(UTC) - datetime.fromisoformat(data["ended_at"] or data["started_at"])
    if age <= freshness.FRESH_FOR:
        return False
    with rt.db.connection() as conn:
        if freshness.is_late_accepted(conn, data["call_sid"]):
            return False
        _withdrawn(conn, data["call_sid"], "stale")
    log.get().warning("missed_call_untold", call_sid=data["call_sid"], age_s=round(age.total_seconds()))
    return True


def remember(conn: Connection, delivery: Delivery, answer: Answer) -> None:
    """A missed call has opened a conversation: replies of that customer belong there."""
    data = delivery.data
    conversation_id = _conversation_id(answer.json)
    if delivery.type == "call.missed" and conversation_id and data["tenant_id"]:
        conversations.remember(
            conn,
            tenant_id=data["tenant_id"],
            business=data["to"],
            customer=data["from"],
            conversation_id=conversation_id,
        )


def _reply(rt: WorkerRuntime, delivery: Delivery) -> Answer | None:
    """A customer's text goes into its conversation; without one it is the other subscribers' alone."""
    data = delivery.data
    with rt.db.connection() as conn:
        conversation_id = conversations.find(
            conn, tenant_id=data["tenant_id"] or "", business=data["to"], customer=data["from"]
        )
    if conversation_id is None:
        return None
    return _tell(rt, delivery, f"/conversations/{conversation_id}/messages", as_call_bodies.received(data))


def _tell(rt: WorkerRuntime, delivery: Delivery, path: str, body: dict[str, Any]) -> Answer:
    """The platform also says no with 200 and `success: false`: that is no delivery. Raises Transient."""
    answer = rt.downstream.post_service(f"{delivery.url}{path}", body)
    if answer.ok and answer.json.get("success") is False:
        raise Transient("as_call: success false")
    return answer


def _conversation_id(answer: dict[str, Any]) -> str | None:
    """The design shows `call` at the top, the running code inside `data`: either is read."""
    data = answer.get("data")
    call = (data.get("call") if isinstance(data, dict) else None) or answer.get("call")
    found = call.get("conversationId") if isinstance(call, dict) else None
    return str(found) if found else None
