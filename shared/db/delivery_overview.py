"""Deliveries for people who ask what became of them: lists, one with all that is known of it, its attempts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, LiteralString, get_args
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from shared.db.endpoints import Adapter

State = Literal["waiting", "delivered", "failed", "skipped", "canceled"]
STATES: Final = get_args(State)
# A bigint holds no larger id.
LARGEST_ID: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class DeliveryOverview:
    """One notification on its way to one endpoint. `next_at` and `is_behind` (an older one of its order) while it waits."""

    id: int
    notification_id: UUID
    endpoint_id: str
    endpoint_tenant: str | None
    adapter: Adapter
    type: str
    subject: str
    tenant_id: str | None
    order_key: str
    data: dict[str, Any]
    happened_at: datetime
    state: State
    reason: str | None
    http_status: int | None
    attempts: int
    replay_id: int | None
    created_at: datetime
    finished_at: datetime | None
    next_at: datetime | None
    is_behind: bool | None


@dataclass(frozen=True, slots=True)
class AttemptMade:
    """One request to the subscriber, and the first 1,000 characters of what it answered."""

    nth: int
    at: datetime
    duration_ms: int
    http_status: int | None
    error: str | None
    answer: str


_SELECT: Final[LiteralString] = """
    select d.id, d.notification_id, d.endpoint_id, e.tenant_id as endpoint_tenant, e.adapter, n.type, n.subject,
           n.tenant_id, n.order_key, n.data, n.created_at as happened_at, coalesce(d.outcome, 'waiting') as state,
           case when d.outcome is distinct from 'delivered' then d.last_error end as reason, d.http_status, d.attempts,
           d.replay_id, d.created_at, d.finished_at, case when d.outcome is null then j.next_at end as next_at,
           case when d.outcome is null then exists (
               select from jobs older
                where older.order_key = j.order_key and older.state = 'due' and older.id < j.id) end as is_behind
      from deliveries d join notifications n on n.id = d.notification_id join endpoints e on e.id = d.endpoint_id
      left join jobs j on j.ref = d.id::text and j.kind = case e.adapter when 'standard' then 'deliver' else 'as-call' end
                      and j.state = 'due'
"""
_FILTERS: Final = (
    "owner", "endpoint_id", "tenant_id", "type", "subject", "notification_id", "state", "replay_id", "since", "until",
)  # fmt: skip


def find(conn: Connection, delivery_id: int) -> DeliveryOverview | None:
    """One delivery."""
    if not 0 < delivery_id <= LARGEST_ID:
        return None
    with conn.cursor(row_factory=class_row(DeliveryOverview)) as cursor:
        return cursor.execute(f"{_SELECT} where d.id = %s", (delivery_id,)).fetchone()


def page(
    conn: Connection, filters: Mapping[str, Any], *, limit: int, before: int | None = None
) -> list[DeliveryOverview]:
    """Deliveries by these filters (names of `_FILTERS`; None is no filter), the newest first, older than `before`.

    `owner`: the tenant beyond whom the caller sees nothing, neither endpoints nor notifications. `since` and `until` are about
    when it happened that is told.
    """
    with conn.cursor(row_factory=class_row(DeliveryOverview)) as cursor:
        return cursor.execute(
            f"""
            {_SELECT}
             where (%(owner)s::text is null or (e.tenant_id = %(owner)s and n.tenant_id = %(owner)s))
               and (%(endpoint_id)s::text is null or d.endpoint_id = %(endpoint_id)s)
               and (%(tenant_id)s::text is null or n.tenant_id = %(tenant_id)s)
               and (%(type)s::text is null or n.type = %(type)s)
               and (%(subject)s::text is null or n.subject = %(subject)s)
               and (%(notification_id)s::uuid is null or d.notification_id = %(notification_id)s)
               and (%(state)s::text is null or d.outcome = %(state)s or (%(state)s = 'waiting' and d.outcome is null))
               and (%(replay_id)s::bigint is null or d.replay_id = %(replay_id)s)
               and (%(since)s::timestamptz is null or n.created_at >= %(since)s)
               and (%(until)s::timestamptz is null or n.created_at < %(until)s)
               and (%(before)s::bigint is null or d.id < %(before)s)
             order by d.id desc limit %(limit)s
            """,
            {**{name: filters.get(name) for name in _FILTERS}, "limit": limit, "before": before},
        ).fetchall()


def attempts(conn: Connection, delivery_id: int) -> Sequence[AttemptMade]:
    """The requests that were made for it, the first one first."""
    with conn.cursor(row_factory=class_row(AttemptMade)) as cursor:
        return cursor.execute(
            """
            select nth, at, duration_ms, http_status, error, answer
              from delivery_attempts where delivery_id = %s order by nth
            """,
            (delivery_id,),
        ).fetchall()


@dataclass(frozen=True, slots=True)
class AttemptToTell:
    """An attempt, and whom it was to tell."""

    endpoint_id: str
    delivery_id: int
    nth: int
    at: datetime
    duration_ms: int
    http_status: int | None
    error: str | None
    answer: str


@dataclass(frozen=True, slots=True)
class NotificationOverview:
    """Something that happened and is told."""

    id: UUID
    type: str
    subject: str
    tenant_id: str | None
    order_key: str
    data: dict[str, Any]
    happened_at: datetime


def notification(conn: Connection, notification_id: UUID) -> NotificationOverview | None:
    """By its id, which subscribers know as `webhook-id`."""
    with conn.cursor(row_factory=class_row(NotificationOverview)) as cursor:
        return cursor.execute(
            "select id, type, subject, tenant_id, order_key, data, created_at as happened_at from notifications where id = %s",
            (notification_id,),
        ).fetchone()


def attempts_to_tell(conn: Connection, notification_id: UUID, owner: str | None) -> Sequence[AttemptToTell]:
    """Every request that was made for a notification, the first one first; of `owner`'s endpoints only, if there is one."""
    with conn.cursor(row_factory=class_row(AttemptToTell)) as cursor:
        return cursor.execute(
            """
            select d.endpoint_id, d.id as delivery_id, a.nth, a.at, a.duration_ms, a.http_status, a.error, a.answer
              from deliveries d join delivery_attempts a on a.delivery_id = d.id join endpoints e on e.id = d.endpoint_id
             where d.notification_id = %(id)s and (%(owner)s::text is null or e.tenant_id = %(owner)s)
             order by a.at, d.id, a.nth
            """,
            {"id": notification_id, "owner": owner},
        ).fetchall()


def tenant_of_endpoint(conn: Connection, endpoint_id: str) -> tuple[str | None] | None:
    """(the tenant that the endpoint is bound to), also of one that was deleted; None: there never was one."""
    return conn.execute("select tenant_id from endpoints where id = %s", (endpoint_id,)).fetchone()
