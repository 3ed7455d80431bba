"""What we tell others: a notification per happening, a delivery per endpoint that wants it, a job per delivery."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from psycopg import Connection
from psycopg.rows import class_row

from shared.db import jobs
from shared.db.endpoints import Adapter
from shared.db.jobs import GroupPromise
from shared.domain.job_kinds import JobKind
from shared.domain.notices import TYPES

_NAMESPACE = uuid5(NAMESPACE_URL, "twilio-server/notifications")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification on its way to one endpoint. `secrets`: it is signed with each, the newest first. `is_foreign`: of
    another tenant than the endpoint's, which has changed since.
    """

    id: int
    attempts: int
    notification_id: UUID
    endpoint_id: str
    url: str
    adapter: Adapter
    secrets: list[str]
    headers: dict[str, str]
    type: str
    subject: str
    tenant_id: str | None
    is_foreign: bool
    data: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is to be told: one of the types of the catalogue, of one subject, in its place within `order_key`."""

    type: str
    subject: str
    tenant_id: str | None
    order_key: str
    data: dict[str, Any]

    @property
    def id(self) -> UUID:
        """The same happening has the same id, whoever notices it and whenever."""
        return uuid5(_NAMESPACE, f"{self.type}:{self.subject}")


def notify(
    conn: Connection, type_: str, *, subject: str, tenant_id: str | None, order_key: str, data: dict[str, Any]
) -> bool:
    """Promises everyone who subscribed to `type_` this notification, once per (type, subject). False: promised before.

    Becomes true with the caller's commit, like the state change that it tells of.
    """
    notice = Notice(type=type_, subject=subject, tenant_id=tenant_id, order_key=order_key, data=data)
    return notice.id in notify_all(conn, [notice])


def notify_all(conn: Connection, notices: Sequence[Notice]) -> set[UUID]:
    """As `notify`, for many at once, in this order; the ids of those that were not promised before."""
    if strange := {notice.type for notice in notices} - TYPES:
        raise ValueError(f"{min(strange)} is not in the catalogue of notifications")
    if not notices:
        return set()
    new: set[UUID] = set()
    promised: list[GroupPromise] = []
    for notification_id, order_key, delivery_id, endpoint_id, adapter in _fan_out(conn, notices):
        new.add(notification_id)
        if delivery_id is not None and endpoint_id is not None and adapter is not None:
            promised.append(promise_of(adapter, delivery_id, endpoint_id, order_key))
    if promised:
        jobs.promise_group(conn, promised)
    return new


def notify_one(conn: Connection, notice: Notice, endpoint_id: str) -> int | None:
    """Promises this endpoint alone the notification, whatever types it has chosen; the delivery. None: it was promised before,
    or there is no such endpoint.
    """
    row = conn.execute(
        """
        with new as (
            insert into notifications (id, type, subject, tenant_id, order_key, data)
            select %(id)s, %(type)s, %(subject)s, %(tenant_id)s, %(order_key)s, %(data)s
              from endpoints where id = %(endpoint_id)s and deleted_at is null
            on conflict (id) do nothing
            returning id),
        made as (
            insert into deliveries (notification_id, endpoint_id) select id, %(endpoint_id)s from new
            returning id, endpoint_id)
        select made.id, e.adapter from made join endpoints as e on e.id = made.endpoint_id
        """,
        {
            "id": notice.id,
            "type": notice.type,
            "subject": notice.subject,
            "tenant_id": notice.tenant_id,
            "order_key": notice.order_key,
            "data": json.dumps(notice.data),
            "endpoint_id": endpoint_id,
        },
    ).fetchone()
    if row is None:
        return None
    jobs.promise_group(conn, [promise_of(row[1], row[0], endpoint_id, notice.order_key)])
    return int(row[0])


def promise_of(adapter: Adapter, delivery_id: int, endpoint_id: str, order_key: str) -> GroupPromise:
    """The job of a delivery: in order within its key at this endpoint, taken by the relay."""
    kind: JobKind = "deliver" if adapter == "standard" else "as-call"
    return GroupPromise(kind, str(delivery_id), f"{endpoint_id}|{order_key}", endpoint_id)


def _fan_out(
    conn: Connection, notices: Sequence[Notice]
) -> list[tuple[UUID, str, int | None, str | None, Adapter | None]]:
    """What is new, and a delivery of it for each endpoint that wants it; without one the delivery is None."""
    return conn.execute(
        """
        with told as (
            select * from jsonb_to_recordset(%(told)s::jsonb) as (
                nth int, id uuid, type text, subject text, tenant_id text, order_key text, data jsonb)),
        new as (
            insert into notifications (id, type, subject, tenant_id, order_key, data)
            select id, type, subject, tenant_id, order_key, data from told order by nth
            on conflict (id) do nothing
            returning id, type, tenant_id, order_key),
        made as (
            insert into deliveries (notification_id, endpoint_id)
            select new.id, e.id
              from new join told using (id)
              join endpoints as e on e.enabled and e.deleted_at is null and (e.types = '{}' or new.type = any(e.types))
                                 and (e.tenant_id is null or e.tenant_id = new.tenant_id)
             order by nth, e.id
            returning id, notification_id, endpoint_id)
        select new.id, new.order_key, made.id, made.endpoint_id, e.adapter
          from new left join made on made.notification_id = new.id left join endpoints as e on e.id = made.endpoint_id
         order by made.id
        """,
        {"told": json.dumps([_document(nth, notice) for nth, notice in enumerate(notices)])},
    ).fetchall()


def _document(nth: int, notice: Notice) -> dict[str, Any]:
    return {
        "nth": nth,
        "id": str(notice.id),
        "type": notice.type,
        "subject": notice.subject,
        "tenant_id": notice.tenant_id,
        "order_key": notice.order_key,
        "data": notice.data,
    }


def deliveries(conn: Connection, delivery_ids: Sequence[int]) -> dict[int, Delivery]:
    """Those of these deliveries that are not finished."""
    with conn.cursor(row_factory=class_row(Delivery)) as cursor:
        rows = cursor.execute(
            """
            select d.id, d.attempts, d.notification_id, d.endpoint_id, e.url, e.adapter, e.headers, n.type, n.subject,
                   n.tenant_id, n.data, n.created_at,
                   e.tenant_id is not null and e.tenant_id is distinct from n.tenant_id as is_foreign,
                   case when e.previous_until > now() then array[e.secret, e.previous_secret] else array[e.secret] end
                       as secrets
              from deliveries d join notifications n on n.id = d.notification_id join endpoints e on e.id = d.endpoint_id
             where d.id = any(%s) and d.outcome is null
            """,
            (list(delivery_ids),),
        ).fetchall()
    return {row.id: row for row in rows}


Outcome = Literal["delivered", "skipped", "failed", "canceled"]


def finish(conn: Connection, delivery_ids: Sequence[int], *, outcome: Outcome) -> int:
    """Records the end of these deliveries; how many had none yet."""
    return conn.execute(
        "update deliveries set outcome = %s, finished_at = now() where id = any(%s) and outcome is null",
        (outcome, list(delivery_ids)),
    ).rowcount


def tell_anew(conn: Connection, subject: str, adapter: Adapter, changed: dict[str, Any]) -> None:
    """What was not told to the endpoints of this kind, because `changed` was not known, is told after all, in its order."""
    conn.execute(
        """
        with known as (
            update notifications set data = data || %(changed)s::jsonb, tenant_id = %(changed)s::jsonb ->> 'tenant_id'
             where subject = %(subject)s and type in ('call.incoming', 'call.missed') returning id),
        owed as (
            update deliveries d set outcome = null, http_status = null, finished_at = null
              from known, endpoints e
             where d.notification_id = known.id and d.outcome = 'skipped' and e.id = d.endpoint_id and e.adapter = %(adapter)s
            returning d.id)
        update jobs set state = 'due', finished_at = null, attempts = 0, next_at = now(), hint_at = now(), awake = true
          from owed where jobs.kind = 'as-call' and jobs.ref = owed.id::text and jobs.state <> 'due'
        """,
        {"subject": subject, "adapter": adapter, "changed": json.dumps(changed)},
    )


def restate_words(conn: Connection, transcription_sids: Sequence[str], changed: dict[str, Any]) -> None:
    """Other words in what was told of these transcriptions; what still waits is told with them."""
    conn.execute(
        """
        update notifications set data = data || %s::jsonb
         where subject = any(%s) and type in ('transcription.completed', 'transcription.failed')
        """,
        (json.dumps(changed), list(transcription_sids)),
    )
