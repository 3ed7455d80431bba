"""Events that could not be processed: kept whole, with the reason, until a person replays them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg import Connection
from psycopg.rows import class_row

_COLUMNS: LiteralString = "event_id, record, reason, tries, at, redriven_at"


@dataclass(frozen=True, slots=True)
class SetAside:
    """One record with the reason of its last failure. `redriven_at` set: it went back and has not failed since."""

    event_id: str
    record: bytes
    reason: str
    tries: int
    at: datetime
    redriven_at: datetime | None


def keep(conn: Connection, *, event_id: str, record: bytes, reason: str, tries: int) -> None:
    """Keeps the record. One that was replayed and has failed again waits for a person again, with the newer reason."""
    conn.execute(
        """
        insert into set_aside (event_id, record, reason, tries) values (%s, %s, %s, %s)
        on conflict (event_id) do update set
            reason = excluded.reason, tries = excluded.tries, at = clock_timestamp(), redriven_at = null
        """,
        (event_id, record, reason, tries),
    )


def count(conn: Connection) -> int:
    """How many wait for a person."""
    row = conn.execute("select count(*) from set_aside where redriven_at is null").fetchone()
    return row[0] if row else 0


def find(conn: Connection, event_id: str) -> SetAside | None:
    """The record with this id, replayed or not."""
    with conn.cursor(row_factory=class_row(SetAside)) as cursor:
        return cursor.execute(f"select {_COLUMNS} from set_aside where event_id = %s", (event_id,)).fetchone()


def page(
    conn: Connection,
    *,
    limit: int,
    reason: str = "",
    is_redriven_too: bool = False,
    after: tuple[datetime, str] | None = None,
    until: datetime | None = None,
) -> list[SetAside]:
    """What waits, the oldest first, after the cursor (at, event_id). `reason`: only where it occurs in theirs."""
    at, event_id = after or (None, None)
    with conn.cursor(row_factory=class_row(SetAside)) as cursor:
        return cursor.execute(
            f"""
            select {_COLUMNS} from set_aside
             where (redriven_at is null or %(redriven)s) and position(%(reason)s in reason) > 0
               and (%(at)s::timestamptz is null or (at, event_id) > (%(at)s, %(id)s))
               and (%(until)s::timestamptz is null or at <= %(until)s)
             order by at, event_id limit %(limit)s
            """,
            {"redriven": is_redriven_too, "reason": reason, "at": at, "id": event_id, "until": until, "limit": limit},
        ).fetchall()


def mark_redriven(conn: Connection, replayed: Sequence[SetAside]) -> int:
    """They are in the inbox again. One that has failed again since it was read has a newer `at` and stays visible."""
    done = conn.execute(
        """
        update set_aside set redriven_at = clock_timestamp()
          from unnest(%(ids)s::text[], %(ats)s::timestamptz[]) as r (event_id, at)
         where set_aside.event_id = r.event_id and set_aside.at = r.at
        """,
        {"ids": [row.event_id for row in replayed], "ats": [row.at for row in replayed]},
    )
    return done.rowcount
