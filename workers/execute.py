"""The one place where the outcome of promised work becomes: done, later, never, or a person's business."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from psycopg import Connection, OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable

from shared import log, metrics
from shared.db import jobs
from shared.db.jobs import Job
from shared.db.outage import is_outage
from shared.domain.backoff import delay_s
from shared.domain.job_kinds import JobKind
from shared.errors import Deferred, Permanent, Transient, TwilioServerError, Unknown, Unreadable
from shared.settings import Settings
from workers import dispatch
from workers.context import WorkerRuntime

# A bug is tried this often: a deploy or a restart in between may mend it, more would only repeat it.
BUG_TRIES = 5
# Twilio shows a message in its lists within seconds; asking sooner would take "not yet" for "no".
SETTLE_S = 10.0


CONTENDED_S = 0.5  # somebody else has the row for some milliseconds


# What is left to do outside the transaction that has taken the job; it returns what to record when the job ends, or nothing.
Record = Callable[[Connection], None]
Step = Callable[[WorkerRuntime], Record | None]


@dataclass(frozen=True, slots=True)
class Work:
    """How one kind of job is done.

    `begin` is called in the transaction that takes the job: it reads and writes rows, and gives the step that talks to the
    world, which raises an outcome. `give_up` records, in the transaction that ends the job, that it never will be done.
    `lease_s` is longer than every time limit inside the step together. `wait_s` is the delay after a failed attempt
    (attempt, jitter, retry-after) or None when there is no further try.
    """

    begin: Callable[[Settings, Connection, Job], Step]
    give_up: Callable[[Connection, Job, TwilioServerError], None]
    lease_s: float
    wait_s: Callable[[int, float, float | None], float | None]


def plainly(run: Callable[[WorkerRuntime, Job], None]) -> Callable[[Settings, Connection, Job], Step]:
    """Work that does everything outside, in transactions of its own."""
    return lambda settings, conn, job: lambda rt: run(rt, job)


def patiently(tries: int) -> Callable[[int, float, float | None], float | None]:
    """The usual backoff, at most `tries` attempts."""

    def wait_s(attempt: int, jitter: float, retry_after_s: float | None) -> float | None:
        return None if attempt >= tries else delay_s(attempt, jitter, retry_after_s=retry_after_s)

    return wait_s


def run(rt: WorkerRuntime, catalogue: Mapping[JobKind, Work], job_id: int) -> str:
    """Does job `job_id` if it is ready; says what became of it. Never raises for a fault of the work itself.

    Raises what PostgreSQL raises: then nothing is recorded, and the lease brings the job back.
    """
    started = time.perf_counter()
    taken = _take(rt, catalogue, job_id)
    if taken is None:
        return "not_ready"
    job, step = taken
    outcome, reason = _attempt(rt, catalogue[job.kind], job, step)
    metrics.JOBS.labels(job.kind, outcome).inc()
    log.get().info(
        "job_attempted",
        job_id=job.id,
        kind=job.kind,
        attempt=job.attempts,
        outcome=outcome,
        reason=reason,
        duration_s=round(time.perf_counter() - started, 4),
    )
    if job.order_key is not None and outcome in ("done", "failed"):
        dispatch.once(rt)  # whoever waited behind this one may go
    return outcome


def _take(rt: WorkerRuntime, catalogue: Mapping[JobKind, Work], job_id: int) -> tuple[Job, Step] | None:
    """The job under its lease, and its step. A fault of `begin` is the step's: the attempt counts all the same."""
    leases: dict[JobKind, float] = {kind: work.lease_s for kind, work in catalogue.items()}
    try:
        with rt.db.connection() as conn:
            job = jobs.lease(conn, job_id, leases)
            return (job, catalogue[job.kind].begin(rt.settings, conn, job)) if job else None
    except Exception as fault:
        if is_outage(fault):
            raise
        told = fault
    with rt.db.connection() as conn:
        job = jobs.lease(conn, job_id, leases)
    return (job, partial(_raise, told)) if job else None


def _raise(fault: Exception, rt: WorkerRuntime) -> None:
    raise fault


def _attempt(rt: WorkerRuntime, work: Work, job: Job, step: Step) -> tuple[str, str]:
    try:
        record = step(rt)
        with rt.db.connection() as conn:
            if record is not None:
                record(conn)
            jobs.done(conn, job)
    except Deferred as outcome:
        return _later(rt, job, outcome, (outcome.until - datetime.now(UTC)).total_seconds(), counts=False)
    except Unknown as outcome:
        return _later(rt, job, outcome, SETTLE_S)
    except Transient as outcome:
        wait_s = work.wait_s(job.attempts, random.random(), outcome.retry_after_s)  # noqa: S311 - jitter, not a secret
        return _never(rt, work, job, outcome) if wait_s is None else _later(rt, job, outcome, wait_s)
    except (Permanent, Unreadable) as outcome:
        return _never(rt, work, job, outcome)
    except (DeadlockDetected, LockNotAvailable) as fault:
        return _later(rt, job, Transient(type(fault).__name__), CONTENDED_S, counts=False)
    except OperationalError:
        raise  # PostgreSQL is away: nothing can be recorded, the lease will bring the job back
    except Exception as bug:
        if is_outage(bug):
            raise  # or takes no writes
        log.get().error("job_broke", job_id=job.id, kind=job.kind, attempt=job.attempts, where=log.where(bug))
        outcome = Permanent(f"bug: {type(bug).__name__}")
        if job.attempts >= BUG_TRIES:
            return _never(rt, work, job, outcome)
        return _later(rt, job, outcome, delay_s(job.attempts, random.random()))  # noqa: S311 - jitter, not a secret
    return "done", ""


def _later(
    rt: WorkerRuntime, job: Job, outcome: TwilioServerError, wait_s: float, *, counts: bool = True
) -> tuple[str, str]:
    with rt.db.connection() as conn:
        jobs.again(conn, job, delay_s=max(0.0, wait_s), reason=outcome.reason, counts=counts)
    return type(outcome).__name__.lower(), outcome.reason


def _never(rt: WorkerRuntime, work: Work, job: Job, outcome: TwilioServerError) -> tuple[str, str]:
    with rt.db.connection() as conn:
        if jobs.failed(conn, job, outcome.reason):
            work.give_up(conn, job, outcome)
    return "failed", outcome.reason
