"""The one place where the outcome of promised work becomes: done, later, never, or a person's business."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from psycopg import Connection, OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable

from shared import log, metrics
from shared.db import jobs
from shared.db.jobs import Job
from shared.db.outage import is_outage
from shared.domain.backoff import LONGEST_S, delay_s
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


# What one job came to: what there is to record (None: nothing), or the outcome or fault that it ended with.
Result = Any
# Takes jobs under their leases.
Claim = Callable[[Connection], list[Job]]
# What is left to do outside the transaction that has taken the jobs: a result for each, in their order. It raises nothing.
Step = Callable[[WorkerRuntime], Sequence[Result]]


@dataclass(frozen=True, slots=True)
class Work:
    """How one kind of job is done, several at once where that saves anything.

    `begin` is called in the transaction that takes the jobs: it reads and writes rows, and gives the step that talks to the
    world. `finish` records the results that are no exceptions, in the transaction that ends their jobs. `give_up` records, in
    the transaction that ends a job, that it never will be done. `lease_s` is longer than every time limit inside the step
    together. `wait_s` is the delay after a failed attempt (attempt, jitter, retry-after) or None when there is no further try.
    """

    begin: Callable[[Settings, Connection, Sequence[Job]], Step]
    give_up: Callable[[Connection, Job, TwilioServerError], None]
    lease_s: float
    wait_s: Callable[[int, float, float | None], float | None]
    finish: Callable[[Connection, Sequence[tuple[Job, Result]]], None] = lambda conn, results: None


def plainly(run: Callable[[WorkerRuntime, Job], Result]) -> Callable[[Settings, Connection, Sequence[Job]], Step]:
    """Work that does everything outside, one after the other, in transactions of its own."""
    return lambda settings, conn, jobs_: lambda rt: [caught(run, rt, job) for job in jobs_]


def caught(run: Callable[..., Result], *args: Any) -> Result:
    """What `run` returns, or what it raises."""
    try:
        return run(*args)
    except Exception as fault:  # noqa: BLE001 - `_settle` tells outcomes from bugs
        return fault


def patiently(tries: int, longest_s: float = LONGEST_S) -> Callable[[int, float, float | None], float | None]:
    """The usual backoff, at most `tries` attempts, never more than `longest_s` apart if nobody asks for more."""

    def wait_s(attempt: int, jitter: float, retry_after_s: float | None) -> float | None:
        if attempt >= tries:
            return None
        return delay_s(attempt, jitter, retry_after_s=retry_after_s, longest_s=longest_s)

    return wait_s


def run(rt: WorkerRuntime, catalogue: Mapping[JobKind, Work], job_id: int) -> str:
    """Does job `job_id` if it is ready; says what became of it. As `run_many`."""
    return next(iter(run_many(rt, catalogue, [job_id]).values()), "not_ready")


def run_many(rt: WorkerRuntime, catalogue: Mapping[JobKind, Work], job_ids: Sequence[int]) -> dict[int, str]:
    """Does those of these jobs that are ready, together; what became of each. Never raises for a fault of the work itself.

    Raises what PostgreSQL raises: then nothing is recorded, and the lease brings the jobs back.
    """
    leases = _leases(catalogue)
    return _run(rt, catalogue, lambda conn: jobs.lease(conn, job_ids, leases))


def run_released(
    rt: WorkerRuntime, catalogue: Mapping[JobKind, Work], *, limit: int, lowest_lane: int = 2
) -> dict[int, str]:
    """As `run_many`, for the next paced jobs that have been let go, down to this lane."""
    leases = _leases(catalogue)
    return _run(rt, catalogue, lambda conn: jobs.lease_released(conn, leases, limit=limit, lowest_lane=lowest_lane))


def end(rt: WorkerRuntime, work: Work, job: Job, came: Result, *, duration_s: float) -> str:
    """What becomes of a job whose result, or outcome, somebody else has brought. Raises what PostgreSQL raises."""
    ((_, (outcome, reason)),) = _end(rt, work, [(job, came)])
    tell(job, outcome, reason, duration_s)
    return outcome


def _leases(catalogue: Mapping[JobKind, Work]) -> dict[JobKind, float]:
    return {kind: work.lease_s for kind, work in catalogue.items()}


def _run(rt: WorkerRuntime, catalogue: Mapping[JobKind, Work], claim: Claim) -> dict[int, str]:
    started = time.perf_counter()
    ended: dict[int, str] = {}
    for kind, taken, step in _take(rt, catalogue, claim):
        results = list(zip(taken, step(rt), strict=True))
        for job, (outcome, reason) in _end(rt, catalogue[kind], results):
            ended[job.id] = outcome
            tell(job, outcome, reason, time.perf_counter() - started)
            if job.order_key is not None and outcome in ("done", "failed"):
                dispatch.once(rt)  # whoever waited behind this one may go
    return ended


def tell(job: Job, outcome: str, reason: str, duration_s: float) -> None:
    """Counts and logs what became of an attempt."""
    metrics.JOBS.labels(job.kind, outcome).inc()
    log.get().info(
        "job_attempted",
        job_id=job.id,
        kind=job.kind,
        attempt=job.attempts,
        outcome=outcome,
        reason=reason,
        duration_s=round(duration_s, 4),
    )


def _take(rt: WorkerRuntime, catalogue: Mapping[JobKind, Work], claim: Claim) -> list[tuple[JobKind, list[Job], Step]]:
    """The jobs under their leases by kind, each kind with its step.

    When that fails for several, each is taken alone; a fault of `begin` with one is its result: the attempt counts.
    """
    claimed: list[Job] = []
    try:
        with rt.db.connection() as conn:
            claimed = claim(conn)
            taken = _by_kind(claimed)
            return [(kind, same, catalogue[kind].begin(rt.settings, conn, same)) for kind, same in taken.items()]
    except Exception as fault:
        if is_outage(fault):
            raise
        told = fault
    leases, ids = _leases(catalogue), [job.id for job in claimed]
    if len(ids) > 1:
        return [one for id_ in ids for one in _take(rt, catalogue, partial(jobs.lease, job_ids=[id_], lease_s=leases))]
    with rt.db.connection() as conn:
        taken = _by_kind(jobs.lease(conn, ids, leases))
    return [(kind, same, lambda rt: [told]) for kind, same in taken.items()]


def _by_kind(taken: Sequence[Job]) -> dict[JobKind, list[Job]]:
    kinds: dict[JobKind, list[Job]] = {}
    for job in taken:
        kinds.setdefault(job.kind, []).append(job)
    return kinds


def _end(rt: WorkerRuntime, work: Work, results: Sequence[tuple[Job, Result]]) -> list[tuple[Job, tuple[str, str]]]:
    """What becomes of each job: those that went well together, each other one by its outcome."""
    well = [(job, result) for job, result in results if not isinstance(result, Exception)]
    ended = _finish_all(rt, work, well) if well else []
    return ended + [(job, _settle(rt, work, job, result)) for job, result in results if isinstance(result, Exception)]


def _finish_all(rt: WorkerRuntime, work: Work, well: Sequence[tuple[Job, Result]]) -> list[tuple[Job, tuple[str, str]]]:
    """In one transaction; when that fails, each in its own, and the fault of one is its outcome."""
    try:
        with rt.db.connection() as conn:
            work.finish(conn, well)
            jobs.done(conn, [job for job, _ in well])
        return [(job, ("done", "")) for job, _ in well]
    except Exception as fault:
        if is_outage(fault):
            raise
        if len(well) == 1:
            return [(well[0][0], _settle(rt, work, well[0][0], fault))]
    return [one for result in well for one in _finish_all(rt, work, [result])]


def _settle(rt: WorkerRuntime, work: Work, job: Job, fault: Exception) -> tuple[str, str]:
    match fault:
        case Deferred():
            return _later(rt, job, fault, (fault.until - datetime.now(UTC)).total_seconds(), counts=False)
        case Unknown():
            return _later(rt, job, fault, SETTLE_S)
        case Transient():
            wait_s = work.wait_s(job.attempts, random.random(), fault.retry_after_s)  # noqa: S311 - jitter, not a secret
            return _never(rt, work, job, fault) if wait_s is None else _later(rt, job, fault, wait_s)
        case Permanent() | Unreadable():
            return _never(rt, work, job, fault)
        case DeadlockDetected() | LockNotAvailable():
            return _later(rt, job, Transient(type(fault).__name__), CONTENDED_S, counts=False)
        case OperationalError():
            raise fault  # PostgreSQL is away: nothing can be recorded, the lease will bring the job back
    if is_outage(fault):
        raise fault  # or takes no writes
    return _broke(rt, work, job, fault)


def _broke(rt: WorkerRuntime, work: Work, job: Job, bug: Exception) -> tuple[str, str]:
    log.get().error("job_broke", job_id=job.id, kind=job.kind, attempt=job.attempts, where=log.where(bug))
    outcome = Permanent(f"bug: {type(bug).__name__}")
    if job.attempts >= BUG_TRIES:
        return _never(rt, work, job, outcome)
    return _later(rt, job, outcome, delay_s(job.attempts, random.random()))  # noqa: S311 - jitter, not a secret


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
