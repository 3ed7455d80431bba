"""A second set of our tables that nobody else sees, for doing what events mean without its becoming true.

The caller's transaction is rolled back whatever happens. Inside it `enter` makes a schema of its own with this release's
migrations, and the connection sees nothing else: what a handler writes can reach no real row, no real sequence, and no
lock that a worker might wait for.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString, cast
from uuid import uuid4

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

from shared.db import events, migrate
from shared.db.compared import COMPARED, Subjects
from shared.domain.event import Event

_AT_ONCE: Final = 200  # events in memory at a time: some hundred kilobytes
# In the order in which they were processed; what never was comes last, as it would if it were done now.
_ORDER: Final[LiteralString] = "processed_at nulls last, event_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Which events are asked for: received from `since` up to, not including, `until`, and all that else is given."""

    since: datetime
    until: datetime
    kind: str | None = None
    sid: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """One event of a history, without what was posted."""

    key: str
    kind: str
    sids: list[str]
    received_at: datetime
    processed_at: datetime | None
    outcome: str | None
    is_wanted: bool


_IN_RANGE: Final[LiteralString] = """
    (received_at >= %(since)s and received_at < %(until)s and (%(kind)s::text is null or kind = %(kind)s)
     and (%(sid)s::text is null or sids @> array[%(sid)s]) and (%(key)s::text is null or key = %(key)s))
"""


def hold_still(conn: Connection) -> None:
    """First in a transaction: it sees all tables as they are now, whatever is committed meanwhile."""
    conn.execute("set transaction isolation level repeatable read")


def page(conn: Connection, wanted: Range, *, after: tuple[datetime, str] | None, limit: int) -> list[Member]:
    """Events of the range in the order they were received, after the cursor (received_at, key)."""
    at, key = after or (None, None)
    with conn.cursor(row_factory=class_row(Member)) as cursor:
        return cursor.execute(
            f"""
            select key, kind, sids, received_at, processed_at, outcome, true as is_wanted from events
             where {_IN_RANGE} and (%(at)s::timestamptz is null or (received_at, key) > (%(at)s, %(after)s))
             order by received_at, key limit %(limit)s
            """,
            {**_given(wanted), "at": at, "after": key, "limit": limit},
        ).fetchall()


def relatives(conn: Connection, wanted: Range, sids: Sequence[str]) -> list[Member]:
    """All events, whenever received, that speak of one of these SIDs."""
    with conn.cursor(row_factory=class_row(Member)) as cursor:
        return cursor.execute(
            f"""
            select key, kind, sids, received_at, processed_at, outcome, {_IN_RANGE} as is_wanted
              from events where sids && %(sids)s
            """,
            {**_given(wanted), "sids": list(sids)},
        ).fetchall()


def _given(wanted: Range) -> dict[str, object]:
    return {name: getattr(wanted, name) for name in Range.__slots__}


@contextmanager
def history(conn: Connection, keys: Sequence[str]) -> Iterator[Iterator[tuple[Event, datetime | None]]]:
    """These events as they came, in the order they were processed, each with the time of that; read bit by bit.

    The question is put to the schema that the connection sees on entering, whatever it sees later.
    """
    with conn.cursor(name=f"history_{uuid4().hex}") as cursor:
        cursor.itersize = _AT_ONCE
        cursor.execute(
            f"select {events.WHOLE}, processed_at from events where key = any(%s) order by {_ORDER}", (list(keys),)
        )
        yield ((events.whole(row[:-1]), row[-1]) for row in cursor)


def unfinished(conn: Connection, key: str) -> Event | None:
    """The event, locked to commit, if nothing became of it yet: not processed, or by code without a handler for it."""
    row = conn.execute(
        f"select {events.WHOLE} from events where key = %s and (outcome is null or outcome = 'stored') for update",
        (key,),
    ).fetchone()
    return events.whole(row) if row else None


def message_ids(conn: Connection, keys: Sequence[str], sids: Sequence[str]) -> list[str]:
    """Our ids of the texts that these events are about: by SID, or by the id that our callback URL carries."""
    rows = conn.execute(
        """
        select id::text from messages where message_sid = any(%(sids)s)
        union
        select substring(query from 'message_id=([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})') from events
         where key = any(%(keys)s) and query like '%%message_id=%%'
        """,
        {"sids": list(sids), "keys": list(keys)},
    ).fetchall()
    return [row[0] for row in rows if row[0] is not None]


def settled(conn: Connection, sids: Sequence[str]) -> list[tuple[str, datetime]]:
    """(CallSid, when) of the calls whose waiting time ran out before the rest of their webhooks came."""
    return conn.execute(
        "select ref, finished_at from jobs where kind = 'call.settle' and state = 'done' and ref = any(%s) order by 2, 1",
        (list(sids),),
    ).fetchall()


def is_waiting(conn: Connection, call_sid: str) -> bool:
    """Whether this call was promised to be settled."""
    row = conn.execute("select 1 from jobs where kind = 'call.settle' and ref = %s", (call_sid,)).fetchone()
    return row is not None


def enter(conn: Connection, subjects: Subjects) -> None:
    """From here to its end the transaction sees tables of its own: empty but for numbers and the texts we promised.

    Endpoints stay out: who is subscribed now says nothing of who was then.
    """
    ((real,),) = conn.execute("select current_schema()").fetchall()
    scratch = f"shadow_{uuid4().hex}"
    conn.execute(SQL("create schema {}").format(Identifier(scratch)))
    # Our schema before PostgreSQL's own, so that the function below stands in for the one of that name.
    conn.execute("select set_config('search_path', %s, true)", (f'"{scratch}", pg_catalog',))
    for migration in migrate.read():
        conn.execute(cast("LiteralString", migration.sql))  # part of this program, as for migrate itself
    # A turn or an order taken here must not make a worker wait: nobody else is in here anyway.
    conn.execute("create function pg_advisory_xact_lock(key bigint) returns void language sql as 'select'")
    for compared in COMPARED:
        conn.execute(
            f"alter table {compared.table} add shadow_event text default nullif(current_setting('shadow.event', true), '')"
        )
    _seed(conn, Identifier(real), subjects)


def _seed(conn: Connection, real: Identifier, subjects: Subjects) -> None:
    conn.execute(SQL("insert into numbers select * from {}.numbers").format(real))
    conn.execute(  # a text of a bulk names it
        SQL(
            """
            insert into bulks select * from {0}.bulks where id in (
                select bulk_id from {0}.messages where message_sid = any(%(sids)s) or id = any(%(message_ids)s::uuid[]))
            """
        ).format(real),
        {"sids": list(subjects.sids), "message_ids": list(subjects.message_ids)},
    )
    conn.execute(
        SQL(
            """
            insert into messages select * from {}.messages
             where direction = 'outbound' and (message_sid = any(%(sids)s) or id = any(%(message_ids)s::uuid[]))
            """
        ).format(real),
        {"sids": list(subjects.sids), "message_ids": list(subjects.message_ids)},
    )
    # As our own request left them, before Twilio reported: it answers "queued".
    conn.execute(
        """
        update messages set send_state = 'handed', status = 'queued'
         where message_sid is not null and message_rank(status) > message_rank('queued')
        """
    )


def attribute(conn: Connection, key: str) -> None:
    """Rows that are made from now on are made by this event."""
    conn.execute("select set_config('shadow.event', %s, true)", (key,))
