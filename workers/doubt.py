"""A text that Twilio may have or not: nobody sends it again before that is settled.

Two facts settle it. A status callback whose address names the text proves that Twilio has it (`handlers/messages.py`). And
Twilio's list of messages shows what it has taken: it is looked at several times, because reads lag behind writes there. Only
when the last look, a settling time after the request, finds nothing, it was never taken.
"""

from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn

from psycopg import Connection

from shared import log, metrics
from shared.db import message_steps, messages
from shared.db.departures import Departure
from shared.db.messages import Message
from shared.domain import segments
from shared.errors import Deferred, Permanent, Transient
from shared.twilio.client import Sent
from workers.context import WorkerRuntime

# Most of what was taken shows at once; then looks become rarer. The last one is at the settling time (TS_SMS_SETTLE_S).
LOOKS_S: Final = (5.0, 15.0, 30.0)
UNSETTLED: Final = "unsettled"


def note(rt: WorkerRuntime, departure: Departure, reason: str) -> None:
    """No answer came to the request."""
    with rt.db.connection() as conn:
        if messages.mark_unknown(conn, departure.id, departure.sending_since, reason):
            message_steps.add(conn, departure.id, "unknown", detail={"reason": reason})


def settle(rt: WorkerRuntime, departure: Departure) -> Sent:
    """Finds the text at Twilio, or lets it go again, or hands it to a person. Raises Deferred until the next look.

    Raises Transient when Twilio's list cannot be read, or when it shows that the text was never taken.
    """
    # By PostgreSQL's clock alone: with a clock of its own that is fast, a host would give up before Twilio's list shows it.
    age_s, settle_s = departure.sending_for_s, float(rt.settings.sms_settle_s)
    if age_s < LOOKS_S[0]:
        raise _look_at(LOOKS_S[0], age_s)
    if (found := _look(rt, departure)) is not None:
        metrics.SMS_SETTLED.labels("found").inc()
        return found
    if age_s < settle_s:
        raise _look_at(_next_look_s(age_s, settle_s), age_s)
    return _never_taken(rt, departure)


def _look_at(then_s: float, age_s: float) -> Deferred:
    return Deferred("settling", until=datetime.now(UTC) + timedelta(seconds=then_s - age_s))


def park(conn: Connection, message: Message, reason: str) -> None:
    """Nobody but a person decides about it now (`POST /api/sms/{id}/resolve`), or a callback that still comes."""
    if messages.mark_parked(conn, message.id, reason):
        message_steps.add(conn, message.id, "parked", detail={"reason": reason})
        metrics.SMS_SETTLED.labels("parked").inc()
        log.get().error("sms_parked", message_id=str(message.id), reason=reason)


def _next_look_s(age_s: float, settle_s: float) -> float:
    return min((at for at in LOOKS_S if age_s < at < settle_s), default=settle_s)


def _look(rt: WorkerRuntime, departure: Departure) -> Sent | None:
    alike = rt.twilio.find_messages(
        to=departure.to_number, from_=departure.from_number, body=departure.body,
        since=departure.created_at,  # an earlier attempt that was given up may have been carried out late
        messaging_service_sid=departure.messaging_service_sid or "", media_count=len(departure.media),
        also=[segments.smart_encoded(departure.body)],  # a Messaging Service does that unless it is switched off
    )  # fmt: skip
    if not alike:
        return None
    with rt.db.connection() as conn:
        # Another text of ours may read the same: its message at Twilio is not this one's.
        taken = messages.known_sids(conn, [sent.message_sid for sent in alike])
    return next((sent for sent in alike if sent.message_sid not in taken), None)


def _never_taken(rt: WorkerRuntime, departure: Departure) -> NoReturn:
    if departure.on_unknown == "park":
        raise Permanent(UNSETTLED)
    with rt.db.connection() as conn:
        if messages.mark_unsent(conn, [(departure.id, departure.sending_since)]):
            message_steps.add(conn, departure.id, "settled", detail={"taken": False})
    metrics.SMS_SETTLED.labels("never_taken").inc()
    log.get().info("sms_never_taken", message_id=str(departure.id))
    raise Transient("twilio_never_took_it")
