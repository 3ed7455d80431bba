"""Replays: the notifications of a range of time, told to one endpoint once more, at a rate."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from shared.db import jobs, notifications
from shared.db.delivery_overview import LARGEST_ID
from shared.db.endpoints import Adapter
from shared.db.jobs import Job

State = Literal["running", "done", "canceled"]
CanceledWhy = Literal["asked", "endpoint_deleted", "internal_error"]
# Before every id: the cursor that has seen nothing of its moment.
_NO_ID: Final = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which notifications (`types` empty: all), those that the endpoint has had, could not be told or never was told.

    `since` is included, `until` is not.
    """

    endpoint_id: str
    since: datetime
    until: datetime
    types: list[str]
    tenant_id: str | None
    subject: str | None
    outcomes: list[str]
    rate_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay(Wanted):
    """One that was asked for. `made`: so many deliveries; the cursor: the last notification that was looked at.

    `free_at`: when the next delivery may be made.
    """

    id: int
    state: State
    cursor_at: datetime | None
    cursor_id: UUID | None
    made: int
    free_at: datetime
    canceled_why: CanceledWhy | None
    asked_by: str
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A notification in the range, in its place, and whether the replay is about it."""

    id: UUID
    created_at: datetime
    order_key: str
    is_wanted: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the deliveries of a replay."""

    waiting: int = 0
    delivered: int = 0
    failed: int = 0
    skipped: int = 0
    canceled: int = 0


_COLUMNS: Final[LiteralString] = """
    id, endpoint_id, since, until, types, tenant_id, subject, outcomes, rate_per_s::float, state, cursor_at, cursor_id, made,
    free_at, canceled_why, asked_by, created_at, finished_at
"""
# The page is cut before anything is left out of it, so that a filter that matches little costs no more than one that
# matches all. The endpoint's own filters are those it has now.
CANDIDATES: Final[LiteralString] = """
    with page as (
        select id, created_at, order_key, type, tenant_id, subject from notifications
         where (created_at, id) > (%(cursor_at)s, %(cursor_id)s) and created_at < %(until)s
         order by created_at, id limit %(limit)s)
    select n.id, n.created_at, n.order_key, coalesce(
               n.type <> 'endpoint.test' and (e.types = '{}' or n.type = any(e.types))
               and (e.tenant_id is null or n.tenant_id = e.tenant_id)
               and (%(types)s::text[] = '{}' or n.type = any(%(types)s))
               and (%(tenant_id)s::text is null or n.tenant_id = %(tenant_id)s)
               and (%(subject)s::text is null or n.subject = %(subject)s)
               and case when newest.id is null then 'missing' else newest.outcome end = any(%(outcomes)s), false) as is_wanted
      from page n join endpoints e on e.id = %(endpoint_id)s
      left join lateral (
          select id, outcome from deliveries d
           where d.notification_id = n.id and d.endpoint_id = e.id and d.outcome is distinct from 'canceled'
           order by d.id desc limit 1) newest on true
     order by n.created_at, n.id
"""


def insert(conn: Connection, wanted: Wanted, *, asked_by: str) -> Replay:
    """A replay that has begun; its work is promised by the caller."""
    with conn.cursor(row_factory=class_row(Replay)) as cursor:
        made = cursor.execute(
            f"""
            insert into replays (endpoint_id, since, until, types, tenant_id, subject, outcomes, rate_per_s, asked_by)
            values (%(endpoint_id)s, %(since)s, %(until)s, %(types)s, %(tenant_id)s, %(subject)s, %(outcomes)s,
                    %(rate_per_s)s, %(asked_by)s)
            returning {_COLUMNS}
            """,
            {**asdict(wanted), "asked_by": asked_by},
        ).fetchone()
    assert made is not None
    return made


def find(conn: Connection, replay_id: int) -> Replay | None:
    """One replay."""
    if not 0 < replay_id <= LARGEST_ID:
        return None
    with conn.cursor(row_factory=class_row(Replay)) as cursor:
        return cursor.execute(f"select {_COLUMNS} from replays where id = %s", (replay_id,)).fetchone()


def locked(conn: Connection, replay_id: int) -> Replay | None:
    """As `find`; nobody else changes it until the end of the transaction."""
    with conn.cursor(row_factory=class_row(Replay)) as cursor:
        return cursor.execute(f"select {_COLUMNS} from replays where id = %s for update", (replay_id,)).fetchone()


def page(conn: Connection, endpoint_id: str | None, *, limit: int, before: int | None = None) -> list[Replay]:
    """The newest of an endpoint, or of all, older than `before`."""
    with conn.cursor(row_factory=class_row(Replay)) as cursor:
        return cursor.execute(
            f"""
            select {_COLUMNS} from replays
             where (%(endpoint_id)s::text is null or endpoint_id = %(endpoint_id)s)
               and (%(before)s::bigint is null or id < %(before)s)
             order by id desc limit %(limit)s
            """,
            {"endpoint_id": endpoint_id, "before": before, "limit": limit},
        ).fetchall()


def candidates(
    conn: Connection, wanted: Wanted, *, after: tuple[datetime, UUID] | None, until: datetime, limit: int
) -> list[Candidate]:
    """The next notifications of the range behind `after`, in order of (created_at, id), wanted or not."""
    values = candidate_values(wanted, after=after, until=until, limit=limit)
    with conn.cursor(row_factory=class_row(Candidate)) as cursor:
        return cursor.execute(CANDIDATES, values).fetchall()


def count(conn: Connection, wanted: Wanted, *, after: tuple[datetime, UUID] | None, limit: int) -> tuple[int, int]:
    """(how many are wanted, how many were looked at) of the next `limit` notifications of the range behind `after`."""
    row = conn.execute(
        f"select count(*) filter (where is_wanted), count(*) from ({CANDIDATES}) as candidates",
        candidate_values(wanted, after=after, until=wanted.until, limit=limit),
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def candidate_values(
    wanted: Wanted, *, after: tuple[datetime, UUID] | None, until: datetime, limit: int
) -> dict[str, Any]:
    """The values of `CANDIDATES`."""
    cursor_at, cursor_id = after or (wanted.since, _NO_ID)
    return {
        "cursor_at": cursor_at, "cursor_id": cursor_id, "until": until, "limit": limit, "types": wanted.types,
        "tenant_id": wanted.tenant_id, "subject": wanted.subject, "outcomes": wanted.outcomes,
        "endpoint_id": wanted.endpoint_id,
    }  # fmt: skip


def make(conn: Connection, replay: Replay, chosen: Sequence[Candidate], *, adapter: Adapter, free_at: datetime) -> int:
    """Deliveries for these notifications, with their jobs, in this order, behind what waits in their orders; how many.

    One that the replay has a delivery for already gets no second. The caller moves the cursor in the same transaction.
    """
    keys = {one.id: one.order_key for one in chosen}
    rows = conn.execute(
        """
        insert into deliveries (notification_id, endpoint_id, replay_id)
        select id, %(endpoint_id)s, %(replay_id)s from unnest(%(ids)s::uuid[]) with ordinality as chosen (id, nth)
         order by nth
        on conflict do nothing
        returning id, notification_id
        """,
        {"endpoint_id": replay.endpoint_id, "replay_id": replay.id, "ids": [one.id for one in chosen]},
    ).fetchall()
    if rows:
        jobs.promise_group(
            conn,
            [notifications.promise_of(adapter, id_, replay.endpoint_id, keys[told]) for id_, told in sorted(rows)],
        )
    conn.execute(
        "update replays set made = made + %s, free_at = %s where id = %s", (len(rows), free_at, replay.id)
    )  # fmt: skip
    return len(rows)


def move(conn: Connection, replay_id: int, last: Candidate) -> None:
    """Everything up to this notification has been looked at."""
    conn.execute(
        "update replays set cursor_at = %s, cursor_id = %s where id = %s", (last.created_at, last.id, replay_id)
    )  # fmt: skip


def done(conn: Connection, replay_id: int) -> None:
    """All of the range has been looked at; what was made of it may still wait."""
    conn.execute("update replays set state = 'done', finished_at = now() where id = %s", (replay_id,))


def cancel(conn: Connection, replay_id: int, why: CanceledWhy) -> bool:
    """No more is made of it. False if it was canceled before. `end_waiting` ends what was made and has not gone."""
    return (
        conn.execute(
            """
            update replays set state = 'canceled', canceled_why = %s, finished_at = coalesce(finished_at, now())
             where id = %s and state <> 'canceled'
            """,
            (why, replay_id),
        ).rowcount
        == 1
    )


def end_waiting(conn: Connection, replay_id: int, *, limit: int) -> int:
    """Ends up to `limit` waiting deliveries of a replay as canceled; how many. What is in somebody's hands is left to him."""
    with conn.cursor(row_factory=class_row(Job)) as cursor:
        waiting = cursor.execute(
            """
            select j.id, j.kind, j.ref, j.order_key, j.attempts, j.fence, j.created_at
              from deliveries d join jobs j on j.kind in ('deliver', 'as-call') and j.ref = d.id::text
             where d.replay_id = %s and d.outcome is null and j.state = 'due'
               and (j.lease_until is null or j.lease_until <= now())
             order by d.id limit %s for update of j skip locked
            """,
            (replay_id, limit),
        ).fetchall()
    left = jobs.done_where_free(conn, waiting)
    return notifications.finish(conn, [int(job.ref) for job in waiting if job not in left], outcome="canceled")


def tally(conn: Connection, replay_id: int) -> Tally:
    """What became of its deliveries so far."""
    rows = conn.execute(
        "select coalesce(outcome, 'waiting'), count(*) from deliveries where replay_id = %s group by 1", (replay_id,)
    ).fetchall()
    return Tally(**dict(rows))


def waiting_at(conn: Connection, endpoint_id: str, *, most: int) -> int:
    """How many deliveries wait for this endpoint, of whatever origin; counted up to `most`."""
    row = conn.execute(
        """
        select count(*) from (
            select from deliveries where endpoint_id = %s and outcome is null limit %s) as waiting
        """,
        (endpoint_id, most),
    ).fetchone()
    return row[0] if row else 0


def running(conn: Connection) -> int:
    """How many replays have more to make."""
    row = conn.execute("select count(*) from replays where state = 'running'").fetchone()
    return row[0] if row else 0
