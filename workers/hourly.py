"""Telling what each hour was made of: minutes after it, and a day later with what was told late."""

from datetime import UTC, datetime, timedelta
from typing import Final

from psycopg import Connection

from shared import log, metrics
from shared.db import hourly, notifications
from shared.db.hourly import Counts
from shared.db.notifications import Notice
from workers.context import WorkerRuntime

_HOUR: Final = timedelta(hours=1)


def report(rt: WorkerRuntime, now: datetime | None = None) -> int:
    """Tells every hour that is owed by `now`; how many reports that were. Any number may do so at once.

    Each hour is one transaction: who dies leaves the rest to the next tick.
    """
    metrics.BEAT_TICKS.labels("report_hours").inc()
    with rt.db.connection() as conn:
        owed = hourly.owed(conn, now or datetime.now(UTC))
    told = 0
    for hour, revision in owed:
        with rt.db.connection() as conn:
            told += _tell(conn, hour, revision)
    if told:
        log.get().info("hours_reported", hours=len(owed), reports=told)
    return told


def _tell(conn: Connection, hour: datetime, revision: int) -> int:
    """A tenant of whom something was told before is told of again, though nothing may be left: its calls may be another's."""
    if not hourly.claim(conn, hour, revision):
        return 0
    found = hourly.counts(conn, hour)
    known = {each.tenant_id for each in found}
    found += [Counts(tenant_id=tenant) for tenant in hourly.told_before(conn, hour, revision) if tenant not in known]
    notifications.notify_all(conn, [_notice(hour, revision, each) for each in found])
    hourly.note_told(conn, hour, revision, [each.tenant_id for each in found])
    return len(found)


def _notice(hour: datetime, revision: int, counts: Counts) -> Notice:
    """In order for each tenant: revisions of one hour must not overtake each other."""
    since = hour.astimezone(UTC)
    return Notice(
        type="report.hourly",
        subject=f"{since:%Y-%m-%dT%H}:{revision}:{counts.tenant_id or ''}",
        tenant_id=counts.tenant_id,
        order_key=f"report|{counts.tenant_id or ''}",
        data={
            "hour": since.isoformat(),
            "until": (since + _HOUR).isoformat(),
            "revision": revision,
            **counts.document(),
        },
    )
