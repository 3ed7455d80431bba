"""Periodic work that beat asks for: forgetting or freeing what is left over."""

from shared import log, metrics
from shared.db import beat_slots, hourly, idempotency, jobs
from workers.context import WorkerRuntime


def forget(rt: WorkerRuntime) -> None:
    """Deletes answers kept for idempotency and claimed slots of beat that nobody can ask for any more."""
    metrics.BEAT_TICKS.labels("forget").inc()
    with rt.db.connection() as conn:
        keys, slots = idempotency.forget_old(conn), beat_slots.forget_old(conn)
        hourly.forget_old(conn)
        orphans = jobs.unblock_orphans(conn)
    log.get().info("housekeeping_done", idempotency_keys=keys, beat_slots=slots, orphaned_jobs=orphans)
