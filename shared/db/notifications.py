"""What we tell others: a notification per happening, a delivery per endpoint that wants it, a job per delivery."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.db import jobs
from shared.db.endpoints import Adapter
from shared.domain.job_kinds import JobKind
from shared.domain.notices import TYPES

_NAMESPACE = uuid5(NAMESPACE_URL, "twilio-server/notifications")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification on its way to one endpoint."""

    id: int
    notification_id: UUID
    endpoint_id: str
    url: str
    adapter: Adapter
    secret: str
    enabled: bool
    type: str
    subject: str
    tenant_id: str | None
    data: dict[str, Any]
    created_at: datetime


def notify(
    conn: Connection, type_: str, *, subject: str, tenant_id: str | None, order_key: str, data: dict[str, Any]
) -> bool:
    """Promises everyone who subscribed to `type_` this notification, once per (type, subject). False: promised before.

    Becomes true with the caller's commit, like the state change that it tells of.
    """
    if type_ not in TYPES:
        raise ValueError(f"{type_} is not in the catalogue of notifications")
    notification_id = uuid5(_NAMESPACE, f"{type_}:{subject}")
    new = conn.execute(
        """
        insert into notifications (id, type, subject, tenant_id, order_key, data) values (%s, %s, %s, %s, %s, %s)
        on conflict (id) do nothing
        """,
        (notification_id, type_, subject, tenant_id, order_key, Jsonb(data)),
    )
    if new.rowcount == 0:
        return False
    for delivery_id, endpoint_id, adapter in _fan_out(conn, notification_id, type_, tenant_id):
        kind: JobKind = "deliver" if adapter == "standard" else "as-call"
        jobs.promise(conn, kind, str(delivery_id), order_key=f"{endpoint_id}|{order_key}")
    return True


def _fan_out(
    conn: Connection, notification_id: UUID, type_: str, tenant_id: str | None
) -> list[tuple[int, str, Adapter]]:
    return conn.execute(
        """
        with made as (
            insert into deliveries (notification_id, endpoint_id)
            select %(notification)s, id from endpoints
             where enabled and (types = '{}' or %(type)s = any(types)) and (tenant_id is null or tenant_id = %(tenant)s)
             order by id
            returning id, endpoint_id)
        select made.id, made.endpoint_id, endpoints.adapter
          from made join endpoints on endpoints.id = made.endpoint_id order by made.id
        """,
        {"notification": notification_id, "type": type_, "tenant": tenant_id},
    ).fetchall()


def delivery(conn: Connection, delivery_id: int) -> Delivery | None:
    """The delivery, unless it is finished."""
    with conn.cursor(row_factory=class_row(Delivery)) as cursor:
        return cursor.execute(
            """
            select d.id, d.notification_id, d.endpoint_id, e.url, e.adapter, e.secret, e.enabled, n.type, n.subject,
                   n.tenant_id, n.data, n.created_at
              from deliveries d join notifications n on n.id = d.notification_id join endpoints e on e.id = d.endpoint_id
             where d.id = %s and d.outcome is null
            """,
            (delivery_id,),
        ).fetchone()


def finish(conn: Connection, delivery_id: int, *, outcome: str, http_status: int | None = None) -> bool:
    """Records the end of a delivery: delivered, skipped or failed. False if it has one already."""
    done = conn.execute(
        """
        update deliveries set outcome = %s, http_status = %s, finished_at = now()
         where id = %s and outcome is null
        """,
        (outcome, http_status, delivery_id),
    )
    return done.rowcount == 1
