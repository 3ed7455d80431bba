"""What became of a call, step by step: Twilio's words once each, and our own doings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

StepName = Literal[
    "incoming", "status", "dial", "answered-by", "whisper", "accepted", "choice", "voicemail", "consent", "decided",
    "text-back", "control", "recording", "fallback", "conflict",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One step of one leg. `name` tells steps of a kind apart: the status, the leg, the key."""

    call_sid: str
    step: StepName
    name: str
    sequence: int | None
    detail: dict[str, Any] | None
    at: datetime


def add(
    conn: Connection,
    call_sid: str,
    step: StepName,
    *,
    name: str = "",
    at: datetime,
    sequence: int | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Adds a step; of one that is known the earlier time stands, whichever is heard first."""
    conn.execute(
        """
        insert into call_steps (call_sid, step, name, sequence, detail, at)
        values (%(sid)s, %(step)s, %(name)s, %(sequence)s, %(detail)s, %(at)s)
        on conflict (call_sid, step, name) do update set
            at = least(call_steps.at, excluded.at), sequence = coalesce(call_steps.sequence, excluded.sequence),
            detail = coalesce(call_steps.detail, excluded.detail)
        """,
        {
            "sid": call_sid,
            "step": step,
            "name": name,
            "sequence": sequence,
            "detail": None if detail is None else Jsonb(detail),
            "at": at,
        },
    )


def of(conn: Connection, call_sids: Sequence[str]) -> list[Step]:
    """All steps of these legs, by their time."""
    with conn.cursor(row_factory=class_row(Step)) as cursor:
        return cursor.execute(
            """
            select call_sid, step, name, sequence, detail, at from call_steps
             where call_sid = any(%s) order by at, sequence nulls last, id
            """,
            (list(call_sids),),
        ).fetchall()
