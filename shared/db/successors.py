"""Texts that take the place of others, which Twilio took and lost: rows of their own, with Twilio's SIDs of their own."""

from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg import Connection

from shared.db import texts
from shared.db.freshness import FRESH_FOR

# A line is as long as its validity has room for tries, the waits between them growing: never near this.
_LONGEST_LINE: Final = 100


def add(conn: Connection, message_id: UUID, *, at: datetime) -> UUID | None:
    """A text like this one, promised to be sent not before `at`, then as the next of its lane: it has had its turn. Its id.

    None if there is one already, if it would not leave in time, or if the text, or its bulk, was called off.
    """
    row = conn.execute(
        """
        with successor as (
            insert into messages (client, tenant_id, direction, from_number, to_number, body, media, send_state, purpose,
                                  lane, messaging_service_sid, expires_at, estimated_send_at, on_unknown, encoding,
                                  planned_segments, bulk_id, retry_of, nth_try)
            select client, tenant_id, direction, from_number, to_number, body, media, 'queued', purpose, lane,
                   messaging_service_sid, coalesce(expires_at, created_at + %(validity)s), %(at)s, on_unknown, encoding,
                   planned_segments, bulk_id, id, nth_try + 1
              from messages as lost
             where id = %(id)s and send_state = 'handed' and coalesce(expires_at, created_at + %(validity)s) > %(at)s
               and not exists (select from message_steps where message_id = lost.id and step = 'canceled')
               and not exists (select from bulks where bulks.id = lost.bulk_id and state = 'canceled')
            on conflict (retry_of) where retry_of is not null do nothing
            returning id, coalesce(nullif(from_number, ''), messaging_service_sid, '') as sender,
                      coalesce(lane, 0) as lane, coalesce(tenant_id, client, '') as owner,
                      coalesce(planned_segments, 1) as segments)
        insert into jobs (kind, ref, pace_key, lane, owner, cost, turn, next_at, awake, hint_at)
        select 'sms.send', id::text, sender, lane, owner, segments, coalesce((
                   select min(turn) from jobs
                    where pace_key = sender and jobs.lane = successor.lane and state = 'due' and awake
                      and pace_key is not null), 0),
               %(at)s, false, 'infinity'
          from successor
        returning ref::uuid
        """,
        {"id": message_id, "at": at, "validity": FRESH_FOR},
    ).fetchone()
    return row[0] if row else None


def call_off(conn: Connection, message_id: UUID) -> list[UUID]:
    """Calls off what is to take the place of this text, at any remove, and has not left yet; which texts those are."""
    rows = conn.execute(
        """
        with recursive line as (
            select id, nth_try, send_state from messages where retry_of = %(id)s
            union all
            select next.id, next.nth_try, next.send_state from line join messages as next on next.retry_of = line.id
             where line.nth_try < %(longest)s)
        select id from line where send_state = 'queued'
        """,
        {"id": message_id, "longest": _LONGEST_LINE},
    ).fetchall()
    return [row[0] for row in rows if texts.cancel(conn, row[0])]
