"""What became of an outgoing text, step by step: our own doings, and every different word Twilio has said of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.domain.status import MESSAGE_FINAL

# ops/docs/events.md says of each what it means; a test compares the two.
StepName = Literal[
    "accepted", "held", "released", "sending", "unsent", "unknown", "settled", "parked", "handed", "refused", "canceled",
    "retried", "status", "conflict",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `status` and `error_code` are Twilio's words, `detail` ours: nothing personal is in it."""

    id: int
    step: StepName
    status: str | None
    error_code: int | None
    detail: dict[str, Any] | None
    at: datetime


def add(
    conn: Connection,
    message_id: UUID,
    step: StepName,
    *,
    status: str | None = None,
    error_code: int | None = None,
    detail: Mapping[str, Any] | None = None,
    at: datetime | None = None,
) -> bool:
    """Adds a step, taken `at` (None: at the time of this transaction). False if it is no new one.

    A step `status` is there once for each status and error code, and `conflict` once: the earlier time stands, whichever
    is heard first, so the timeline does not depend on the order of arrival.
    """
    row = conn.execute(
        """
        insert into message_steps (message_id, step, status, error_code, detail, at)
        values (%(id)s, %(step)s, %(status)s, %(code)s, %(detail)s, coalesce(%(at)s::timestamptz, now()))
        on conflict (message_id, step, status, error_code) where step in ('status', 'conflict')
            do update set at = least(message_steps.at, excluded.at),
                          detail = coalesce(excluded.detail, message_steps.detail)
        returning xmax = 0  -- true of a row that this statement has inserted
        """,
        {
            "id": message_id,
            "step": step,
            "status": status,
            "code": error_code,
            "detail": None if detail is None else Jsonb(detail),
            "at": at,
        },
    ).fetchone()
    assert row is not None  # an upsert returns its row
    return bool(row[0])


def hear(conn: Connection, told: str) -> list[tuple[UUID, str]]:
    """Locks the texts that Twilio has told of and adds what it says of each; (id, MessageSid) of those that are known.

    `told`: a JSON list of sid, status, error_code and at (null: now), no SID twice. They are locked in the order of their
    ids, so that nobody who does the same with many waits for us in a circle.
    """
    return conn.execute(
        """
        with told as materialized (
            select * from jsonb_to_recordset(%(told)s::jsonb) as (
                sid text, status text, error_code int, at timestamptz)),
        found as materialized (
            select id, message_sid from messages where message_sid = any(array(select sid from told)) order by id for update),
        heard as (
            insert into message_steps (message_id, step, status, error_code, at)
            select id, 'status', status, error_code, coalesce(at, now()) from told join found on message_sid = sid
            on conflict (message_id, step, status, error_code) where step in ('status', 'conflict')
                do update set at = least(message_steps.at, excluded.at))
        select id, message_sid from found
        """,
        {"told": told},
    ).fetchall()


def note_conflict(conn: Connection, message_id: UUID) -> bool:
    """Adds the step `conflict`, as of when the second outcome was heard; False if there is none, or it is there already."""
    outcomes: list[tuple[str, datetime]] = conn.execute(
        """
        select case status when 'read' then 'delivered' else status end as outcome, min(at) as at from message_steps
         where message_id = %s and step = 'status' and status = any(%s) group by outcome order by at, outcome
        """,
        (message_id, [*MESSAGE_FINAL]),
    ).fetchall()
    if len(outcomes) < 2:
        return False
    detail = {"outcomes": sorted(outcome for outcome, _ in outcomes)}
    return add(conn, message_id, "conflict", detail=detail, at=outcomes[1][1])


def of(conn: Connection, message_id: UUID) -> list[Step]:
    """All steps of one text, by their time; a conflict after the word that made it one."""
    with conn.cursor(row_factory=class_row(Step)) as cursor:
        return cursor.execute(
            """
            select id, step, status, error_code, detail, at from message_steps
             where message_id = %s order by at, step = 'conflict', id
            """,
            (message_id,),
        ).fetchall()
