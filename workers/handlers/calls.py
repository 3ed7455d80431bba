"""What a call's webhooks mean: its state and its legs', the missed-call decision, and who is told."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from shared import metrics
from shared.db import call_inputs, call_steps, calls, events, jobs, notifications, numbers, placed_calls, text_backs
from shared.db.calls import Call, Seen
from shared.db.freshness import FRESH_FOR
from shared.db.ids import as_uuid
from shared.domain import call_notes, event_keys, missed_call, text_back
from shared.domain.call_notes import Note
from shared.domain.doors import failed_door
from shared.domain.event import Event
from shared.domain.missed_call import Decision
from shared.domain.notices import order_key
from shared.domain.status import CALL_FINAL, CONSENT_RANK, CONSENT_WAY_RANK, DECISION_RANK, ROUTE_RANK
from shared.domain.text_back import TextBack
from workers import payloads
from workers.handlers import recordings
from workers.payloads import Said
from workers.payloads.fields import Code, Sid

# A callback without a status (or with one that Twilio invented since) still proves that the call has begun.
_BEGUN: Final = "ringing"
_SCREENINGS: Final = ("press", "amd")
# How a consent is asked for, where a note does not say.
_WAYS: Final[Mapping[str, str]] = {"not-needed": "none", "announced": "announce", "asserted": "asserted"}
_LONGEST_REASON: Final = 40  # of our own words, `unknown_number` is the longest


def incoming(conn: Connection, event: Event) -> str:
    """A call has come in. Whoever is subscribed learns of it, before they can learn that it was missed."""
    call = _merge(conn, event, payloads.read(event))
    note = call_notes.read(event.answer)
    call_steps.add(
        conn, call.call_sid, "incoming", name=note.kind, at=event.received_at, detail=_said(reason=note.reason)
    )
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
    call = _merge(
        conn, event, said, sequence=said["sequence"], sip_code=said["sip_code"], error_code=said["error_code"]
    )
    call_steps.add(
        conn, call.call_sid, "status", name=heard, at=event.received_at, sequence=said["sequence"],
        detail=_said(
            said_at=said["at"] and said["at"].isoformat(), duration_s=said["duration_s"], sip_code=said["sip_code"],
            error_code=said["error_code"],
        ),
    )  # fmt: skip
    if said["answered_by"]:
        _note_answerer(conn, event, said)
    if heard in CALL_FINAL:
        call_steps.note_conflict(conn, call.call_sid)
        _notify(conn, "call.completed", call, subject=call.call_sid)
    else:
        _notify(conn, "call.status", call, subject=f"{call.call_sid}:{heard}")
    decided = _settle(conn, call)
    return "stale" if decided == "applied" and call.status != heard else decided


def dial(conn: Connection, event: Event) -> str:
    """A phone has rung: with what result? Unless our answer rang another one, it was the last."""
    said = payloads.read(event)
    dial_status, bridged = said["dial_status"], said["dial_bridged"]
    if dial_status is None and bridged is None:
        return "unknown_status"
    is_last = call_notes.read(event.answer).kind != "forward"
    facts = {
        # A word that Twilio has invented since, and yet it says whether anybody was connected.
        "dial_status": dial_status or "completed",
        "dial_bridged": bridged,
        "dial_ended": is_last,
        "dial_call_sid": said["dial_call_sid"],
        "dial_duration_s": said["dial_duration_s"],
    }
    # Somebody had sent the live call on to that phone. Not taken there, neither the result nor where the caller was led
    # from there tells who had taken it before: its legs do.
    is_told_by_legs = event.query_params.get("step") == "0" and not missed_call.was_taken(dial_status, bridged)
    call = _merge(conn, event, said, **({"route": None, "route_reason": None} if is_told_by_legs else facts))
    if said["dial_call_sid"] and said["dial_call_sid"] != call.call_sid:
        calls.adopt(conn, said["dial_call_sid"], call.call_sid)
    call_steps.add(
        conn, call.call_sid, "dial", name=said["dial_call_sid"] or "", at=event.received_at,
        detail=_said(
            result=dial_status, bridged=bridged, duration_s=said["dial_duration_s"], is_last=is_last,
        ),
    )  # fmt: skip
    return _settle(conn, call)


def voicemail(conn: Connection, event: Event) -> str:
    """The caller has left a message; its recording is announced by a callback of its own, if that is not lost."""
    said = payloads.read(event)
    call = _merge(conn, event, said)
    call_steps.add(
        conn, call.call_sid, "voicemail", at=event.received_at, detail=_said(duration_s=said["recording_duration_s"])
    )
    return _noted(conn, call)


def choice(conn: Connection, event: Event) -> str:
    """The caller has answered a menu of ours: put through in an emergency, or agreed to be recorded, or not."""
    said = payloads.read(event)
    call = _merge(conn, event, said)
    note = call_notes.read(event.answer)
    call_steps.add(
        conn, call.call_sid, "choice", name=event.query_params.get("stage", "")[:_LONGEST_REASON], at=event.received_at,
        detail=_said(key=said["digits"], answered=note.kind),
    )  # fmt: skip
    _keep_input(conn, event, said)
    return _noted(conn, call)


def whisper(conn: Connection, event: Event) -> str:
    """The dialled leg was answered and asks what it shall hear before it is connected."""
    call = _merge(conn, event, payloads.read(event))
    call_steps.add(conn, call.call_sid, "whisper", at=event.received_at)
    return _noted(conn, call)


def accepted(conn: Connection, event: Event) -> str:
    """Who answered the dialled leg has pressed a key: to take the call, or another one. A carrier's voicemail presses none."""
    note = call_notes.read(event.answer)
    # By the key where there is no note of ours, as when the answer came from elsewhere.
    takes = note.kind == "accepted" if note.kind in ("accepted", "declined") else event.params.get("Digits") == "1"
    said = payloads.read(event)
    call = _merge(conn, event, said, accepted=takes)
    _keep_input(conn, event, said)
    call_steps.add(conn, call.call_sid, "accepted", name="taken" if takes else "declined", at=event.received_at)
    return _noted(conn, call)


def answered_by(conn: Connection, event: Event) -> str:
    """Twilio has made out who answered."""
    said = payloads.read(event)
    call = _merge(conn, event, said)
    if not said["answered_by"]:
        return "unknown_answer"
    _note_answerer(conn, event, said)
    return _settle(conn, call)


def gathered(conn: Connection, event: Event) -> str:
    """The caller typed or said something, or, as a partial result, is still speaking."""
    said = payloads.read(event)
    _merge(conn, event, said)
    _keep_input(conn, event, said)
    return "noted"


def _keep_input(conn: Connection, event: Event, said: Said) -> None:
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


def conference(conn: Connection, event: Event) -> str:
    """Something happened in a conference; none of our calls are decided by it, so the event itself is the note."""
    payloads.read(event)
    return "noted"


def settle(conn: Connection, call_sid: str) -> str:
    """Decides a call that has waited long enough for the rest of its webhooks, in its turn among them."""
    events.take_turn(conn)
    call = calls.lock(conn, call_sid)
    return _settle(conn, call, settled=True) if call else "unknown_call"


def decided(conn: Connection, call: Call, decision: Decision) -> bool:
    """Records a decision, and of a missed call what becomes of its text. False if one that stands was taken before."""
    word: TextBack | None = text_back.decide(text_backs.facts(conn, call)) if decision == "missed" else None
    if not calls.decide(conn, call.call_sid, decision, text_back=word):
        return False
    call_steps.restate(conn, call.call_sid, "decided", {"decision": decision})
    if word is not None:
        call_steps.restate(conn, call.call_sid, "text-back", {"text_back": word})
        metrics.TEXT_BACKS.labels(word).inc()
    if word == "wanted":
        text_backs.want(conn, call)
    return True


def reconsidered(conn: Connection, call_sid: str) -> TextBack | None:
    """What becomes of a missed call's text, now that an operator may have said that it is not too late, or the business has
    an owner.
    """
    call = calls.lock(conn, call_sid)
    if call is None or call.text_back not in ("stale", "no-tenant"):
        return call.text_back if call else None
    word = text_back.decide(text_backs.facts(conn, call))
    if word != call.text_back:
        calls.change_text_back(conn, call_sid, word)
        call_steps.restate(conn, call_sid, "text-back", {"text_back": word})
    if word == "wanted":
        text_backs.want(conn, call)
    return word


def owned(conn: Connection, business: str, tenant_id: str) -> None:
    """A number of which we only knew that it is called has an owner: who was missed there meanwhile is texted after all.

    as-call-service learns of its other calls, too: to whom they belong is all that it had to be told.
    """
    events.take_turn(conn)
    for call_sid in calls.give_owner(conn, business, tenant_id, within=FRESH_FOR):
        told = {"tenant_id": tenant_id, "text_back": reconsidered(conn, call_sid)}
        notifications.tell_anew(conn, call_sid, "as-call-service", told)


def _merge(conn: Connection, event: Event, said: Said, **facts: Any) -> Call:
    """The row of the call or leg after this webhook; a leg's parent is locked first."""
    recordings.note(conn, event, said)
    sid: str = said["call_sid"]
    parent = _parent(conn, event, said)
    if parent is not None:
        calls.lock(conn, parent)
    to_number = said["to_number"] or said["called"] or ""
    noted = _of_note(call_notes.read(event.answer), is_choice=event_keys.meaning(event.kind, event.params) == "choice")
    call = calls.merge(
        conn,
        Seen(
            call_sid=sid,
            account_sid=event.account_sid,
            status=said["status"] or _BEGUN,
            at=event.received_at,
            from_number=said["from_number"] or said["caller"] or "",
            to_number=to_number,
            direction=said["direction"] or ("outbound-dial" if parent else ""),
            parent_call_sid=parent,
            tenant_id=numbers.tenant_of(conn, to_number),
            duration_s=said["duration_s"],
            answered_by=said["answered_by"],
            detection_ms=said["detection_ms"],
            stir=said["stir"],
            forwarded_from=said["forwarded_from"],
            caller_name=said["caller_name"],
            **(noted | facts),
        ),
    )
    _note_ways(conn, event, call, noted)
    recordings.expect(conn, call)
    return call


def _parent(conn: Connection, event: Event, said: Said) -> str | None:
    """The call that this event's call is a leg of: Twilio says it, our address does, or the dial result that is known."""
    ours = event.query_params
    told = said["parent_call_sid"] or Sid.of(ours.get("parent", "")) or Sid.of(ours.get("call", ""))
    parent = told or (calls.parent_of(conn, said["call_sid"]) if event.kind in ("amd", "call-status") else None)
    return parent if parent != said["call_sid"] else None


def _of_note(note: Note, *, is_choice: bool) -> dict[str, Any]:
    """What the ingress noted of its answer, for `Seen`. What is no word of ours is left out."""
    flags = note.flags
    consent = flags.get("consent") if flags.get("consent") in CONSENT_RANK else None
    way = flags.get("way") if flags.get("way") in CONSENT_WAY_RANK else None
    # After a menu nobody is rung any more, whether or not a message can be left.
    kind = "voicemail" if is_choice and note.kind in ("hangup", "over") else note.kind
    route = kind if kind in ROUTE_RANK else None
    return {
        "route": route,
        "route_reason": note.reason[:_LONGEST_REASON] or None if route else None,
        "screening": flags.get("screen") if flags.get("screen") in _SCREENINGS else None,
        "recording_wanted": flags.get("rec") == "1",
        "consent": consent,
        "consent_way": (way or _WAYS.get(consent, "press")) if consent else None,
        "consent_rule": {name: flags[name] for name in ("law", "states") if name in flags} or None if consent else None,
    }


def _note_ways(conn: Connection, event: Event, call: Call, noted: Mapping[str, Any]) -> None:
    """Steps that any webhook of a call may be: a consent, the fallback address, a call that we had asked for."""
    if noted["consent"]:
        detail = _said(way=noted["consent_way"], **(noted["consent_rule"] or {}))
        call_steps.add(conn, call.call_sid, "consent", name=noted["consent"], at=event.received_at, detail=detail)
    if event.kind == "call-fallback":
        code = Code.of(event.params.get("ErrorCode", ""))
        detail = _said(failed=failed_door(event.params)) or None  # a word of ours: the address may say anything
        call_steps.add(conn, call.call_sid, "fallback", name=str(code or ""), at=event.received_at, detail=detail)
    placed_as: UUID | None = as_uuid(event.query_params.get("call_id", ""))
    if placed_as is not None and call.parent_call_sid is None:
        placed_calls.note_sid(conn, placed_as, call.call_sid)


def _note_answerer(conn: Connection, event: Event, said: Said) -> None:
    call_steps.add(
        conn, said["call_sid"], "answered-by", name=said["answered_by"], at=event.received_at,
        detail=_said(detection_ms=said["detection_ms"]),
    )  # fmt: skip


def _said(**detail: Any) -> dict[str, Any]:
    """Without what was not said."""
    return {name: value for name, value in detail.items() if value not in (None, "")}


def _settle(conn: Connection, call: Call, *, settled: bool = False) -> str:
    """Decides as soon as the facts allow, of a leg its call's, and promises what follows.

    What waiting may still change is looked at once more when the wait is over.
    """
    if call.parent_call_sid is not None:
        parent = calls.lock(conn, call.parent_call_sid)
        return "applied" if parent is None or parent.parent_call_sid else _settle(conn, parent, settled=settled)
    if call.decision == "missed" or call.direction != "inbound":
        return "applied"
    if settled and calls.parent_of(conn, call.call_sid) is not None:
        return "applied"  # a leg that never said so
    facts = calls.facts(conn, call)
    decision = missed_call.decide(facts, settled=settled)
    stands = decision if missed_call.rises(call.decision, decision) else call.decision
    may_rise = missed_call.is_over(facts) and missed_call.rises(stands, missed_call.decide(facts, settled=True))
    if may_rise and not settled:
        jobs.promise(conn, "call.settle", call.call_sid, delay_s=missed_call.SETTLE_S)
    if decision is None or not decided(conn, call, decision):
        return "applied"
    if decision == "missed":
        _tell_missed(conn, call)
    return decision


def _noted(conn: Connection, call: Call) -> str:
    """What became of an event that is there to be noted, and may decide its call all the same."""
    decided_as = _settle(conn, call)
    return decided_as if decided_as in DECISION_RANK else "noted"


def _tell_missed(conn: Connection, call: Call) -> None:
    """Its own webhook may still be under way (an outage turned their order round): as-call-service refuses a missed call that
    it has not seen come in, and the late news of it would wait behind that refusal for ever.
    """
    known = calls.find(conn, call.call_sid) or call  # with what has just been decided
    _notify(conn, "call.incoming", known, subject=call.call_sid)
    _notify(conn, "call.missed", known, subject=call.call_sid)


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
            "decision": call.decision,
            "missed_status": _platform_status(call) if type_ == "call.missed" else None,
            "text_back": call.text_back,
            "duration_s": call.duration_s,
            "started_at": call.started_at.isoformat(),
            "ended_at": call.ended_at.isoformat() if call.ended_at else None,
        },
    )


def _platform_status(call: Call) -> str:
    return missed_call.platform_status(call.dial_status, call.status)
