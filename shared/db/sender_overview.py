"""Senders as an operator sees them: how each may be used, what holds it, and what waits there."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import class_row

from shared.db.senders import SenderKind


@dataclass(frozen=True, slots=True)
class Overview:
    """A sender that has a row, or at which texts wait; without a row `kind` and `updated_at` are None.

    Pauses that are over are None. `service_…`: of the service that it belongs to; `account_…`: of any account, as that stops
    every sender. Texts that sleep are scheduled, held by a rule, or were met by a pause; only the others wait for a turn.
    """

    sender: str
    kind: SenderKind | None
    tenant_id: str | None
    service_sid: str | None
    segments_per_s: float | None
    segments_per_day: int | None
    paused_until: datetime | None
    pause_reason: str | None
    service_paused_until: datetime | None
    account_paused_until: datetime | None
    texts_waiting: int
    segments_waiting: int
    texts_asleep: int
    updated_at: datetime | None


def page(
    conn: Connection,
    *,
    limit: int,
    after: str | None = None,
    sender: str | None = None,
    tenant_id: str | None = None,
    service_sid: str | None = None,
) -> list[Overview]:
    """Senders behind `after`, by name. All waiting texts are counted: a tenth of a second for a hundred thousand."""
    with conn.cursor(row_factory=class_row(Overview)) as cursor:
        return cursor.execute(
            """
            with queue as (
                select pace_key as sender, count(*) filter (where awake) as texts,
                       sum(cost) filter (where awake) as segments, count(*) filter (where not awake) as asleep
                  from jobs
                 where state = 'due' and pace_key is not null and (%(sender)s::text is null or pace_key = %(sender)s)
                 group by pace_key)
            select sender, own.kind, own.tenant_id, own.service_sid, own.segments_per_s::float, own.segments_per_day,
                   case when own.paused_until > now() then own.paused_until end as paused_until,
                   case when own.paused_until > now() then own.pause_reason end as pause_reason,
                   case when service.paused_until > now() then service.paused_until end as service_paused_until,
                   (select max(until) from account_pauses where until > now()) as account_paused_until,
                   coalesce(queue.texts, 0) as texts_waiting, coalesce(queue.segments, 0) as segments_waiting,
                   coalesce(queue.asleep, 0) as texts_asleep, own.updated_at
              from senders as own full join queue using (sender)
              left join (select sender as sid, paused_until from senders) as service on service.sid = own.service_sid
             where (%(sender)s::text is null or sender = %(sender)s) and (%(after)s::text is null or sender > %(after)s)
               and (%(tenant_id)s::text is null or own.tenant_id = %(tenant_id)s)
               and (%(service_sid)s::text is null or own.service_sid = %(service_sid)s)
             order by sender limit %(limit)s
            """,
            {"limit": limit, "after": after, "sender": sender, "tenant_id": tenant_id, "service_sid": service_sid},
        ).fetchall()


def find(conn: Connection, sender: str) -> Overview:
    """One sender; it need not have a row, as it may be used all the same."""
    found = page(conn, limit=1, sender=sender)
    return found[0] if found else _unknown(conn, sender)


def _unknown(conn: Connection, sender: str) -> Overview:
    row = conn.execute("select max(until) from account_pauses where until > now()").fetchone()
    assert row is not None  # an aggregate always gives a row
    return Overview(sender, None, None, None, None, None, None, None, None, row[0], 0, 0, 0, None)
