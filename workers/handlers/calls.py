"""What a call's webhooks mean: its state, the missed-call decision, and who is told."""

from typing import Any

from psycopg import Connection

from shared.db import calls, jobs, notifications, numbers
from shared.db.calls import Call, Seen
from shared.domain import missed_call
from shared.domain.event import Event
from shared.domain.notices import order_key
from shared.domain.status import CALL_FINAL, CALL_RANK

DIAL_STATUSES = missed_call.MISSED_DIALS | missed_call.ANSWERED_DIALS


def incoming(conn: Connection, event: Event) -> str:
    """A call has come in. Whoever is subscribed learns of it, before they can learn that it was missed."""
    call = _merge(conn, event, route=event.answer or None)
    if call.direction == "inbound":
        numbers.note_unknown(conn, call.to_number) if call.tenant_id is None and call.to_number.startswith(
            "+"
        ) else None
        _notify(conn, "call.incoming", call, subject=call.call_sid)
    return _settle(conn, call)


def status(conn: Connection, event: Event) -> str:
    """A call's status changed; of a forwarded call the dialled leg's too, which is a call of its own here."""
    if event.params.get("CallStatus", "") not in CALL_RANK:
        return "unknown_status"
    call = _merge(conn, event)
    heard = event.params["CallStatus"]
    if call.status != heard:
        return "stale"
    if heard in CALL_FINAL:
        _notify(conn, "call.completed", call, subject=call.call_sid)
    else:
        _notify(conn, "call.status", call, subject=f"{call.call_sid}:{heard}")
    return _settle(conn, call)


def dial(conn: Connection, event: Event) -> str:
    """The owner's phone has rung: with what result?"""
    heard = event.params.get("DialCallStatus", "")
    if heard not in DIAL_STATUSES:
        return "unknown_status"
    bridged = {"true": True, "false": False}.get(event.params.get("DialBridged", "").lower())
    return _settle(conn, _merge(conn, event, dial_status=heard, dial_bridged=bridged))


def voicemail(conn: Connection, event: Event) -> str:
    """The caller has left a message; its recording is announced by a callback of its own."""
    _merge(conn, event)
    return "noted"


def settle(conn: Connection, call_sid: str) -> str:
    """Decides a call that has waited long enough for the rest of its webhooks."""
    call = calls.find(conn, call_sid)
    return _settle(conn, call, settled=True) if call else "unknown_call"


def _merge(conn: Connection, event: Event, **facts: Any) -> Call:
    posted = event.params
    to_number = posted.get("To") or posted.get("Called") or ""
    heard = posted.get("CallStatus", "")
    return calls.merge(
        conn,
        Seen(
            call_sid=posted["CallSid"],
            account_sid=event.account_sid,
            # A callback without a (known) status still proves that the call has begun.
            status=heard if heard in CALL_RANK else "ringing",
            at=event.received_at,
            from_number=posted.get("From") or posted.get("Caller") or "",
            to_number=to_number,
            direction=posted.get("Direction", ""),
            parent_call_sid=posted.get("ParentCallSid") or None,
            tenant_id=numbers.tenant_of(conn, to_number),
            duration_s=_seconds(posted.get("CallDuration")),
            **facts,
        ),
    )


def _settle(conn: Connection, call: Call, *, settled: bool = False) -> str:
    """Takes the one decision of a call as soon as its facts allow, and promises what follows from it."""
    if call.decision is not None or call.parent_call_sid is not None:
        return "applied"
    decision = missed_call.decide(call.facts, settled=settled)
    if decision is None:
        if call.status in CALL_FINAL and call.direction == "inbound":
            jobs.promise(conn, "call.settle", call.call_sid, delay_s=missed_call.SETTLE_S)
        return "applied"
    if calls.decide(conn, call.call_sid, decision) and decision == "missed":
        _notify(conn, "call.missed", call, subject=call.call_sid)
    return decision


def _notify(conn: Connection, type_: str, call: Call, *, subject: str) -> None:
    notifications.notify(
        conn,
        type_,
        subject=subject,
        tenant_id=call.tenant_id,
        order_key=order_key(business=call.to_number, other=call.from_number, subject=call.call_sid),
        data={
            "call_sid": call.call_sid,
            "parent_call_sid": call.parent_call_sid,
            "from": call.from_number,
            "to": call.to_number,
            "tenant_id": call.tenant_id,
            "direction": call.direction,
            "status": call.status,
            "dial_status": call.dial_status,
            "missed_status": missed_call.platform_status(call.facts) if type_ == "call.missed" else None,
            "duration_s": call.duration_s,
            "started_at": call.started_at.isoformat(),
            "ended_at": call.ended_at.isoformat() if call.ended_at else None,
        },
    )


def _seconds(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
