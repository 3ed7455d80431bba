"""What a caller gets at each turn of a call: decided from the number's routing in memory, what Twilio posts, and what we wrote
into the address ourselves. Nothing else is remembered between the turns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from ingress.context import IngressRuntime
from ingress.twilio_guard import Posted
from shared import recipients
from shared.domain import call_notes, event_keys, missed_call, routing, twiml
from shared.domain.dial import Dialling
from shared.domain.doors import own_query
from shared.domain.event_keys import Kind
from shared.domain.recording_law import Consent, consent_for, flags
from shared.domain.routing import Caller, Number, Reason, Target
from shared.domain.status import CALL_FINAL

_BRIDGED: Final = {"true": True, "false": False}
_MOST_STEPS: Final = routing.MOST_TARGETS + 1  # each target, and the fallback


class Said(NamedTuple):
    """A document, and the note of it that goes with the event."""

    document: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One request about a call: who calls which number, and what we had written into the address."""

    number: Number
    caller: Caller
    call_sid: str
    query: dict[str, str]
    digits: str
    is_over: bool

    @classmethod
    def of(cls, rt: IngressRuntime, posted: Posted) -> "Turn":
        """As Twilio and our own address say it. The caller's SID is only kept if it looks like one."""
        said = event_keys.said(posted.params).get
        sid = said("CallSid", "")
        return cls(
            number=rt.routing.number(said("To") or said("Called", "")),
            caller=Caller(said("From") or said("Caller", ""), said("StirVerstat", ""), said("ForwardedFrom", "")),
            call_sid=sid if event_keys.is_sid(sid, "CA") else "",
            query=_query(posted),
            digits=said("Digits", ""),
            is_over=said("CallStatus") in CALL_FINAL,
        )


def answer(rt: IngressRuntime, kind: Kind, posted: Posted) -> Said:
    """By what the request is, not by its address: a fallback is answered as what it stands in for. Total."""
    turn = Turn.of(rt, posted)
    match event_keys.meaning(kind, posted.params):
        case "call-in":
            return _incoming(rt, turn, datetime.now(UTC))
        case "choice" | "dial" if turn.is_over:
            return Said(twiml.EMPTY, "over")
        case "choice":
            return _chosen(rt, turn)
        case "dial":
            return _after_dial(rt, turn, posted)
        case "whisper":
            return _whisper(rt, turn)
        case "accept" if turn.digits == twiml.TAKES:
            return Said(twiml.EMPTY, "accepted")
        case "accept":
            return Said(twiml.HANG_UP, "declined")
        case "voicemail":
            return Said(twiml.HANG_UP)
        case _:
            return Said(twiml.EMPTY)


def _incoming(rt: IngressRuntime, turn: Turn, now: datetime) -> Said:
    route = routing.route(turn.number, turn.caller, now)
    match route.kind:
        case "reject":
            return Said(twiml.reject(), call_notes.build("reject", route.reason))
        case "menu":
            return Said(twiml.emergency_menu(turn.number, rt.urls), call_notes.build("menu", route.reason))
        case "forward":
            return _first_step(rt, turn)
        case _ if turn.number.routing.voicemail or (route.reason == "closed" and turn.number.routing.closed_greeting):
            return _nobody(rt, turn, route.reason, kind="voicemail")
        case _:
            return Said(twiml.engaged(), call_notes.build("voicemail", route.reason))


def _chosen(rt: IngressRuntime, turn: Turn) -> Said:
    if turn.query.get("stage") == "emergency":
        return _first_step(rt, turn, is_emergency=True) if _is_emergency(turn) else _nobody(rt, turn, "closed")
    if turn.query.get("stage") == "consent":
        return _first_step(rt, turn, agrees=turn.digits == twiml.AGREES)
    return _nobody(rt, turn)  # an address that we did not write: the caller can still leave a message


def _is_emergency(turn: Turn) -> bool:
    """The key was pressed, and it would not ring the phone that the call comes from."""
    emergency = turn.number.routing.emergency
    own = (turn.caller.number, turn.caller.forwarded_from)
    return emergency is not None and turn.digits == emergency.key and emergency.to not in own


def _first_step(rt: IngressRuntime, turn: Turn, *, is_emergency: bool = False, agrees: bool | None = None) -> Said:
    """Rings the first phones, when the caller has learned what the law wants them to of a recording.

    `agrees`: what the caller answered when asked. Who has an emergency is not asked a second question: then nothing is
    recorded.
    """
    law = _law(rt, turn)
    if law is None or (law.way == "press" and is_emergency):
        return _ring(rt, turn, 1, is_emergency=is_emergency, is_answered=is_emergency)
    if law.way == "press" and agrees is None:
        asked = call_notes.build("consent", consent="asked", **flags(law))
        return Said(twiml.consent_menu(turn.number, rt.urls), asked)
    records = agrees is not False
    notice = turn.number.routing.recording.notice if law.way == "announce" and records else ""
    return _ring(
        rt, turn, 1, records=records, is_emergency=is_emergency, notice=notice,
        is_answered=bool(notice) or is_emergency or agrees is not None,
        flags={"consent": _consent(law, agrees), **flags(law)},
    )  # fmt: skip


def _consent(law: Consent, agrees: bool | None) -> str:
    if agrees is not None:
        return "given" if agrees else "declined"
    return "announced" if law.way == "announce" else "not-needed"


def _after_dial(rt: IngressRuntime, turn: Turn, posted: Posted) -> Said:
    said = event_keys.said(posted.params).get
    bridged = _BRIDGED.get(said("DialBridged", "").lower())
    if missed_call.was_taken(said("DialCallStatus") or None, bridged):
        return Said(twiml.HANG_UP, "taken")
    is_emergency = turn.query.get("emergency") == "1"
    step, groups = _step(turn.query.get("step", "1")), _groups(turn, is_emergency=is_emergency)
    if not 1 <= step < len(groups):
        return _nobody(rt, turn, "closed" if is_emergency else "")
    records = turn.query.get("rec") == "1" and turn.number.routing.recording.is_on
    # Who has heard a notice is on an open line, and who has not hears the next phone ring.
    is_answered = is_emergency or (records and (law := _law(rt, turn)) is not None and law.way != "none")
    return _ring(rt, turn, step + 1, records=records, is_emergency=is_emergency, is_answered=is_answered)


def _ring(
    rt: IngressRuntime, turn: Turn, step: int, *, records: bool = False, is_emergency: bool = False, is_answered: bool = False,
    notice: str = "", flags: Mapping[str, str] | None = None,
) -> Said:  # fmt: skip
    groups = _groups(turn, is_emergency=is_emergency)
    if step > len(groups):  # the routing has changed since the caller was asked
        return _nobody(rt, turn)
    what = Dialling(
        turn.number, turn.caller.number, turn.call_sid, groups[step - 1],
        step=step, records=records, is_emergency=is_emergency, is_answered=is_answered,
    )  # fmt: skip
    screening = turn.number.routing.screening
    note = call_notes.build(
        "forward",
        step=step,
        emergency="1" if is_emergency else None,
        screen=None if screening == "none" else screening,
        rec="1" if records else None,
        **(flags or {}),
    )
    return Said(twiml.forward(what, rt.urls, notice=notice), note)


def _nobody(rt: IngressRuntime, turn: Turn, reason: Reason = "", *, kind: str = "") -> Said:
    """Nobody is rung any more: a message can be left, or the call ends."""
    if not turn.number.routing.voicemail:
        return Said(twiml.goodbye(turn.number, reason=reason), call_notes.build(kind or "hangup", reason))
    document = twiml.voicemail(
        turn.number,
        rt.urls,
        call_sid=turn.call_sid,
        reason=reason,
        is_transcribed=rt.settings.transcription == "twilio",
    )
    return Said(document, call_notes.build("voicemail", reason))


def _whisper(rt: IngressRuntime, turn: Turn) -> Said:
    """The dialled phone's own To is not ours: which number was called, our address says."""
    digits, sid = turn.query.get("number", ""), turn.query.get("call", "")
    number = rt.routing.number(f"+{digits}" if digits.isdecimal() and digits.isascii() else "")
    return Said(twiml.whisper(number, rt.urls, call_sid=sid if event_keys.is_sid(sid, "CA") else ""), "whisper")


def _groups(turn: Turn, *, is_emergency: bool) -> Sequence[tuple[Target, ...]]:
    rules = turn.number.routing
    if is_emergency:
        return [(Target(rules.emergency.to),)] if rules.emergency else []
    return routing.steps(rules, turn.caller.number, turn.caller.forwarded_from)


def _law(rt: IngressRuntime, turn: Turn) -> Consent | None:
    """How the caller is to learn that the call is recorded; None: it is not. The strictest law of all who may speak on it."""
    rules = turn.number.routing
    if not rules.recording.is_on:
        return None
    phones = [target.to for group in _groups(turn, is_emergency=False) for target in group]
    if rules.emergency:
        phones.append(rules.emergency.to)
    parties = [recipients.of(each) for each in (turn.caller.number, turn.number.phone_number, *phones)]
    return consent_for(rules.recording, rt.law, parties)


def _step(text: str) -> int:
    """0: no step of ours."""
    is_ours = text.isascii() and text.isdecimal() and len(text) <= len(str(_MOST_STEPS))
    return int(text) if is_ours and int(text) <= _MOST_STEPS else 0


def _query(posted: Posted) -> dict[str, str]:
    try:
        return own_query(posted.query, posted.params)
    except ValueError:  # more fields than anyone sends
        return {}
