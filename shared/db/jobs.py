"""Promised work: one row per promise, leased by the worker that does it, ordered where order matters.

Of an order only the oldest unfinished job is offered; the others wait with `hint_at` infinity until it is their turn, so
that a backlog behind a subscriber that is down costs nothing to look past.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Literal, LiteralString

from psycopg import Connection
from psycopg.rows import class_row

from shared.domain.job_kinds import JobKind

# Who promises work and rings for it himself leaves the dispatcher this long before it steps in.
FIRST_HINT_S: Final = 5.0
# A hint that was sent but not followed within this time is sent again: longer than a busy queue, shorter than a person's
# patience with a text that hangs.
REHINT_S: Final = 15.0

# Due, not in anybody's hands, and not behind an older unfinished job of its order key.
_READY: Final[LiteralString] = """
        jobs.state = 'due' and jobs.next_at <= now() and (jobs.lease_until is null or jobs.lease_until <= now())
        and (jobs.order_key is null or not exists (
            select 1 from jobs as older
             where older.order_key = jobs.order_key and older.state = 'due' and older.id < jobs.id))
"""


@dataclass(frozen=True, slots=True)
class Job:
    """A leased promise. `fence` grows with every lease: a result is recorded only under the lease it was made in."""

    id: int
    kind: JobKind
    ref: str
    order_key: str | None
    attempts: int
    fence: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Promised:
    """A job that is new. `is_first`: nobody waits at its sender, so it may be hinted at once; else the releaser will."""

    id: int
    is_first: bool


@dataclass(frozen=True, slots=True)
class Hint:
    """What goes on a queue: that this job is worth a look."""

    id: int
    kind: JobKind


def promise(
    conn: Connection,
    kind: JobKind,
    ref: str,
    *,
    order_key: str | None = None,
    delay_s: float = 0.0,
    hint_in_s: float = 0.0,
) -> int | None:
    """Records work to be done; None if it was promised before. Becomes true with the caller's commit.

    `hint_in_s` > 0: the caller sends the first hint itself, the dispatcher steps in after that time only.
    """
    if order_key is not None:
        _lock_order(conn, order_key)
    row = conn.execute(
        """
        insert into jobs (kind, ref, order_key, next_at, hint_at)
        values (%(kind)s, %(ref)s, %(order_key)s, now() + make_interval(secs => %(delay_s)s),
                case when exists (select 1 from jobs where order_key = %(order_key)s and state = 'due')
                     then 'infinity' else now() + make_interval(secs => %(hint_in_s)s) end)
        on conflict (kind, ref) do nothing
        returning id
        """,
        {"kind": kind, "ref": ref, "order_key": order_key, "delay_s": delay_s, "hint_in_s": hint_in_s},
    ).fetchone()
    return row[0] if row else None


def promise_group(conn: Connection, promises: Sequence["GroupPromise"]) -> None:
    """Records work of groups, in this order; what was promised before stays as it is.

    The locks of the orders are taken before an id is drawn, as `promise` takes them.
    """
    for order_key in dict.fromkeys(promise.order_key for promise in promises):
        _lock_order(conn, order_key)
    conn.execute(
        """
        with asked as (
            select * from jsonb_to_recordset(%s::jsonb) as (nth int, kind text, ref text, order_key text, group_key text)),
        placed as (
            select *, row_number() over (partition by order_key order by nth) = 1 and not exists (
                       select from jobs where jobs.order_key = asked.order_key and jobs.state = 'due') as is_first
              from asked)
        insert into jobs (kind, ref, order_key, group_key, hint_at)
        select kind, ref, order_key, group_key, case when is_first then now() else 'infinity' end
          from placed order by nth
        on conflict (kind, ref) do nothing
        """,
        (json.dumps([{"nth": nth, **asdict(promise)} for nth, promise in enumerate(promises)]),),
    )


@dataclass(frozen=True, slots=True)
class GroupPromise:
    """Work of a group: nobody hints at it, whoever serves the group takes it."""

    kind: JobKind
    ref: str
    order_key: str
    group_key: str


def renew(
    conn: Connection,
    kind: JobKind,
    ref: str,
    *,
    order_key: str | None = None,
    group_key: str | None = None,
    hint_in_s: float = 0.0,
) -> int | None:
    """As `promise`, but work that is finished, well or badly, is to be done once more: somebody asked again.

    It keeps its place in its order; what of that is in somebody's hands is waited for. None while it is under way.
    """
    if order_key is not None:
        _lock_order(conn, order_key)
    row = conn.execute(
        """
        insert into jobs (kind, ref, order_key, group_key, hint_at)
        values (%(kind)s, %(ref)s, %(order_key)s, %(group_key)s,
                case when exists (select 1 from jobs where order_key = %(order_key)s and state = 'due')
                     then 'infinity' else now() + make_interval(secs => %(hint_in_s)s) end)
        on conflict (kind, ref) do update set
            state = 'due', finished_at = null, attempts = 0, order_key = coalesce(jobs.order_key, excluded.order_key),
            group_key = coalesce(jobs.group_key, excluded.group_key),
            next_at = greatest(now(), (select max(other.lease_until) from jobs as other
                                        where other.order_key = %(order_key)s and other.state = 'due')),
            hint_at = now() + make_interval(secs => %(hint_in_s)s), awake = true
         where jobs.state <> 'due'
        returning id
        """,
        {"kind": kind, "ref": ref, "order_key": order_key, "group_key": group_key, "hint_in_s": hint_in_s},
    ).fetchone()
    return row[0] if row else None


def claim_hints(conn: Connection, *, limit: int) -> list[Hint]:
    """Up to `limit` jobs that are ready and have no live hint; they are not offered again for `REHINT_S`. Paced ones are
    the releaser's (`shared/db/pacing.py`), a group's the relay's (`shared/db/relay.py`).

    Safe with any number of dispatchers: rows that one has in hand are skipped by the others.
    """
    with conn.cursor(row_factory=class_row(Hint)) as cursor:
        return cursor.execute(
            f"""
            update jobs set hint_at = now() + make_interval(secs => %(rehint_s)s)
             where id in (
                select id from jobs
                 where greatest(next_at, hint_at) <= now() and pace_key is null and group_key is null and {_READY}
                 order by greatest(next_at, hint_at), id limit %(limit)s
                   for update skip locked)
            returning id, kind
            """,
            {"rehint_s": REHINT_S, "limit": limit},
        ).fetchall()


def lease(conn: Connection, job_ids: Sequence[int], lease_s: Mapping[JobKind, float]) -> list[Job]:
    """Takes those of these jobs for the seconds of their kind that are not done, due, in nobody's hands, and at their turn."""
    with conn.cursor(row_factory=class_row(Job)) as cursor:
        return cursor.execute(
            f"""
            update jobs set lease_until = now() + make_interval(secs => (%(lease_s)s::jsonb ->> kind)::float),
                            attempts = attempts + 1, fence = fence + 1
             where id in (select id from jobs where id = any(%(ids)s) order by id for update) and {_READY}
            returning id, kind, ref, order_key, attempts, fence, created_at
            """,
            {"ids": list(job_ids), "lease_s": json.dumps(dict(lease_s))},
        ).fetchall()


def lease_released(
    conn: Connection, lease_s: Mapping[JobKind, float], *, limit: int, lowest_lane: int = 2
) -> list[Job]:
    """Takes the next paced jobs that have been let go: of the highest lane only, so that none waits for a lower one's.

    Two workers never get the same. Lanes below `lowest_lane` are left to others.
    """
    with conn.cursor(row_factory=class_row(Job)) as cursor:
        return cursor.execute(
            """
            update jobs set lease_until = now() + make_interval(secs => (%(lease_s)s::jsonb ->> kind)::float),
                            attempts = attempts + 1, fence = fence + 1
             where id in (
                select id from jobs
                 where state = 'due' and pace_key is not null and awake and hint_at < 'infinity'
                   and next_at <= now() and (lease_until is null or lease_until <= now())
                   and lane = (
                       select lane from jobs
                        where state = 'due' and pace_key is not null and awake and hint_at < 'infinity'
                          and next_at <= now() and (lease_until is null or lease_until <= now()) and lane <= %(lowest)s
                        order by lane limit 1)
                 order by id limit %(limit)s for update skip locked)
            returning id, kind, ref, order_key, attempts, fence, created_at
            """,
            {"limit": limit, "lowest": lowest_lane, "lease_s": json.dumps(dict(lease_s))},
        ).fetchall()


def hold(conn: Connection, job: Job, lease_s: float) -> None:
    """The lease of this job ends in so many seconds from now, instead of those of its kind. Nothing if it was lost."""
    conn.execute(
        """
        update jobs set lease_until = now() + make_interval(secs => %(lease_s)s)
         where id = %(id)s and fence = %(fence)s and state = 'due'
        """,
        {"id": job.id, "fence": job.fence, "lease_s": lease_s},
    )


def done(conn: Connection, finished: Sequence[Job]) -> int:
    """The work is finished; how many still were ours: the lease of the others was lost meanwhile."""
    if any(job.order_key is not None for job in finished):
        return sum(_finish(conn, job, "done", None) for job in finished)
    return conn.execute(
        """
        update jobs set state = 'done', lease_until = null, finished_at = now()
          from unnest(%(ids)s::bigint[], %(fences)s::int[]) as ended (id, fence)
         where jobs.id = ended.id and jobs.fence = ended.fence and jobs.state = 'due'
        """,
        {"ids": [job.id for job in finished], "fences": [job.fence for job in finished]},
    ).rowcount


def done_where_free(conn: Connection, finished: Sequence[Job]) -> list[Job]:
    """As `done`, for those whose orders nobody else has in hand; the others are returned, to be done one by one.

    Only who holds no lock of an order may wait for one: several at once, taken in any order, would deadlock with whoever
    adds to the same orders.
    """
    keys = sorted({job.order_key for job in finished if job.order_key is not None})
    free = {
        key
        for (key,) in conn.execute(
            """
            select key from unnest(%s::text[]) as orders (key)
             where pg_try_advisory_xact_lock(hashtextextended(key, 0))
            """,
            (keys,),
        )
    }
    mine = [job for job in finished if job.order_key is None or job.order_key in free]
    conn.execute(
        """
        update jobs set state = 'done', lease_until = null, finished_at = now()
          from unnest(%(ids)s::bigint[], %(fences)s::int[]) as ended (id, fence)
         where jobs.id = ended.id and jobs.fence = ended.fence and jobs.state = 'due'
        """,
        {"ids": [job.id for job in mine], "fences": [job.fence for job in mine]},
    )
    conn.execute(
        """
        update jobs set hint_at = now()
         where hint_at = 'infinity' and id in (
            select next.id from unnest(%s::text[]) as orders (key) cross join lateral (
                select id from jobs where order_key = orders.key and state = 'due' order by id limit 1) as next)
        """,
        (list(free),),
    )
    return [job for job in finished if job not in mine]


def failed(conn: Connection, job: Job, reason: str) -> bool:
    """The work will never succeed; `reason` is for a person. False if the lease was lost meanwhile."""
    return _finish(conn, job, "failed", reason)


def again(conn: Connection, job: Job, *, delay_s: float, reason: str, counts: bool = True) -> bool:
    """Same work after `delay_s` seconds. `counts` False: the attempt is not held against it."""
    done = conn.execute(
        """
        update jobs set lease_until = null, last_error = %(reason)s,
                        attempts = attempts - %(uncount)s,
                        next_at = now() + make_interval(secs => %(delay_s)s),
                        hint_at = case when pace_key is null then now() else 'infinity' end,
                        awake = pace_key is null or %(delay_s)s <= 0
         where id = %(id)s and fence = %(fence)s and state = 'due'
        """,
        {"id": job.id, "fence": job.fence, "reason": reason, "delay_s": delay_s, "uncount": 0 if counts else 1},
    )
    return done.rowcount == 1


def hurry(conn: Connection, kind: JobKind, ref: str) -> None:
    """Makes waiting work due now: a fact it waits for has arrived. Work in somebody's hands is left to them."""
    conn.execute(
        """
        update jobs set next_at = now(), hint_at = least(hint_at, now()), awake = true
         where kind = %s and ref = %s and state = 'due' and (hint_at < 'infinity' or pace_key is not null)
        """,
        (kind, ref),
    )


def unblock_orphans(conn: Connection) -> int:
    """Lets go what waits behind nothing any more, as after a repair by hand. Returns how many. Finding any is odd."""
    return conn.execute(
        """
        update jobs set hint_at = now()
         where state = 'due' and hint_at = 'infinity' and pace_key is null and not exists (
            select 1 from jobs as older
             where older.order_key = jobs.order_key and older.state = 'due' and older.id < jobs.id)
        """
    ).rowcount


def _finish(conn: Connection, job: Job, state: Literal["done", "failed"], reason: str | None) -> bool:
    if job.order_key is not None:
        _lock_order(conn, job.order_key)
    if job.order_key is not None:
        _end_waiting(conn, job)
    done = conn.execute(
        """
        update jobs set state = %(state)s, lease_until = null, finished_at = now(),
                        last_error = coalesce(%(reason)s, last_error)
         where id = %(id)s and fence = %(fence)s and state = 'due'
        """,
        {"id": job.id, "fence": job.fence, "state": state, "reason": reason},
    )
    if done.rowcount == 1 and job.order_key is not None:
        _unblock_next(conn, job.order_key)
    return done.rowcount == 1


def _end_waiting(conn: Connection, job: Job) -> None:
    """What `renew` has put behind the lease of this job, which ends now, is due."""
    conn.execute(
        """
        update jobs set next_at = now()
          from jobs as ended
         where ended.id = %(id)s and ended.fence = %(fence)s and jobs.order_key = %(order_key)s
           and jobs.state = 'due' and jobs.id <> ended.id and jobs.next_at = ended.lease_until
        """,
        {"id": job.id, "fence": job.fence, "order_key": job.order_key},
    )


def _lock_order(conn: Connection, order_key: str) -> None:
    """One transaction at a time adds to an order or takes from it.

    Ids are drawn before commit: without this, two transactions could commit in the other order than their ids say, and
    one could queue behind a job that the other has just finished, to be woken by nobody.
    """
    conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (order_key,))


def _unblock_next(conn: Connection, order_key: str) -> None:
    conn.execute(
        """
        update jobs set hint_at = now()
         where id = (select id from jobs where order_key = %s and state = 'due' order by id limit 1)
        """,
        (order_key,),
    )


def backlog(conn: Connection) -> list[tuple[str, int, float]]:
    """(kind, how many are due, how long the oldest has been due in seconds)."""
    return conn.execute(
        """
        select kind, count(*), extract(epoch from now() - min(next_at))::float
          from jobs where state = 'due' and next_at <= now() group by kind order by kind
        """
    ).fetchall()


def given_up(conn: Connection) -> list[tuple[str, int]]:
    """(kind, how many failed for good within the last week)."""
    return conn.execute(
        """
        select kind, count(*) from jobs
         where state = 'failed' and finished_at > now() - interval '7 days' group by kind order by kind
        """
    ).fetchall()
