"""The audit: who did what to whose data, and for what. Rows are added and never change."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class Entry:
    """One act. `subject` is the SID or id of what it was done to, `purpose` what the actor said that it was for."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    tenant_id: str | None
    purpose: str | None
    request_id: str | None
    detail: dict[str, Any]


def note(
    conn: Connection,
    action: str,
    *,
    actor: str,
    subject: str,
    tenant_id: str | None,
    purpose: str | None = None,
    request_id: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Adds one act, in the transaction that does it. `action` is `noun.verb` in the past tense, as `recording.heard`."""
    conn.execute(
        """
        insert into audit (actor, action, subject, tenant_id, purpose, request_id, detail)
        values (%(actor)s, %(action)s, %(subject)s, %(tenant)s, %(purpose)s, %(request)s, %(detail)s)
        """,
        {
            "actor": actor,
            "action": action,
            "subject": subject,
            "tenant": tenant_id,
            "purpose": purpose,
            "request": request_id,
            "detail": json.dumps(dict(detail or {})),
        },
    )


def of_subject(conn: Connection, subject: str) -> Sequence[Entry]:
    """Everything done to it, oldest first."""
    with conn.cursor(row_factory=class_row(Entry)) as cursor:
        return cursor.execute(
            """
            select id, at, actor, action, subject, tenant_id, purpose, request_id, detail
              from audit where subject = %s order by id
            """,
            (subject,),
        ).fetchall()
