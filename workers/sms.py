"""Handing texts to Twilio, never one twice: the row says "sending" before the request leaves.

Texts leave in three steps. In the transaction that takes their jobs everything that may hold them is read and decided, and
the rows say "sending". Then Redis is asked for their turns, and Twilio is called (`workers/leaving.py`). In the transaction
that ends the jobs Twilio's answers are written down. Whoever dies in between leaves "sending", which reads as "perhaps": the
next one looks at Twilio's list (`workers/doubt.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from psycopg import Connection

from shared import metrics
from shared.db import departures, message_steps, messages
from shared.db.departures import Departure
from shared.db.freshness import FRESH_FOR
from shared.db.jobs import Job
from shared.domain.backoff import delay_s
from shared.domain.permission import Decision
from shared.errors import Deferred, Permanent, TwilioServerError
from shared.settings import Settings
from workers import doubt, handed, leaving, permit
from workers.context import WorkerRuntime
from workers.execute import Result, Step, caught
from workers.handlers.messages import notify
from workers.leaving import Leaving

# A paused bulk or sender is let go on by whoever resumes it. Only texts that workers had in hand at that moment come back by
# this; the releaser lets nothing go from a sender that is paused.
PAUSED_FOR: Final = timedelta(minutes=1)


def begin(settings: Settings, conn: Connection, jobs: Sequence[Job]) -> Step:
    """Decides about the texts of these jobs, here and now, and gives what is left to do."""
    known = departures.read(conn, [job.ref for job in jobs], settings.twilio_account_sid, FRESH_FOR.total_seconds())
    kept = {job.id: _kept(known.get(job.ref)) for job in jobs}
    free = [job for job in jobs if kept[job.id] is None and known[job.ref].send_state == "queued"]
    decisions = permit.decide(settings, conn, [known[job.ref] for job in free])
    gone: list[tuple[Job, Decision]] = []
    for job, decision in zip(free, decisions, strict=True):
        if decision.verdict == "allowed":
            gone.append((job, decision))
        else:
            kept[job.id] = permit.refuse(conn, known[job.ref], decision)
    since = leaving.clock()
    allowed = [(known[job.ref].id, said.as_json(), said.consent_id) for job, said in gone]
    begun = departures.begin(conn, allowed) if allowed else {}
    going = {
        job.id: Leaving(job, replace(text, sending_since=begun[text.id]), since)
        for job, _ in gone
        if (text := known[job.ref]).id in begun
    }
    return lambda rt: _go(rt, jobs, known, kept, going)


def _go(
    rt: WorkerRuntime,
    jobs: Sequence[Job],
    known: Mapping[str, Departure],
    kept: Mapping[int, TwilioServerError | None],
    going: Mapping[int, Leaving],
) -> list[Result]:
    """For each job: what it was kept by, what Twilio answered, or what came of a doubt; None if it was settled already."""
    results: dict[int, Result] = {job_id: outcome for job_id, outcome in kept.items() if outcome is not None}
    if going:
        sent = caught(leaving.hand_over, rt, list(going.values()))
        results |= dict.fromkeys(going, sent) if isinstance(sent, Exception) else dict(zip(going, sent, strict=True))
    doubts = {
        job.id: partial(doubt.settle, rt, known[job.ref])
        for job in jobs
        if job.id not in results and known[job.ref].send_state in ("sending", "unknown")
    }
    results |= dict(zip(doubts, leaving.side_by_side(rt, list(doubts.values())), strict=True))
    return [results.get(job.id) for job in jobs]


def finish(conn: Connection, results: Sequence[tuple[Job, Result]]) -> None:
    """Writes down what Twilio has taken."""
    handed.record(conn, [(job.ref, sent) for job, sent in results if sent is not None])


def give_up(conn: Connection, job: Job, outcome: TwilioServerError) -> None:
    """It will not be sent: say so on the row and to the subscribers, unless Twilio has it, or may have it."""
    code = outcome.twilio_code if isinstance(outcome, Permanent) else None
    message = messages.find(conn, job.ref)
    if message is None:
        return
    if message.send_state in ("sending", "unknown"):  # whoever was refused by Twilio is "queued" again
        doubt.park(conn, message, outcome.reason)
        return
    if not messages.mark_refused(conn, message.id, code=code, reason=outcome.reason):
        return
    message_steps.add(conn, message.id, "refused", error_code=code, detail={"reason": outcome.reason})
    metrics.SMS.labels("refused").inc()
    if refused := messages.find(conn, job.ref):
        notify(conn, "sms.failed", refused)


def wait_s(attempt: int, jitter: float, retry_after_s: float | None) -> float:
    """Seconds to the next try: the rule's, where a rule has spoken. A text is tried until it expires."""
    return retry_after_s or delay_s(attempt, jitter)


def _kept(departure: Departure | None) -> TwilioServerError | None:
    """What keeps it back, whoever it is for. A text that may have left already is kept back by nothing."""
    if departure is None:
        return Permanent("no such message")
    if departure.send_state != "queued":
        return None
    now = datetime.now(UTC)
    if departure.bulk_state == "canceled":
        return Permanent("bulk canceled")
    if departure.bulk_state == "paused":  # before its end is looked at: resuming puts that off
        return Deferred("bulk paused", until=now + PAUSED_FOR)
    if departure.expires_at <= now:
        return Permanent("expired")
    if departure.send_at and departure.send_at > now:
        return Deferred("scheduled", until=departure.send_at)
    for until, why in (
        (departure.account_paused_until, "account paused"), (departure.paused_until, departure.pause_reason or "paused"),
    ):  # fmt: skip
        if until and until > now:
            return Deferred(why, until=min(until, now + PAUSED_FOR))
    return None
