"""Texts to many people, asked for at once: the request, its recipients, and how far it has come."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.db.ids import as_uuid

BulkState = Literal["running", "paused", "canceled"]


@dataclass(frozen=True, slots=True)
class Bulk:
    """One bulk. `request` is what all its texts have in common; of `total` recipients `expanded` have been looked at."""

    id: UUID
    client: str
    tenant_id: str | None
    request: dict[str, Any]
    state: BulkState
    total: int
    expanded: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Recipient:
    """What was said of one recipient. `faults`: why there will be no text."""

    said: dict[str, Any]
    faults: list[dict[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One recipient before a text was made for it."""

    line: int
    said: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one recipient. Without faults and without a message it has not been looked at yet."""

    line: int
    to: str
    faults: list[dict[str, str]] | None
    message_id: UUID | None
    status: str | None
    send_state: str | None
    held_until: datetime | None
    error_code: int | None
    error_reason: str | None
    decision_rules: list[dict[str, Any]] | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How many recipients stand where, and when the last text that waits is expected to leave."""

    counts: dict[str, int]
    estimated_end_at: datetime | None


_COLUMNS: LiteralString = "id, client, tenant_id, request, state, total, expanded, created_at, updated_at"

# Where a recipient stands: the words of the API.
STANDINGS = (
    "waiting", "held", "sending", "parked", "handed", "delivered", "failed", "refused", "canceled", "fault",
)  # fmt: skip
_STANDING: LiteralString = """
    case when i.fault @> '[{"code": "canceled"}]' then 'canceled'
         when i.fault is not null then 'fault'
         when m.id is null then 'waiting'
         when m.status in ('delivered', 'read') then 'delivered'
         when m.status in ('failed', 'undelivered') then 'failed'
         when m.send_state in ('refused', 'canceled', 'parked') then m.send_state
         when m.status = 'canceled' then 'canceled'
         when m.send_state in ('sending', 'unknown') then 'sending'
         when m.send_state = 'handed' then 'handed'
         when m.held_until > now() then 'held'
         else 'waiting' end
"""


def insert(
    conn: Connection, *, client: str, tenant_id: str | None, request: dict[str, Any], recipients: Sequence[Recipient]
) -> Bulk:
    """Keeps the request with all its recipients, in their order, as one statement each."""
    with conn.cursor(row_factory=class_row(Bulk)) as cursor:
        bulk = cursor.execute(
            f"insert into bulks (client, tenant_id, request, total) values (%s, %s, %s, %s) returning {_COLUMNS}",
            (client, tenant_id, Jsonb(request), len(recipients)),
        ).fetchone()
    assert bulk is not None  # an insert returns its row
    rows = [{"line": line, "said": one.said, "fault": one.faults} for line, one in enumerate(recipients)]
    conn.execute(
        """
        insert into bulk_items (bulk_id, line, said, fault)
        select %s, line, said, nullif(fault, 'null')
          from jsonb_to_recordset(%s::jsonb) as row (line int, said jsonb, fault jsonb)
        """,
        (bulk.id, json.dumps(rows)),
    )
    return bulk


def find(conn: Connection, bulk_id: str) -> Bulk | None:
    """One bulk."""
    with conn.cursor(row_factory=class_row(Bulk)) as cursor:
        return cursor.execute(f"select {_COLUMNS} from bulks where id = %s", (as_uuid(bulk_id),)).fetchone()


def state_of(conn: Connection, bulk_id: UUID) -> BulkState | None:
    """Whether texts of it may leave: asked again when one is about to."""
    row = conn.execute("select state from bulks where id = %s", (bulk_id,)).fetchone()
    return row[0] if row else None


def locked(conn: Connection, bulk_id: str) -> Bulk | None:
    """As `find`; nobody else changes or expands it until this transaction ends."""
    with conn.cursor(row_factory=class_row(Bulk)) as cursor:
        return cursor.execute(f"select {_COLUMNS} from bulks where id = %s for update", (as_uuid(bulk_id),)).fetchone()


def chunk(conn: Connection, bulk: Bulk, size: int) -> list[Item]:
    """The next recipients that have not been looked at and have no fault, out of `size` lines."""
    with conn.cursor(row_factory=class_row(Item)) as cursor:
        return cursor.execute(
            """
            select line, said from bulk_items
             where bulk_id = %s and line >= %s and line < %s and fault is null and message_id is null order by line
            """,
            (bulk.id, bulk.expanded, bulk.expanded + size),
        ).fetchall()


def expanded(
    conn: Connection, bulk: Bulk, size: int, results: Sequence[tuple[int, UUID | list[dict[str, str]]]]
) -> int:
    """Records what became of the lines of a chunk, a text or faults; how many lines have been looked at now."""
    rows = [
        {"line": line, "message_id": str(made) if isinstance(made, UUID) else None,
         "fault": made if isinstance(made, list) else None}
        for line, made in results
    ]  # fmt: skip
    conn.execute(
        """
        update bulk_items set message_id = row.message_id, fault = nullif(row.fault, 'null')
          from jsonb_to_recordset(%s::jsonb) as row (line int, message_id uuid, fault jsonb)
         where bulk_items.bulk_id = %s and bulk_items.line = row.line
        """,
        (json.dumps(rows), bulk.id),
    )
    row = conn.execute(
        "update bulks set expanded = least(total, %s), updated_at = now() where id = %s returning expanded",
        (bulk.expanded + size, bulk.id),
    ).fetchone()
    assert row is not None  # the caller has it locked
    return int(row[0])


def pause(conn: Connection, bulk: Bulk) -> None:
    """No more texts of it leave. The caller has it locked. What a worker has in hand already, asks `state_of`."""
    _set_state(conn, bulk.id, "paused")
    _lock_jobs(conn, bulk.id)
    conn.execute(
        """
        update jobs set next_at = 'infinity', awake = false, hint_at = 'infinity'
          from messages where messages.bulk_id = %s and messages.send_state = 'queued'
           and jobs.kind = 'sms.send' and jobs.ref = messages.id::text and jobs.state = 'due'
           and (jobs.lease_until is null or jobs.lease_until <= now())
        """,
        (bulk.id,),
    )


def resume(conn: Connection, bulk: Bulk) -> None:
    """Its texts may leave again, each not before its time. Their validity is as long as it was before the pause began."""
    _lock_jobs(conn, bulk.id)
    conn.execute(
        """
        update messages set expires_at = expires_at + (now() - bulks.updated_at)
          from bulks where bulks.id = %s and messages.bulk_id = bulks.id and messages.send_state = 'queued'
        """,
        (bulk.id,),
    )
    _set_state(conn, bulk.id, "running")
    conn.execute(
        """
        update jobs set next_at = greatest(now(), send_at, held_until), awake = false
          from messages where messages.bulk_id = %s and messages.send_state = 'queued'
           and jobs.kind = 'sms.send' and jobs.ref = messages.id::text and jobs.state = 'due' and not jobs.awake
        """,
        (bulk.id,),
    )


def cancel(conn: Connection, bulk: Bulk) -> int:
    """Calls off whatever of it has not left; how many recipients will get no text. The caller has it locked."""
    _set_state(conn, bulk.id, "canceled")
    _lock_jobs(conn, bulk.id)
    rows = conn.execute(
        """
        update messages set send_state = 'canceled', updated_at = now() where bulk_id = %s and send_state = 'queued'
        returning id::text
        """,
        (bulk.id,),
    ).fetchall()
    conn.execute(
        """
        with called_off as (
            update jobs set state = 'done', finished_at = now(), lease_until = null, last_error = 'canceled'
             where kind = 'sms.send' and ref = any(%(ids)s) and state = 'due')
        insert into message_steps (message_id, step) select id::uuid, 'canceled' from unnest(%(ids)s) as id
        """,
        {"ids": [row[0] for row in rows]},
    )
    return len(rows) + leave(conn, bulk, "canceled", "the bulk was canceled")


def leave(conn: Connection, bulk: Bulk, code: str, detail: str) -> int:
    """Recipients that have not been looked at never will be; how many. The reason is put down for each."""
    left = conn.execute(
        "update bulk_items set fault = %s where bulk_id = %s and fault is null and message_id is null",
        (Jsonb([{"pointer": "#", "code": code, "detail": detail}]), bulk.id),
    ).rowcount
    conn.execute("update bulks set expanded = total where id = %s", (bulk.id,))
    return left


def progress(conn: Connection, bulk_id: UUID) -> Progress:
    """Where its recipients stand; every standing is named."""
    rows = conn.execute(
        f"""
        select {_STANDING}, count(*), max(case when m.send_state = 'queued' then m.estimated_send_at end)
          from bulk_items as i left join messages as m on m.id = i.message_id
         where i.bulk_id = %s group by 1
        """,
        (bulk_id,),
    ).fetchall()
    ends = [end for _, _, end in rows if end is not None]
    return Progress(dict.fromkeys(STANDINGS, 0) | {row[0]: row[1] for row in rows}, max(ends, default=None))


def results(conn: Connection, bulk_id: UUID, *, limit: int, after: int | None) -> list[Result]:
    """What became of its recipients, in their order, behind line `after`."""
    with conn.cursor(row_factory=class_row(Result)) as cursor:
        return cursor.execute(
            f"""
            select i.line, coalesce(i.said ->> 'to', '') as to, i.fault as faults, i.message_id, {_STANDING} as status,
                   m.send_state, m.held_until, m.error_code, m.error_reason, m.decision_rules
              from bulk_items as i left join messages as m on m.id = i.message_id
             where i.bulk_id = %s and i.line > %s order by i.line limit %s
            """,
            (bulk_id, -1 if after is None else after, limit),
        ).fetchall()


def _lock_jobs(conn: Connection, bulk_id: UUID) -> None:
    """A worker takes the jobs before the texts, by their ids; who took them otherwise could wait for it in a circle."""
    conn.execute(
        """
        select 1 from jobs join messages on jobs.kind = 'sms.send' and jobs.ref = messages.id::text
         where messages.bulk_id = %s and messages.send_state = 'queued' and jobs.state = 'due'
         order by jobs.id for update of jobs
        """,
        (bulk_id,),
    )


def _set_state(conn: Connection, bulk_id: UUID, state: BulkState) -> None:
    conn.execute("update bulks set state = %s, updated_at = now() where id = %s", (state, bulk_id))
