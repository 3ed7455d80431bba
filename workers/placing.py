"""Placing calls, never one twice: the row says "placing" before the request leaves.

As with texts (`workers/sms.py`): in the transaction that takes the job the call is decided about once more and marked, then
Twilio is asked, and its answer is written down in the transaction that ends the job. Whoever dies in between leaves
"placing", which reads as "perhaps". Unlike a text, a call in doubt is never tried again: a phone that rings twice is worse
than one that does not ring.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from psycopg import Connection

from shared import log, metrics, permissions
from shared.db import calls, placed_calls
from shared.db.calls import Seen
from shared.db.jobs import Job
from shared.db.placed_calls import PlacedCall
from shared.domain.backoff import delay_s
from shared.domain.urls import Urls
from shared.errors import Deferred, Permanent, Transient, TwilioServerError, Unknown
from shared.settings import Settings
from shared.twilio.calls import Dialled
from workers.context import WorkerRuntime
from workers.execute import Result, Step, caught
from workers.leaving import FRESH_S, clock

# Most of what was made shows in Twilio's list at once; it is looked at until this long after the request, and then never
# again: reads lag behind writes there by seconds.
LOOKS_S: Final = (2.0, 5.0, 15.0, 30.0)
SETTLE_S: Final = 60.0
IN_DOUBT: Final = "in_doubt"
_LONGEST_WAIT_S: Final = 5.0  # somebody sits there and waits for the call


def begin(settings: Settings, conn: Connection, jobs: Sequence[Job]) -> Step:
    """Decides about the calls of these jobs, here and now, and gives what is left to do."""
    steps = [_begin(settings, conn, job) for job in jobs]
    return lambda rt: [caught(step, rt) for step in steps]


def finish(conn: Connection, results: Sequence[tuple[Job, Dialled | None]]) -> None:
    """Writes down what Twilio has taken."""
    for job, dialled in results:
        if dialled is not None:
            record(conn, job.ref, dialled)


def record(conn: Connection, call_id: str, dialled: Dialled) -> None:
    """The call is a call like any other from now on."""
    asked = placed_calls.find(conn, call_id)
    if asked is None:
        return
    calls.merge(
        conn,
        Seen(
            call_sid=dialled.call_sid, account_sid=dialled.account_sid, status=dialled.status, at=datetime.now(UTC),
            from_number=asked.from_number, to_number=asked.to_number, direction="outbound-api",
            tenant_id=asked.tenant_id,
        ),
    )  # fmt: skip
    if placed_calls.note_sid(conn, asked.id, dialled.call_sid):
        metrics.CALLS.labels("outbound", "placed").inc()


def give_up(conn: Connection, job: Job, outcome: TwilioServerError) -> None:
    """It will not be placed, or nobody will ever know."""
    asked = placed_calls.find(conn, job.ref)
    if asked is None:
        return
    is_doubtful = asked.state in ("placing", "unknown")  # whoever was refused by Twilio is "queued" again
    code = outcome.twilio_code if isinstance(outcome, Permanent) else None
    if placed_calls.mark_refused(conn, asked.id, code=code, reason=IN_DOUBT if is_doubtful else outcome.reason):
        metrics.CALLS.labels("outbound", "refused").inc()
        log.get().warning("call_not_placed", call_id=str(asked.id), reason=IN_DOUBT if is_doubtful else outcome.reason)


def wait_s(attempt: int, jitter: float, retry_after_s: float | None) -> float:
    """Seconds to the next try: it is tried until it expires."""
    return min(_LONGEST_WAIT_S, retry_after_s or delay_s(attempt, jitter))


def _begin(settings: Settings, conn: Connection, job: Job) -> Callable[[WorkerRuntime], Result]:
    asked = placed_calls.find(conn, job.ref)
    if asked is None:
        return _raising(Permanent("no such call"))
    if asked.state in ("placing", "unknown"):
        return partial(_settle, asked=asked)
    return _leave(settings, conn, asked) if asked.state == "queued" else lambda rt: None


def _leave(settings: Settings, conn: Connection, asked: PlacedCall) -> Callable[[WorkerRuntime], Result]:
    if asked.is_expired:
        return _raising(Permanent("expired"))
    decision = permissions.ask(conn, settings.law, [permissions.question(
        to=asked.to_number, from_=asked.from_number, service_sid=None, tenant_id=asked.tenant_id, purpose=asked.purpose,
        message_id=asked.id, channel="call",
    )])[0]  # fmt: skip
    permission = permissions.shown(decision)
    if decision.decisive is not None:
        placed_calls.decided(conn, asked.id, permission)
        metrics.CONSENT_BLOCKS.labels(decision.decisive.id).inc()
        return _raising(Permanent(f"not permitted: {decision.decisive.id}"))
    since = placed_calls.begin(conn, asked.id, permission)
    return partial(_request, asked=asked, since=since, begun=clock()) if since else lambda rt: None


def _raising(outcome: TwilioServerError) -> Callable[[WorkerRuntime], Result]:
    def step(rt: WorkerRuntime) -> Result:
        raise outcome

    return step


def _request(rt: WorkerRuntime, asked: PlacedCall, since: datetime, begun: float) -> Dialled:
    try:
        return ask_twilio(rt, asked, begun)
    except Unknown as fault:
        with rt.db.connection() as conn:
            placed_calls.mark_unknown(conn, asked.id, since, fault.reason)
        raise _look_at(LOOKS_S[0], 0.0) from fault
    except (Transient, Permanent):
        with rt.db.connection() as conn:
            placed_calls.mark_not_placed(conn, asked.id, since)
        raise


def ask_twilio(rt: WorkerRuntime, asked: PlacedCall, begun: float) -> Dialled:
    """The one request. Raises outcomes; Unknown too when this process stood still before it: others may have taken over."""
    if clock() - begun > FRESH_S:
        raise Unknown("stood_still")
    plan, urls, call_id = asked.plan, Urls(rt.settings.public_url), str(asked.id)
    return rt.twilio.place_call(
        to=asked.to_number,
        from_=asked.from_number,
        twiml=plan["twiml"],
        ring_s=plan["ring_s"],
        # Our id rides in the address: a callback names the call even if Twilio's answer to us was lost.
        status_callback=urls.to("/api/webhooks/call", call_id=call_id),
        amd_callback=urls.to("/api/webhooks/amd", call_id=call_id) if plan.get("machine_detection") else "",
    )


def _settle(rt: WorkerRuntime, asked: PlacedCall) -> Dialled:
    """Finds the call at Twilio. Raises Deferred until the next look, Permanent after the last."""
    age_s = asked.placing_for_s
    if age_s < LOOKS_S[0]:
        raise _look_at(LOOKS_S[0], age_s)
    if (found := _look(rt, asked)) is not None:
        return found
    if age_s < SETTLE_S:
        raise _look_at(min((at for at in LOOKS_S if age_s < at), default=SETTLE_S), age_s)
    raise Permanent(IN_DOUBT)


def _look(rt: WorkerRuntime, asked: PlacedCall) -> Dialled | None:
    since = asked.placing_since or asked.created_at
    alike = rt.twilio.find_calls(to=asked.to_number, from_=asked.from_number, since=since)
    if not alike:
        return None
    with rt.db.connection() as conn:
        taken = placed_calls.known_sids(conn, [call.call_sid for call in alike])
    return next((call for call in alike if call.call_sid not in taken), None)


def _look_at(then_s: float, age_s: float) -> Deferred:
    return Deferred("settling", until=datetime.now(UTC) + timedelta(seconds=then_s - age_s))
