"""Periodic work that beat asks for: forgetting or freeing what is left over."""

from typing import Final

from shared import log, metrics
from shared.db import beat_slots, delivery_attempts, endpoint_removal, hourly, idempotency, jobs
from workers.context import WorkerRuntime

# Of one round, hourly: at most a thousand attempts a second go, more than come.
_STEPS_A_ROUND: Final = 3_600_000 // delivery_attempts.STEP


def forget(rt: WorkerRuntime) -> None:
    """Deletes answers kept for idempotency, claimed slots of beat and old attempts at deliveries that nobody can ask for any
    more, and ends what waits for endpoints that are deleted.
    """
    metrics.BEAT_TICKS.labels("forget").inc()
    with rt.db.connection() as conn:
        keys, slots = idempotency.forget_old(conn), beat_slots.forget_old(conn)
        hourly.forget_old(conn)
        orphans, canceled = jobs.unblock_orphans(conn), endpoint_removal.cancel_left(conn)
    log.get().info(
        "housekeeping_done", idempotency_keys=keys, beat_slots=slots, orphaned_jobs=orphans, deliveries_canceled=canceled,
        delivery_attempts=_forget_attempts(rt),
    )  # fmt: skip


def _forget_attempts(rt: WorkerRuntime) -> int:
    """Step by step, each in a transaction of its own; how many went."""
    gone = 0
    for _ in range(_STEPS_A_ROUND):
        with rt.db.connection() as conn:
            step = delivery_attempts.forget_some(conn)
        gone += step
        if step < delivery_attempts.STEP:
            break
    return gone
