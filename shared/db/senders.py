"""Whom texts come from: how fast each sender may send, which group it belongs to, and which one a person is used to."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heapify, heapreplace
from typing import Literal

from psycopg import Connection
from psycopg.rows import class_row

from shared.db.pacing import AHEAD

SenderKind = Literal["long-code", "toll-free", "short-code", "alphanumeric", "service"]


@dataclass(frozen=True, slots=True)
class Sender:
    """How a sender may be used. None: as its kind allows."""

    sender: str
    kind: SenderKind
    tenant_id: str | None = None
    service_sid: str | None = None
    segments_per_s: float | None = None
    segments_per_day: int | None = None
    paused_until: datetime | None = None
    pause_reason: str | None = None


def put(conn: Connection, sender: Sender) -> None:
    """Writes how a sender may be used; the whole of it but its pause, which is its own matter."""
    conn.execute(
        """
        insert into senders (sender, kind, tenant_id, service_sid, segments_per_s, segments_per_day)
        values (%(sender)s, %(kind)s, %(tenant_id)s, %(service_sid)s, %(segments_per_s)s, %(segments_per_day)s)
        on conflict (sender) do update set
            kind = excluded.kind, tenant_id = excluded.tenant_id, service_sid = excluded.service_sid,
            segments_per_s = excluded.segments_per_s, segments_per_day = excluded.segments_per_day, updated_at = now()
        """,
        {name: getattr(sender, name) for name in Sender.__slots__},
    )


def find(conn: Connection, names: Sequence[str]) -> list[Sender]:
    """The rows of these senders, as far as there are any."""
    with conn.cursor(row_factory=class_row(Sender)) as cursor:
        return cursor.execute(
            """
            select sender, kind, tenant_id, service_sid, segments_per_s::float, segments_per_day, paused_until, pause_reason
              from senders where sender = any(%s) order by sender
            """,
            (list(names),),
        ).fetchall()


def every(conn: Connection) -> list[Sender]:
    """All rows."""
    with conn.cursor(row_factory=class_row(Sender)) as cursor:
        return cursor.execute(
            """
            select sender, kind, tenant_id, service_sid, segments_per_s::float, segments_per_day, paused_until, pause_reason
              from senders order by sender
            """
        ).fetchall()


def pause(conn: Connection, name: str, kind: SenderKind, *, seconds: float, reason: str) -> None:
    """Nothing leaves from this sender for so long, or for longer if that was said before.

    While a pause is in force its reason stays: the texts that it has met sleep under that name, and `resume` wakes them by it.
    """
    conn.execute(
        """
        insert into senders (sender, kind, paused_until, pause_reason)
        values (%(name)s, %(kind)s, now() + make_interval(secs => %(seconds)s), %(reason)s)
        on conflict (sender) do update set
            paused_until = greatest(senders.paused_until, excluded.paused_until),
            pause_reason = case when senders.paused_until > now() then senders.pause_reason else excluded.pause_reason end,
            updated_at = now()
        """,
        {"name": name, "kind": kind, "seconds": seconds, "reason": reason},
    )


def pause_anew(conn: Connection, name: str, kind: SenderKind, *, seconds: float, reason: str) -> None:
    """As `pause`, but in place of the one in force, be it longer: a person has said so."""
    resume(conn, name)
    pause(conn, name, kind, seconds=seconds, reason=reason)


def resume(conn: Connection, name: str) -> bool:
    """It may send again, and texts that the pause has put to sleep stand in their queues; a service's at its numbers too.

    False if it was not paused. A text that a worker has in hand at this very moment may still be put to sleep.
    """
    was = conn.execute(
        "select pause_reason from senders where sender = %s and paused_until is not null for update", (name,)
    ).fetchone()
    if was is None:
        return False
    conn.execute(
        "update senders set paused_until = null, pause_reason = null, updated_at = now() where sender = %s", (name,)
    )
    _wake(conn, name, was[0])
    return True


def _wake(conn: Connection, name: str, reason: str) -> None:
    """A text of a number that has a pause of its own, even one that is over, sleeps under the reason of that one.

    What is due by now is the releaser's: whoever has such a job in hand may be waiting for the sender's row.
    """
    conn.execute(
        """
        update jobs set next_at = now(), awake = true where id in (
            select id from jobs
             where state = 'due' and not awake and next_at > now()
               and ((pace_key = %(name)s and last_error = %(reason)s)
                    or (pace_key, last_error) in (
                        select sender, unnest(array[%(reason)s, pause_reason]) from senders where service_sid = %(name)s))
             order by id for update)
        """,
        {"name": name, "reason": reason},
    )


@dataclass(frozen=True, slots=True)
class AccountPause:
    """Why nothing leaves from an account, and until when."""

    account_sid: str
    until: datetime
    reason: str


def pause_account(conn: Connection, account_sid: str, *, seconds: float, reason: str) -> None:
    """Nothing leaves from the whole account for so long."""
    conn.execute(
        """
        insert into account_pauses (account_sid, until, reason)
        values (%(account)s, now() + make_interval(secs => %(seconds)s), %(reason)s)
        on conflict (account_sid) do update set
            until = greatest(account_pauses.until, excluded.until), reason = excluded.reason
        """,
        {"account": account_sid, "seconds": seconds, "reason": reason},
    )


def account_pauses(conn: Connection) -> list[AccountPause]:
    """Those in force."""
    with conn.cursor(row_factory=class_row(AccountPause)) as cursor:
        return cursor.execute(
            "select account_sid, until, reason from account_pauses where until > now() order by account_sid"
        ).fetchall()


def resume_account(conn: Connection, account_sid: str) -> bool:
    """The account is used again, and texts that its pause has put to sleep stand in their queues. False: it was not paused."""
    if conn.execute("delete from account_pauses where account_sid = %s", (account_sid,)).rowcount == 0:
        return False
    conn.execute(
        """
        update jobs set next_at = now(), awake = true where id in (
            select id from jobs
             where state = 'due' and not awake and next_at > now() and last_error = 'account paused'
             order by id for update)
        """
    )
    return True


def choose(conn: Connection, *, tenant_id: str, asked: Sequence[tuple[str, int]]) -> dict[str, str]:
    """The tenant's sender for texts to each of these (person, segments): the one the person knows, else the one at which
    the fewest segments wait, those of this call among them.

    The choice is kept, so that a conversation stays on one number. Empty: the tenant has no sender that may send.
    """
    people = sorted({to for to, _ in asked})
    pool = _pool(conn, tenant_id, people)
    chosen = {to: sender for sender, _, known in pool for to in known or ()}
    heap = [(waiting or 0, sender) for sender, waiting, _ in pool]
    heapify(heap)
    for to, segments in asked:
        if heap and to not in chosen:
            waiting, chosen[to] = heap[0]
            heapreplace(heap, (waiting + segments, chosen[to]))
    if chosen:
        _keep(conn, tenant_id, chosen)
    return chosen


def _pool(conn: Connection, tenant_id: str, people: Sequence[str]) -> list[tuple[str, int | None, list[str] | None]]:
    """(sender that may send, segments that wait there, those of `people` who know it). Who waits is looked at only where
    somebody is new."""
    return conn.execute(
        f"""
        with pool as (
            select phone_number as sender from numbers where tenant_id = %(tenant)s
            union select sender from senders where tenant_id = %(tenant)s and kind <> 'service'),
        usable as (
            select pool.sender from pool left join senders on senders.sender = pool.sender
             where senders.paused_until is null or senders.paused_until <= now()),
        known as materialized (
            select sender, jsonb_agg(to_number) as people, count(*) as count
              from sticky_senders join usable using (sender)
             where tenant_id = %(tenant)s and to_number = any(array(select jsonb_array_elements_text(%(people)s::jsonb)))
             group by sender)
        select at.key, case when (select coalesce(sum(count), 0) from known) < %(count)s then {AHEAD} end, known.people
          from (select sender as key, 2 as lane from usable) as at left join known on known.sender = at.key
         order by at.key
        """,
        {"tenant": tenant_id, "people": json.dumps(people), "count": len(people)},
    ).fetchall()


def _keep(conn: Connection, tenant_id: str, chosen: Mapping[str, str]) -> None:
    """In the order of the people, so that nobody who does the same waits for us in a circle."""
    conn.execute(
        """
        insert into sticky_senders (tenant_id, to_number, sender)
        select %s, key, value from jsonb_each_text(%s::jsonb) order by key
        on conflict (tenant_id, to_number) do update set sender = excluded.sender, used_at = now()
        """,
        (tenant_id, json.dumps(dict(chosen))),
    )


def sent_since(conn: Connection, name: str, since: datetime) -> int:
    """Segments that this sender, or all of this service, has begun to send since then."""
    row = conn.execute(
        """
        select coalesce(sum(coalesce(planned_segments, 1)), 0) from messages
         where direction = 'outbound' and sending_since >= %(since)s
           and (from_number = any(array(select %(name)s union select sender from senders where service_sid = %(name)s))
                or (%(name)s like 'MG%%' and messaging_service_sid = %(name)s))
           and created_at > %(since)s - interval '36 days'  -- a text is for 35 days ahead at the most
        """,
        {"name": name, "since": since},
    ).fetchone()
    assert row is not None  # an aggregate always gives a row
    return int(row[0])
