"""The scheduler of beat: any number of beats may run, the first to claim a slot in PostgreSQL runs it.

A slot is claimed before it is sent. A beat that dies in between, or finds no Redis, loses this one slot and never sends
one twice; the next comes a period later, from any beat. Nothing that must happen depends on a slot.
"""

import time
from datetime import UTC, datetime
from typing import Any, Final

from celery.beat import ScheduleEntry, Scheduler
from psycopg import Error as DatabaseError

from shared import log
from shared.db import beat_slots
from shared.runtime import open_db

_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)


class ClaimScheduler(Scheduler):
    """Celery's scheduler in memory, asking for the slot before it sends. A missed slot is not made up for."""

    def setup_schedule(self) -> None:
        """Opens the database and reads the schedule from the app's configuration."""
        super().setup_schedule()
        self._db = open_db(self.app.settings, size=1)  # type: ignore[attr-defined]
        self.merge_inplace(self.app.conf.beat_schedule)
        for entry in self.schedule.values():
            # Celery would wait a whole period first, so that a beat restarted every half hour never got to the hourly
            # task. The claim knows whether the running slot was sent.
            entry.last_run_at = _LONG_AGO

    def apply_async(self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **kwargs: Any) -> Any:
        """Sends the task if this slot is ours; None if another beat has it, or PostgreSQL is away."""
        if not self._is_ours(entry):
            return None
        return super().apply_async(entry, producer=producer, advance=advance, **kwargs)

    def close(self) -> None:
        """Gives the connection back."""
        super().close()
        self._db.close()

    def _is_ours(self, entry: ScheduleEntry) -> bool:
        period_s = entry.schedule.run_every.total_seconds()  # type: ignore[union-attr]
        slot = datetime.fromtimestamp(time.time() // period_s * period_s, UTC)
        try:
            with self._db.connection() as conn:
                return beat_slots.claim(conn, str(entry.name), slot)
        except DatabaseError as fault:
            # Every periodic task needs PostgreSQL: without it there is nothing to run, and the next slot comes soon.
            log.get().warning("beat_slot_unclaimed", name=entry.name, error_type=type(fault).__name__)
            return False
