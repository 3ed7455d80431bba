"""Dead letters: what a subscriber could not be told, until somebody has it told again or a later delivery has arrived."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import class_row

from shared.db import jobs, notifications

# A delivery of a replay may have told it since; then nobody needs the old one. One that was canceled says nothing.
_DEAD: Final[LiteralString] = """
      from deliveries d join notifications n on n.id = d.notification_id join endpoints e on e.id = d.endpoint_id
     where d.outcome = 'failed'
       and not exists (
           select from deliveries newer
            where newer.notification_id = d.notification_id and newer.endpoint_id = d.endpoint_id and newer.id > d.id
              and newer.outcome is distinct from 'canceled')
       and (%(owner)s::text is null or (e.tenant_id = %(owner)s and n.tenant_id = %(owner)s))
       and (%(endpoint_id)s::text is null or d.endpoint_id = %(endpoint_id)s)
       and (%(tenant_id)s::text is null or n.tenant_id = %(tenant_id)s)
       and (%(type)s::text is null or n.type = %(type)s)
       and (%(reason)s::text is null or d.last_error = %(reason)s)
       and (%(since)s::timestamptz is null or n.created_at >= %(since)s)
       and (%(until)s::timestamptz is null or n.created_at < %(until)s)
"""
FILTERS: Final = ("owner", "endpoint_id", "tenant_id", "type", "reason", "since", "until")


@dataclass(frozen=True, slots=True)
class Count:
    """So many dead letters of one endpoint, type and reason. `is_open`: the endpoint may be told something."""

    endpoint_id: str
    type: str
    reason: str | None
    count: int
    is_open: bool


def counts(conn: Connection, filters: Mapping[str, Any]) -> list[Count]:
    """How many there are by these filters (names of `FILTERS`; None is no filter), the most first.

    `since` and `until` are about when it happened that was to be told.
    """
    with conn.cursor(row_factory=class_row(Count)) as cursor:
        return cursor.execute(
            f"""
            select d.endpoint_id, n.type, d.last_error as reason, count(*), e.enabled and e.deleted_at is null as is_open
              {_DEAD} group by 1, 2, 3, 5 order by count(*) desc, 1, 2, 3
            """,
            _values(filters),
        ).fetchall()


def ids(conn: Connection, filters: Mapping[str, Any], *, limit: int) -> list[int]:
    """The oldest of them whose endpoints may be told something."""
    rows = conn.execute(
        f"select d.id {_DEAD} and e.enabled and e.deleted_at is null order by d.id limit %(limit)s",
        {**_values(filters), "limit": limit},
    )
    return [row[0] for row in rows]


def redrive(conn: Connection, delivery_id: int) -> bool:
    """The dead letter goes on its way again, at once and under the order of its endpoint; its schedule starts anew.

    It keeps its place: what has waited behind it and not gone yet goes after it. False: it is none (any more), or its endpoint
    is disabled or deleted. One at a time in a transaction: who holds the locks of several orders may wait in a circle.
    """
    row = conn.execute(
        """
        update deliveries d set outcome = null, finished_at = null from notifications n, endpoints e
         where d.id = %s and d.outcome = 'failed' and n.id = d.notification_id and e.id = d.endpoint_id
           and e.enabled and e.deleted_at is null
        returning e.adapter, e.id, n.order_key
        """,
        (delivery_id,),
    ).fetchone()
    if row is None:
        return False
    adapter, endpoint_id, order_key = row
    promise = notifications.promise_of(adapter, delivery_id, endpoint_id, order_key)
    jobs.renew(conn, promise.kind, promise.ref, order_key=promise.order_key, group_key=promise.group_key)
    return True


def by_endpoint(conn: Connection) -> list[tuple[str, int]]:
    """(endpoint, how many dead letters it has)."""
    return conn.execute(f"select d.endpoint_id, count(*) {_DEAD} group by 1 order by 1", _values({})).fetchall()


def _values(filters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: filters.get(name) for name in FILTERS}
