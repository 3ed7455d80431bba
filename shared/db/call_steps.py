"""What became of a call, step by step."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from psycopg import Connection
from psycopg.types.json import Jsonb

StepName = Literal[
    "incoming", "status", "dial", "answered-by", "whisper", "accepted", "choice", "voicemail", "consent", "decided",
    "text-back", "control", "recording", "fallback", "conflict",
]  # fmt: skip


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
    """One step; `name` tells two of a kind apart. Told again, the earlier time stands."""
    conn.execute(
        """
        insert into call_steps as s (call_sid, step, name, sequence, detail, at)
        values (%(sid)s, %(step)s, %(name)s, %(sequence)s, %(detail)s, %(at)s)
        on conflict (call_sid, step, name) do update set at = excluded.at where excluded.at < s.at
        """,
        {
            "sid": call_sid,
            "step": step,
            "name": name,
            "sequence": sequence,
            "detail": None if detail is None else Jsonb(dict(detail)),
            "at": at,
        },
    )
