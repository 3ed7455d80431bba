"""What somebody asked us to do to a live call, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.db.ids import as_uuid

Action = Literal["redirect", "record-start", "record-pause", "record-resume", "record-stop"]
State = Literal["requested", "done", "refused", "overtaken"]

_COLUMNS: LiteralString = """
    id, call_sid, action, args, client, state, recording_sid, error_code, error_reason, created_at, finished_at
"""


@dataclass(frozen=True, slots=True)
class Control:
    """One wish. `overtaken`: the call, or its recording, was over before. `recording_sid`: of the one that it is about."""

    id: UUID
    call_sid: str
    action: Action
    args: dict[str, Any]
    client: str
    state: State
    recording_sid: str | None
    error_code: int | None
    error_reason: str | None
    created_at: datetime
    finished_at: datetime | None


def ask(
    conn: Connection, call_sid: str, action: Action, args: Mapping[str, Any], *, client: str, is_late: bool = False
) -> Control:
    """Keeps a wish; the caller promises to fulfil it. `is_late`: the call is over, so there is nothing to do."""
    with conn.cursor(row_factory=class_row(Control)) as cursor:
        row = cursor.execute(
            f"""
            insert into call_controls (call_sid, action, args, client, state, finished_at, created_at)
            values (%(sid)s, %(action)s, %(args)s, %(client)s,
                    case when %(late)s then 'overtaken' else 'requested' end,
                    case when %(late)s then clock_timestamp() end, clock_timestamp())
            returning {_COLUMNS}
            """,
            {"sid": call_sid, "action": action, "args": Jsonb(args), "client": client, "late": is_late},
        ).fetchone()
    assert row is not None  # an insert returns its row
    return row


def find(conn: Connection, control_id: str) -> Control | None:
    """By its id."""
    with conn.cursor(row_factory=class_row(Control)) as cursor:
        return cursor.execute(f"select {_COLUMNS} from call_controls where id = %s", (as_uuid(control_id),)).fetchone()


def of(conn: Connection, call_sids: Sequence[str]) -> list[Control]:
    """All wishes about these legs, oldest first."""
    with conn.cursor(row_factory=class_row(Control)) as cursor:
        return cursor.execute(
            f"select {_COLUMNS} from call_controls where call_sid = any(%s) order by created_at, id", (list(call_sids),)
        ).fetchall()


def finish(
    conn: Connection,
    control_id: UUID,
    state: State,
    *,
    recording_sid: str | None = None,
    code: int | None = None,
    reason: str | None = None,
) -> bool:
    """What came of it. False if that was known before."""
    done = conn.execute(
        """
        update call_controls set state = %(state)s, finished_at = clock_timestamp(), error_code = %(code)s,
                                 error_reason = %(reason)s, recording_sid = coalesce(%(recording)s, recording_sid)
         where id = %(id)s and state = 'requested'
        """,
        {"id": control_id, "state": state, "recording": recording_sid, "code": code, "reason": reason},
    )
    return done.rowcount == 1
