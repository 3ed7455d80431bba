"""Attempts to tell subscribers something, as people look at them: when, how long it took, what was answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from shared.db.notifications import Outcome

# The schedule of one notification lasts three days; then somebody has to notice, ask the subscriber, and mend it: that is a
# matter of weeks, and of the last invoice. Answers may hold what is personal, so they are kept no longer than that.
KEPT: Final = timedelta(days=30)
STEP: Final = 10_000  # rows of one statement: a fraction of a second, and no long lock


@dataclass(frozen=True, slots=True)
class StoredAttempt:
    """One request to a subscriber. `error` None: it took it. `answer`: the first 1,000 characters of it."""

    delivery_id: int
    notification_id: UUID
    type: str
    subject: str
    nth: int
    at: datetime
    duration_ms: int
    http_status: int | None
    error: str | None
    answer: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How far one delivery has come. `outcome` None: it is still to be told."""

    delivery_id: int
    notification_id: UUID
    endpoint_id: str
    outcome: Outcome | None
    attempts: int


_SELECT: Final[LiteralString] = """
    select a.delivery_id, d.notification_id, n.type, n.subject, a.nth, a.at, a.duration_ms, a.http_status, a.error, a.answer
      from delivery_attempts a join deliveries d on d.id = a.delivery_id join notifications n on n.id = d.notification_id
"""


def page(
    conn: Connection,
    endpoint_id: str,
    *,
    limit: int,
    before: tuple[datetime, int, int] | None = None,
    has_failed: bool | None = None,
    since: datetime | None = None,
    tenant_id: str | None = None,
) -> Sequence[StoredAttempt]:
    """The last attempts to tell this endpoint, newest first; those before (at, delivery, nth). `tenant_id`: only what was
    told of that tenant; the endpoint may have been another's.
    """
    at, delivery_id, nth = before or (None, None, None)
    with conn.cursor(row_factory=class_row(StoredAttempt)) as cursor:
        return cursor.execute(
            f"""
            {_SELECT}
             where a.endpoint_id = %(endpoint_id)s
               and (%(at)s::timestamptz is null or (a.at, a.delivery_id, a.nth) < (%(at)s, %(delivery_id)s, %(nth)s))
               and (%(has_failed)s::boolean is null or (a.error is not null) = %(has_failed)s)
               and (%(since)s::timestamptz is null or a.at >= %(since)s)
               and (%(tenant_id)s::text is null or n.tenant_id = %(tenant_id)s)
             order by a.at desc, a.delivery_id desc, a.nth desc limit %(limit)s
            """,
            {"endpoint_id": endpoint_id, "at": at, "delivery_id": delivery_id, "nth": nth, "has_failed": has_failed,
             "since": since, "tenant_id": tenant_id, "limit": limit},
        ).fetchall()  # fmt: skip


def standing(conn: Connection, delivery_id: int) -> tuple[Standing, StoredAttempt | None] | None:
    """How far this delivery has come, and the last attempt at it."""
    with conn.cursor(row_factory=class_row(Standing)) as cursor:
        found = cursor.execute(
            "select id as delivery_id, notification_id, endpoint_id, outcome, attempts from deliveries where id = %s",
            (delivery_id,),
        ).fetchone()
    if found is None:
        return None
    with conn.cursor(row_factory=class_row(StoredAttempt)) as cursor:
        last = cursor.execute(
            f"{_SELECT} where a.delivery_id = %s order by a.nth desc limit 1", (delivery_id,)
        ).fetchone()
    return found, last


def forget_some(conn: Connection) -> int:
    """Drops the oldest `STEP` attempts of those that are older than `KEPT`; how many. As many as `STEP`: there may be more."""
    return conn.execute(
        """
        delete from delivery_attempts where (delivery_id, nth) in (
            select delivery_id, nth from delivery_attempts where at < now() - %s order by at limit %s)
        """,
        (KEPT, STEP),
    ).rowcount
