"""What the hours were made of, by tenant: counted from our rows, and which hours have been told."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import class_row

# So long after an hour it is told first: what Twilio says of its last minute has come by then.
FIRST_AFTER: Final = timedelta(minutes=5)
# And once more: carriers' receipts come within minutes, the late ones within a day.
AGAIN_AFTER: Final = FIRST_AFTER + timedelta(days=1)
# Hours that were missed while we were down are made up for, but not for longer: whoever looks at older ones asks the API.
LOOK_BACK: Final = timedelta(days=7)

COUNTS: Final[LiteralString] = """
    with called as (
        select coalesce(tenant_id, '') as tenant,
               count(*) filter (where direction = 'inbound') as calls,
               count(*) filter (where direction = 'inbound' and decision = 'answered') as answered,
               count(*) filter (where direction = 'inbound' and decision = 'missed') as missed,
               count(*) filter (where direction = 'inbound' and decision = 'screened') as screened,
               count(*) filter (where direction = 'inbound' and decision is null) as undecided,
               count(*) filter (where direction = 'inbound' and text_back = 'wanted') as text_backs,
               count(*) filter (where direction <> 'inbound') as calls_placed,
               coalesce(sum(duration_s), 0) as duration_s
          from calls
         where started_at >= %(since)s and started_at < %(until)s
           and parent_call_sid is null and direction in ('inbound', 'outbound-api')
         group by 1),
    texted as (
        select coalesce(tenant_id, '') as tenant,
               count(*) filter (where outcome <> 'received') as texts,
               count(*) filter (where send_state = 'handed') as texts_sent,
               count(*) filter (where outcome = 'delivered') as texts_delivered,
               count(*) filter (where outcome = 'undelivered') as texts_undelivered,
               count(*) filter (where outcome = 'failed') as texts_failed,
               count(*) filter (where outcome = 'canceled') as texts_canceled,
               count(*) filter (where outcome = 'refused') as texts_refused,
               count(*) filter (where outcome = 'open') as texts_open,
               count(*) filter (where outcome = 'received') as texts_received,
               coalesce(sum(segments) filter (where outcome <> 'received'), 0) as segments
          from (select tenant_id, send_state, segments,
                       case when direction = 'inbound' then 'received'
                            when status in ('delivered', 'read') then 'delivered'
                            when status in ('undelivered', 'failed', 'canceled') then status
                            when status is null and send_state in ('refused', 'canceled') then send_state
                            else 'open' end as outcome
                  from messages where created_at >= %(since)s and created_at < %(until)s) as texts
         group by 1),
    recorded as (
        select coalesce(c.tenant_id, '') as tenant, count(*) as recordings
          from recordings r left join calls c on c.call_sid = r.call_sid
         where r.announced_at >= %(since)s and r.announced_at < %(until)s and r.stored_at is not null
         group by 1)
    select nullif(tenant, '') as tenant_id,
           coalesce(calls, 0) as calls, coalesce(answered, 0) as answered, coalesce(missed, 0) as missed,
           coalesce(screened, 0) as screened, coalesce(undecided, 0) as undecided,
           coalesce(text_backs, 0) as text_backs, coalesce(calls_placed, 0) as calls_placed,
           coalesce(duration_s, 0) as duration_s, coalesce(texts, 0) as texts,
           coalesce(texts_sent, 0) as texts_sent, coalesce(texts_delivered, 0) as texts_delivered,
           coalesce(texts_undelivered, 0) as texts_undelivered, coalesce(texts_failed, 0) as texts_failed,
           coalesce(texts_canceled, 0) as texts_canceled, coalesce(texts_refused, 0) as texts_refused,
           coalesce(texts_open, 0) as texts_open, coalesce(texts_received, 0) as texts_received,
           coalesce(segments, 0) as segments, coalesce(recordings, 0) as recordings
      from called full join texted using (tenant) full join recorded using (tenant)
     order by tenant
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """One tenant's hour (None: numbers without an owner). What each is, the catalogue says of `report.hourly`."""

    tenant_id: str | None
    calls: int = 0
    answered: int = 0
    missed: int = 0
    screened: int = 0
    undecided: int = 0
    text_backs: int = 0
    calls_placed: int = 0
    duration_s: int = 0
    texts: int = 0
    texts_sent: int = 0
    texts_delivered: int = 0
    texts_undelivered: int = 0
    texts_failed: int = 0
    texts_canceled: int = 0
    texts_refused: int = 0
    texts_open: int = 0
    texts_received: int = 0
    segments: int = 0
    recordings: int = 0

    @property
    def delivery_rate(self) -> float | None:
        """Of the texts whose end is known, how many arrived; None if no end is known."""
        ended = self.texts_delivered + self.texts_undelivered + self.texts_failed
        return round(self.texts_delivered / ended, 4) if ended else None

    def document(self) -> dict[str, Any]:
        """As it is told."""
        return asdict(self) | {"minutes": round(self.duration_s / 60, 2), "delivery_rate": self.delivery_rate}


def owed(conn: Connection, now: datetime) -> list[tuple[datetime, int]]:
    """(hour, revision) that should have been told by `now` and were not, in their order."""
    return conn.execute(
        """
        select hour, told.revision
          from (values (1, %(first)s * interval '1 second'), (2, %(again)s * interval '1 second')) as told (revision, after)
          cross join lateral generate_series(
                   date_trunc('hour', %(now)s::timestamptz - after, 'UTC') - (1 + %(back)s) * interval '1 hour',
                   date_trunc('hour', %(now)s::timestamptz - after, 'UTC') - interval '1 hour',
                   interval '1 hour') as hours (hour)
         where not exists (select from reported_hours r where r.hour = hours.hour and r.revision = told.revision)
         order by hour, told.revision
        """,
        # In seconds and hours: PostgreSQL's days are of 23 hours at times, where the session's zone has summer.
        {
            "now": now,
            "first": FIRST_AFTER.total_seconds(),
            "again": AGAIN_AFTER.total_seconds(),
            "back": LOOK_BACK // timedelta(hours=1),
        },
    ).fetchall()


def claim(conn: Connection, hour: datetime, revision: int) -> bool:
    """True for the first that asks: it tells this hour in this transaction. Others wait for its commit, and get False."""
    done = conn.execute(
        "insert into reported_hours (hour, revision) values (%s, %s) on conflict do nothing", (hour, revision)
    )
    return done.rowcount == 1


def note_told(conn: Connection, hour: datetime, revision: int, tenants: Sequence[str | None]) -> None:
    """Of whom this hour was told something."""
    conn.execute(
        "update reported_hours set tenants = %s where hour = %s and revision = %s", (list(tenants), hour, revision)
    )


def told_before(conn: Connection, hour: datetime, revision: int) -> list[str | None]:
    """Of whom something was told in the revisions before this one."""
    rows = conn.execute(
        "select distinct unnest(tenants) from reported_hours where hour = %s and revision < %s", (hour, revision)
    ).fetchall()
    return [row[0] for row in rows]


def forget_old(conn: Connection) -> int:
    """What nobody looks back for any more. Returns how many went."""
    return conn.execute("delete from reported_hours where hour < now() - interval '30 days'").rowcount


def counts(conn: Connection, hour: datetime) -> list[Counts]:
    """Of every tenant of which there is something in the hour that begins at `hour`.

    A call belongs to the hour in which it began, a text of ours to that in which it was asked for, a customer's text and a
    recording to that in which we took them down. Dialled legs are part of their call.
    """
    with conn.cursor(row_factory=class_row(Counts)) as cursor:
        return cursor.execute(COUNTS, bounds(hour)).fetchall()


def bounds(hour: datetime) -> dict[str, datetime]:
    """What `COUNTS` asks for."""
    return {"since": hour, "until": hour + timedelta(hours=1)}
