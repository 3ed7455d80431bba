"""Work of the subscribers: which of them may be told something now, and what came of it.

An endpoint's state is locked while work of it is taken or its answers are recorded, for milliseconds and never while it is
told: any number of relays keep its rate, its concurrency and its circuit together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from psycopg import Connection
from psycopg.rows import class_row, dict_row

from shared.db.endpoints import Adapter
from shared.db.jobs import Job
from shared.domain.circuit import Health

_HEALTH: Final[LiteralString] = """
    circuit, failures, opens, opened_at, probe_at, failing_since, last_success_at, paused_until
"""
# Work that waits for nobody: not for its time, not behind an older one, and in nobody's hands.
_READY: Final[LiteralString] = """
    state = 'due' and group_key is not null and hint_at < 'infinity' and next_at <= now()
    and (lease_until is null or lease_until <= now())
"""


@dataclass(frozen=True, slots=True)
class Line:
    """An endpoint with work: what it may take, what it has in hand, and how it answers."""

    endpoint_id: str
    adapter: Adapter
    concurrency: int
    rate_per_s: float | None
    free_at: datetime
    in_hand: int
    now: datetime
    health: Health


def lines(conn: Connection, *, limit: int) -> list[Line]:
    """Endpoints that may be told something and have something to be told; locked. Those others have locked are left out.

    Whoever was served longest ago comes first.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            f"""
            select e.id, e.adapter, e.concurrency, e.rate_per_s::float, s.free_at, now() as now, {_HEALTH},
                   (select count(*) from jobs
                     where group_key = e.id and state = 'due' and lease_until > now()) as in_hand
              from endpoint_states s join endpoints e on e.id = s.endpoint_id
             where e.enabled and e.deleted_at is null
               and (s.probe_at is null or s.probe_at <= now()) and (s.paused_until is null or s.paused_until <= now())
               and s.free_at <= now()
               and exists (select from jobs where group_key = e.id and {_READY})
             order by s.taken_at limit %s
               for update of s skip locked
            """,
            (limit,),
        ).fetchall()
    return [
        Line(
            endpoint_id=row.pop("id"),
            adapter=row.pop("adapter"),
            concurrency=row.pop("concurrency"),
            rate_per_s=row.pop("rate_per_s"),
            free_at=row.pop("free_at"),
            in_hand=row.pop("in_hand"),
            now=row.pop("now"),
            health=Health(**row),
        )
        for row in rows
    ]


def take(conn: Connection, endpoint_id: str, *, limit: int, lease_s: float) -> list[Job]:
    """The next `limit` jobs of this endpoint, the longest due first, each alone of its order, for `lease_s` seconds."""
    with conn.cursor(row_factory=class_row(Job)) as cursor:
        return cursor.execute(
            f"""
            update jobs set lease_until = now() + make_interval(secs => %(lease_s)s), attempts = attempts + 1, fence = fence + 1
             where id in (
                select id from jobs
                 where group_key = %(endpoint_id)s and {_READY}
                   and (order_key is null or not exists (
                       select from jobs as older
                        where older.order_key = jobs.order_key and older.state = 'due' and older.id < jobs.id))
                 order by next_at, id limit %(limit)s for update skip locked)
            returning id, kind, ref, order_key, attempts, fence, created_at
            """,
            {"endpoint_id": endpoint_id, "limit": limit, "lease_s": lease_s},
        ).fetchall()


def taken(conn: Connection, endpoint_id: str, *, free_at: datetime, health: Health) -> None:
    """Work of a line has been taken: when the next may begin, and whether this is the probe."""
    save(conn, endpoint_id, health)
    conn.execute(
        "update endpoint_states set free_at = %s, taken_at = clock_timestamp() where endpoint_id = %s",
        (free_at, endpoint_id),
    )


def lock(conn: Connection, endpoint_ids: Sequence[str]) -> dict[str, Health]:
    """How these endpoints answer, locked in the order of their ids."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            f"select endpoint_id, {_HEALTH} from endpoint_states where endpoint_id = any(%s) order by endpoint_id for update",
            (list(endpoint_ids),),
        ).fetchall()
    return {row.pop("endpoint_id"): Health(**row) for row in rows}


def save(conn: Connection, endpoint_id: str, health: Health) -> None:
    """Writes how an endpoint answers; its row is locked."""
    conn.execute(
        """
        update endpoint_states set circuit = %(circuit)s, failures = %(failures)s, opens = %(opens)s,
            opened_at = %(opened_at)s, probe_at = %(probe_at)s, failing_since = %(failing_since)s,
            last_success_at = %(last_success_at)s, paused_until = %(paused_until)s
         where endpoint_id = %(endpoint_id)s
        """,
        {"endpoint_id": endpoint_id, **{name: getattr(health, name) for name in Health.__slots__}},
    )


def catch_up(conn: Connection, endpoint_id: str) -> int:
    """It answers again: what has failed there is due at once. How many orders that lets go."""
    return conn.execute(
        """
        update jobs set next_at = now()
         where group_key = %s and state = 'due' and group_key is not null and hint_at < 'infinity' and next_at > now()
           and attempts > 0 and (lease_until is null or lease_until <= now())
        """,
        (endpoint_id,),
    ).rowcount


def is_waiting(conn: Connection) -> bool:
    """Whether any endpoint may be told something now."""
    row = conn.execute(
        f"""
        select exists (
            select from endpoint_states s join endpoints e on e.id = s.endpoint_id
             where e.enabled and e.deleted_at is null
               and (s.probe_at is null or s.probe_at <= now()) and (s.paused_until is null or s.paused_until <= now())
               and s.free_at <= now()
               and exists (select from jobs where group_key = e.id and {_READY}))
        """
    ).fetchone()
    return bool(row and row[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request to a subscriber: how long it took, what came back (the first 1,000 characters), or why nothing did."""

    delivery_id: int
    nth: int
    at: datetime
    duration_ms: int
    http_status: int | None
    error: str | None
    answer: str = ""


def record(conn: Connection, attempts: Sequence[Attempt]) -> None:
    """Keeps these attempts. One that was recorded before (its job came back by its lease) stays as it was."""
    with conn.cursor() as cursor:
        cursor.executemany(
            """
            with kept as (
                insert into delivery_attempts (delivery_id, endpoint_id, nth, at, duration_ms, http_status, error, answer)
                select id, endpoint_id, %(nth)s, %(at)s, %(duration_ms)s, %(http_status)s, %(error)s, %(answer)s
                  from deliveries where id = %(delivery_id)s
                on conflict do nothing)
            update deliveries set attempts = greatest(attempts, %(nth)s), last_error = %(error)s, http_status = %(http_status)s
             where id = %(delivery_id)s and outcome is null
            """,
            # In the order of their deliveries, as whoever cancels those locks them.
            [
                {name: getattr(attempt, name) for name in Attempt.__slots__}
                for attempt in sorted(attempts, key=lambda one: one.delivery_id)
            ],
        )
