"""What became of a call, step by step: Twilio's words, what we answered, and what we made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.domain.status import CALL_FINAL

# ops/docs/events.md says of each what it means; a test compares the two.
StepName = Literal[
    "incoming", "status", "dial", "answered-by", "whisper", "accepted", "choice", "voicemail", "consent", "decided",
    "text-back", "control", "recording", "fallback", "conflict",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a call or of one of its legs. `name` tells steps of one kind apart; nothing personal is in `detail`."""

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
    """Adds a step, once for each name: the earliest time stands and, of several details, one that does not depend on order."""
    conn.execute(
        """
        insert into call_steps as s (call_sid, step, name, sequence, detail, at)
        values (%(sid)s, %(step)s, %(name)s, %(sequence)s, %(detail)s, %(at)s)
        on conflict (call_sid, step, name) do update set
            at = least(s.at, excluded.at), sequence = least(s.sequence, excluded.sequence),
            detail = greatest(s.detail, excluded.detail)
        """,
        {
            "sid": call_sid, "step": step, "name": name, "sequence": sequence, "at": at,
            "detail": Jsonb(dict(detail)) if detail else None,
        },
    )  # fmt: skip


def restate(conn: Connection, call_sid: str, step: StepName, detail: Mapping[str, Any]) -> None:
    """What we make of a call: the last word stands, with its time."""
    conn.execute(
        """
        insert into call_steps (call_sid, step, detail, at) values (%(sid)s, %(step)s, %(detail)s, now())
        on conflict (call_sid, step, name) do update set detail = excluded.detail, at = excluded.at
        """,
        {"sid": call_sid, "step": step, "detail": Jsonb(dict(detail))},
    )


def note_conflict(conn: Connection, call_sid: str) -> None:
    """Adds the step `conflict` if Twilio has told of two ends of this call, as of when the second one was heard."""
    ends: list[tuple[str, datetime]] = conn.execute(
        """
        select name, at from call_steps
         where call_sid = %s and step = 'status' and name = any(%s) order by at, name
        """,
        (call_sid, sorted(CALL_FINAL)),
    ).fetchall()
    if len(ends) > 1:
        add(conn, call_sid, "conflict", at=ends[1][1], detail={"ends": sorted(name for name, _ in ends)})


def of(conn: Connection, call_sids: Sequence[str]) -> list[Step]:
    """The steps of these calls (one and its legs), in the order of their time.

    Of each call Twilio's SequenceNumber puts its statuses in order: one that came late stands before those that follow it.
    """
    with conn.cursor(row_factory=class_row(Step)) as cursor:
        return cursor.execute(
            """
            select call_sid, step, name, sequence, detail, at
              from (select *, case when sequence is null then at else
                              min(at) over (partition by call_sid, sequence is null order by sequence desc) end as placed_at
                      from call_steps where call_sid = any(%s)) as placed
             order by placed_at, sequence nulls last, step in ('decided', 'text-back'), id
            """,
            (list(call_sids),),
        ).fetchall()
