"""Ticks of periodic work: whoever claims a slot first runs it, so any number of schedulers may be alive."""

from datetime import datetime

from psycopg import Connection


def claim(conn: Connection, task: str, slot: datetime) -> bool:
    """True for the first that asks for `task` at `slot` (aware, rounded by the caller to the task's period)."""
    done = conn.execute("insert into beat_slots (task, slot) values (%s, %s) on conflict do nothing", (task, slot))
    return done.rowcount == 1


def forget_old(conn: Connection) -> int:
    """Slots of last week can no longer be claimed twice by anybody. Returns how many went."""
    return conn.execute("delete from beat_slots where slot < now() - interval '7 days'").rowcount
