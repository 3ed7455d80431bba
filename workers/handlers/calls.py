"""What a call's webhooks mean: its state, the missed-call decision, and who is told."""

from typing import Any, Final

from psycopg import Connection

from shared.db import call_inputs, calls, jobs, notifications, numbers, placed_calls
from shared.db.calls import Call, Seen
from shared.db.ids import as_uuid
from shared.domain import missed_call
from shared.domain.event import Event
from shared.domain.notices import order_key
from shared.domain.status import CALL_FINAL
from workers import payloads
from workers.handlers import recordings
from workers.payloads import Said

# A callback without a status (or with one that Twilio invented since) still proves that the call has begun.
_BEGUN: Final = "ringing"


def incoming(conn: Connection, event: Event) -> str:
    """A call has come in. Whoever is subscribed learns of it, before they can learn that it was missed."""
    call = _merge(conn, event, payloads.read(event), route=event.answer or None)
    if call.direction == "inbound":
        if call.tenant_id is None:
            numbers.note_unknown(conn, call.to_number)
        _notify(conn, "call.incoming", call, subject=call.call_sid)
    return _settle(conn, call)


def status(conn: Connection, event: Event) -> str:
    """A call's status changed; of a forwarded call the dialled leg's too, which is a call of its own here.

    Subscribers hear of every step, late ones too; what they are told the call's status is, never goes back.
    """
    said = payloads.read(event)
    if (heard := said["status"]) is None:
        return "unknown_status"
    call = _merge(conn, event, said)
    if call_id := as_uuid(
        event.query_params.get("call_id", "")
    ):  # a call that we place, whose answer may have been lost
        placed_calls.note_sid(conn, call_id, call.call_sid)
    if heard in CALL_FINAL:
        _notify(conn, "call.completed", call, subject=call.call_sid)
    else:
        _notify(conn, "call.status", call, subject=f"{call.call_sid}:{heard}")
    decided = _settle(conn, call)
    return "stale" if decided == "applied" and call.status != heard else decided


def dial(conn: Connection, event: Event) -> str:
    """The owner's phone has rung: with what result?"""
    said = payloads.read(event)
    dial_status, bridged = said["dial_status"], said["dial_bridged"]
    if dial_status is None and bridged is None:
        return "unknown_status"
    # A word that Twilio has invented since, and yet it says whether anybody was connected.
    return _settle(conn, _merge(conn, event, said, dial_status=dial_status or "completed", dial_bridged=bridged))


def voicemail(conn: Connection, event: Event) -> str:
    """The caller has left a message; its recording is announced by a callback of its own, if that is not lost."""
    _merge(conn, event, payloads.read(event))
    return "noted"


def whisper(conn: Connection, event: Event) -> str:
    """The dialled leg was answered and asks what it shall hear before it is connected."""
    _merge(conn, event, payloads.read(event))
    return "noted"


def answered_by(conn: Connection, event: Event) -> str:
    """Twilio has made out who answered."""
    said = payloads.read(event)
    _merge(conn, event, said)
    return "applied" if said["answered_by"] else "unknown_answer"


def gathered(conn: Connection, event: Event) -> str:
    """The caller typed or said something, or, as a partial result, is still speaking."""
    said = payloads.read(event)
    _merge(conn, event, said)
    call_inputs.keep(
        conn,
        event_key=event.key,
        call_sid=said["call_sid"],
        digits=said["digits"],
        speech=said["speech"] or said["unstable_speech"],
        confidence=said["confidence"] or said["stability"],
        is_partial=bool(said["unstable_speech"] and not said["speech"]),
        sequence=said["sequence"],
        heard_at=event.received_at,
    )
    return "noted"


def conference(conn: Connection, event: Event) -> str:
    """Something happened in a conference; none of our calls are decided by it, so the event itself is the note."""
    payloads.read(event)
    return "noted"


def settle(conn: Connection, call_sid: str) -> str:
    """Decides a call that has waited long enough for the rest of its webhooks."""
    call = calls.find(conn, call_sid)
    return _settle(conn, call, settled=True) if call else "unknown_call"


def _merge(conn: Connection, event: Event, said: Said, **facts: Any) -> Call:
    to_number = said["to_number"] or said["called"] or ""
    recordings.note(conn, event, said)
    return calls.merge(
        conn,
        Seen(
            call_sid=said["call_sid"],
            account_sid=event.account_sid,
            status=said["status"] or _BEGUN,
            at=event.received_at,
            from_number=said["from_number"] or said["caller"] or "",
            to_number=to_number,
            direction=said["direction"] or "",
            parent_call_sid=said["parent_call_sid"],
            tenant_id=numbers.tenant_of(conn, to_number),
            duration_s=said["duration_s"],
            answered_by=said["answered_by"],
            detection_ms=said["detection_ms"],
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
        # Its own webhook may still be under way (an outage turned their order round): as-call-service refuses a missed
        # call that it has not seen come in, and the late news of it would wait behind that refusal for ever.
        _notify(conn, "call.incoming", call, subject=call.call_sid)
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
