"""Texts as their clients ask about them: everything about one, lists by what they look for, and what they call off."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from shared.db.ids import as_uuid
from shared.db.messages import Message

# Of `messages as m`, whatever a text is asked for by.
COLUMNS: LiteralString = """
    m.id, m.message_sid, m.tenant_id, m.client, m.idempotency_key, m.direction, m.from_number, m.to_number, m.body, m.media,
    m.status, m.send_state, m.sending_since, m.error_code, m.error_reason, m.segments, m.created_at, m.updated_at,
    m.messaging_service_sid, m.purpose, m.lane, m.send_at, m.expires_at, m.estimated_send_at, m.on_unknown, m.encoding,
    m.planned_segments, m.bulk_id, m.decision, m.decision_rules, m.held_until, m.consent_id, m.decided_at,
    m.is_conflicted, m.price, m.price_unit, m.carrier_done_at, m.retry_of, m.nth_try,
    (select next.id from messages as next where next.retry_of = m.id) as retried_as
"""


@dataclass(frozen=True, slots=True)
class Text(Message):
    """A message with all that is known of it. What is of outgoing texts only is None for the others.

    `retried_as`: the text that was made to take its place.
    """

    messaging_service_sid: str | None
    purpose: str | None
    lane: int | None
    send_at: datetime | None
    expires_at: datetime | None
    estimated_send_at: datetime | None
    on_unknown: str
    encoding: str | None
    planned_segments: int | None
    bulk_id: UUID | None
    decision: str | None
    decision_rules: list[dict[str, Any]] | None
    held_until: datetime | None
    consent_id: UUID | None
    decided_at: datetime | None
    price: Decimal | None
    price_unit: str | None
    carrier_done_at: datetime | None
    retried_as: UUID | None


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often we have tried to hand a text over, and why the last attempt did not do it."""

    count: int
    last_error: str | None
    next_at: datetime | None


def find(conn: Connection, id_or_sid: str) -> Text | None:
    """By our id or by Twilio's MessageSid."""
    with conn.cursor(row_factory=class_row(Text)) as cursor:
        return cursor.execute(
            f"select {COLUMNS} from messages as m where m.message_sid = %(sid)s or m.id = %(id)s",
            {"sid": id_or_sid, "id": as_uuid(id_or_sid)},
        ).fetchone()


def of_keys(conn: Connection, client: str, keys: Sequence[str]) -> dict[str, Text]:
    """The texts that `client` has asked for under these keys, by key."""
    with conn.cursor(row_factory=class_row(Text)) as cursor:
        rows = cursor.execute(
            f"""
            select {COLUMNS} from messages as m
             where m.client = %s and m.idempotency_key = any(array(select jsonb_array_elements_text(%s::jsonb)))
            """,
            (client, json.dumps(list(keys))),
        ).fetchall()
    return {row.idempotency_key or "": row for row in rows}


def attempts(conn: Connection, message_id: UUID) -> Attempts | None:
    """None: nothing was ever promised for it. `next_at` is when the next attempt may be made, while there is one."""
    with conn.cursor(row_factory=class_row(Attempts)) as cursor:
        return cursor.execute(
            """
            select attempts as count, last_error,
                   case when state = 'due' and next_at < 'infinity' then next_at end as next_at
              from jobs where kind = 'sms.send' and ref = %s
            """,
            (str(message_id),),
        ).fetchone()


def page(
    conn: Connection, filters: Mapping[str, Any], *, limit: int, before: tuple[datetime, UUID] | None
) -> list[Text]:
    """The newest texts to which all `filters` apply, after the cursor (created_at, id).

    Filters: client, tenant_id, to_number, from_number, status, send_state, direction, purpose, bulk_id, error_code,
    created_after (inclusive) and created_before.
    """
    created_at, message_id = before or (None, None)
    wanted: dict[str, Any] = {name: filters.get(name) for name in _FILTERS}
    with conn.cursor(row_factory=class_row(Text)) as cursor:
        return cursor.execute(
            f"""
            select {COLUMNS} from messages as m
             where (%(client)s::text is null or m.client = %(client)s)
               and (%(tenant_id)s::text is null or m.tenant_id = %(tenant_id)s)
               and (%(to_number)s::text is null or m.to_number = %(to_number)s)
               and (%(from_number)s::text is null or m.from_number = %(from_number)s)
               and (%(status)s::text is null or %(status)s = coalesce(m.status, case m.send_state
                        when 'refused' then 'failed' when 'canceled' then 'canceled' else 'queued' end))
               and (%(send_state)s::text is null or m.send_state = %(send_state)s)
               and (%(direction)s::text is null or m.direction = %(direction)s)
               and (%(purpose)s::text is null or m.purpose = %(purpose)s)
               and (%(bulk_id)s::uuid is null or m.bulk_id = %(bulk_id)s)
               and (%(error_code)s::int is null or m.error_code = %(error_code)s)
               and (%(created_after)s::timestamptz is null or m.created_at >= %(created_after)s)
               and (%(created_before)s::timestamptz is null or m.created_at < %(created_before)s)
               and (%(at)s::timestamptz is null or (m.created_at, m.id) < (%(at)s, %(id)s))
             order by m.created_at desc, m.id desc limit %(limit)s
            """,
            {**wanted, "limit": limit, "at": created_at, "id": message_id},
        ).fetchall()


_FILTERS = (
    "client", "tenant_id", "to_number", "from_number", "status", "send_state", "direction", "purpose", "bulk_id",
    "error_code", "created_after", "created_before",
)  # fmt: skip


def cancel(conn: Connection, message_id: UUID) -> bool:
    """Calls off what has not left: the text and the promise to send it. False if it is too late, or was done before.

    A worker that has the job in hand marks the text as sending by the same condition: one of the two wins.
    """
    return _call_off(conn, message_id, "queued")


def cancel_parked(conn: Connection, message_id: UUID) -> bool:
    """A person says of a doubtful text that it is not to be sent (again). False if it is not parked."""
    return _call_off(conn, message_id, "parked")


def resend_parked(conn: Connection, message_id: UUID) -> bool:
    """A person says of a doubtful text that it is to be sent (again), with its time from now on. False if it is not parked.

    The caller promises the sending.
    """
    done = conn.execute(
        """
        update messages set send_state = 'queued', sending_since = null, error_reason = null,
            expires_at = now() + (expires_at - greatest(created_at, send_at, held_until)), updated_at = now()
         where id = %s and send_state = 'parked'
        """,
        (message_id,),
    )
    return done.rowcount == 1


def _call_off(conn: Connection, message_id: UUID, state: str) -> bool:
    # A worker takes the job before the text; who took them the other way round could wait for it in a circle.
    conn.execute("select 1 from jobs where kind = 'sms.send' and ref = %s for update", (str(message_id),))
    done = conn.execute(
        "update messages set send_state = 'canceled', updated_at = now() where id = %s and send_state = %s",
        (message_id, state),
    )
    if done.rowcount == 1:
        conn.execute(
            """
            update jobs set state = 'done', finished_at = now(), lease_until = null, last_error = 'canceled'
             where kind = 'sms.send' and ref = %s and state = 'due'
            """,
            (str(message_id),),
        )
    return done.rowcount == 1
