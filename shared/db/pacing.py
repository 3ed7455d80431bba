"""The queues of texts that keep a sender's pace: who waits at which sender, who goes next, and when one's turn will come."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from psycopg import Connection
from psycopg.rows import class_row

# More senders than this with texts waiting at once would be served in rounds.
MOST_QUEUES: Final = 2_000
# What wakes at once after a hold (a whole bulk at eight in the morning) does so in rounds of this.
MOST_WOKEN: Final = 2_000


@dataclass(frozen=True, slots=True)
class Queue:
    """A sender at which texts wait. Its rate and its service's are None where the kind of the sender decides."""

    key: str
    lane: int
    segments_per_s: float | None


def wake(conn: Connection) -> int:
    """Lets what had to wait until now stand in its queue; how many. Any number of releasers may run."""
    return conn.execute(
        """
        update jobs set awake = true where id in (
            select id from jobs where state = 'due' and not awake and next_at <= now()
             order by next_at limit %s for update skip locked)
        """,
        (MOST_WOKEN,),
    ).rowcount


def queues(conn: Connection) -> list[Queue]:
    """The senders that may send and at which somebody waits, those with the highest lanes first.

    A loose index scan: it costs a step for every sender, however long their queues are.
    """
    with conn.cursor(row_factory=class_row(Queue)) as cursor:
        return cursor.execute(
            """
            with recursive waiting as (
                (select pace_key, lane from jobs where state = 'due' and pace_key is not null and awake
                  order by pace_key, lane limit 1)
                union all
                select next.pace_key, next.lane from waiting cross join lateral (
                    select pace_key, lane from jobs
                     where state = 'due' and pace_key is not null and awake and pace_key > waiting.pace_key
                     order by pace_key, lane limit 1) as next)
            select waiting.pace_key as key, waiting.lane::int, senders.segments_per_s::float
              from waiting
              left join senders on senders.sender = waiting.pace_key
              left join senders as service on service.sender = senders.service_sid
             where (senders.paused_until is null or senders.paused_until <= now())
               and (service.paused_until is null or service.paused_until <= now())
               and not exists (select from account_pauses where until > now())
             order by lane, random() limit %s  -- where they are too many, each has its chance in every round
            """,
            (MOST_QUEUES,),
        ).fetchall()


def release(conn: Connection, room: Mapping[str, int], *, limits: Sequence[int]) -> int:
    """Lets the next texts of these senders go: what begins within `room` segments at each, by lane and turn.

    What has been let go there and is in nobody's hands yet counts. `limits`: of each lane, together with those above it, so
    many at the most. Where there is not room for all, every owner's first goes before anybody's second. Returns how many.
    """
    return conn.execute(
        """
        with next as (
            select job.id, job.lane, row_number() over (partition by job.lane, job.owner order by job.turn, job.id) as nth
              from unnest(%(keys)s::text[], %(rooms)s::int[]) as queue (key, room)
             cross join lateral (
                select queue.room - coalesce(sum(cost), 0) as room from jobs
                 where pace_key = queue.key and state = 'due' and pace_key is not null and awake and hint_at < 'infinity'
                   and (lease_until is null or lease_until <= now())) as left_
             cross join lateral (
                select id, lane, owner, turn, sum(cost) over (order by lane, turn, id) - cost as before
                  from (select id, lane, owner, turn, cost from jobs
                         where pace_key = queue.key and state = 'due' and pace_key is not null and awake
                           and hint_at = 'infinity'
                         order by lane, turn, id limit greatest(left_.room, 0)) as first) as job
             where job.before < left_.room),
        placed as (select id, lane, row_number() over (order by lane, nth) as place from next)
        update jobs set hint_at = now()
         where id in (select id from jobs
                       where id in (select id from placed where place <= (%(limits)s::int[])[lane + 1])
                         for update skip locked)
           and state = 'due' and hint_at = 'infinity'
        """,
        {"keys": [*room], "rooms": [*room.values()], "limits": list(limits)},
    ).rowcount


@dataclass(frozen=True, slots=True)
class LetGo:
    """Texts that have been let go and are in nobody's hands: how many of each lane, and how long the oldest has waited."""

    by_lane: tuple[int, int, int]
    waited_s: float

    @property
    def count(self) -> int:
        """Of all lanes."""
        return sum(self.by_lane)


def let_go(conn: Connection) -> LetGo:
    """What waits for a worker."""
    row = conn.execute(
        """
        select count(*) filter (where lane = 0), count(*) filter (where lane = 1), count(*) filter (where lane = 2),
               coalesce(extract(epoch from now() - min(hint_at)), 0)::float
          from jobs
         where state = 'due' and pace_key is not null and awake and hint_at < 'infinity'
           and (lease_until is null or lease_until <= now())
        """
    ).fetchone()
    assert row is not None  # an aggregate always gives a row
    return LetGo((row[0], row[1], row[2]), row[3])


# Segments that wait at sender `at.key` in lane `at.lane` and above. Of a lane with a thousand texts or more the first thousand
# are counted, and the rest is taken to be as dense in turns as they are: exact while its owners have equally many left, and
# too much where some are nearly through, or where texts between them are held.
AHEAD: LiteralString = """
    (select coalesce(sum(case when texts < 1000 then segments else greatest(
                segments, segments * (last - first_turn)::float / greatest(1, last_turn - first_turn)) end), 0)::bigint
       from generate_series(0, at.lane) as above (lane)
      cross join lateral (
        select count(*) as texts, sum(cost) as segments, min(turn) as first_turn, max(turn) as last_turn
          from (select cost, turn from jobs
                 where pace_key = at.key and lane = above.lane and state = 'due' and awake and pace_key is not null
                 order by turn, id limit 1000) as sample) as counted
      cross join lateral (
        select max(turn) as last from jobs
         where pace_key = at.key and lane = above.lane and state = 'due' and awake and pace_key is not null) as queue)
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """A sender as a new text finds it: whose number it is, its rate (None: as its kind), the segments ahead (about)."""

    key: str
    lane: int
    tenant_id: str | None
    segments_per_s: float | None
    ahead: int


def standings(conn: Connection, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Standing]:
    """What new texts find at these (sender, lane). It costs the same however long their queues are."""
    with conn.cursor(row_factory=class_row(Standing)) as cursor:
        rows = cursor.execute(
            f"""
            select at.key, at.lane, numbers.tenant_id, senders.segments_per_s::float, {AHEAD} as ahead
              from jsonb_to_recordset(%s::jsonb) as at (key text, lane int)
              left join numbers on numbers.phone_number = at.key
              left join senders on senders.sender = at.key
            """,
            (json.dumps([{"key": key, "lane": lane} for key, lane in places]),),
        ).fetchall()
    return {(row.key, row.lane): row for row in rows}


def ahead(conn: Connection, key: str, lane: int) -> int:
    """Segments that wait at the sender in this lane and above, all of them counted: some milliseconds for ten thousand."""
    row = conn.execute(
        """
        select coalesce(sum(cost), 0) from jobs
         where pace_key = %s and lane <= %s and state = 'due' and awake
        """,
        (key, lane),
    ).fetchone()
    assert row is not None  # an aggregate always gives a row
    return int(row[0])


def take(conn: Connection, key: str, *, pause: timedelta) -> datetime | None:
    """The bucket of a sender while Redis is away: None, it may send, and not again for `pause`; else when it may.

    One that has not been used lately begins empty: Redis may have let its last text go a moment ago.
    """
    conn.execute("insert into pace (key, next_at) values (%s, '-infinity') on conflict do nothing", (key,))
    row = conn.execute(
        """
        select case when next_at < clock_timestamp() - interval '1 minute' then clock_timestamp() + %(pause)s
                    else next_at end, clock_timestamp()
          from (select next_at from pace where key = %(key)s for update) as bucket
        """,
        {"key": key, "pause": pause},
    ).fetchone()
    assert row is not None  # it has just been inserted, and nobody deletes
    free_at, now = row
    is_free = free_at <= now
    conn.execute("update pace set next_at = %s where key = %s", (now + pause if is_free else free_at, key))
    return None if is_free else free_at
