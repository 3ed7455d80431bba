"""Recordings as they are looked after: listed, read back, and found damaged."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import dict_row

from shared.db.recordings import Recording
from shared.domain.sound import Sound


def listed(
    conn: Connection, *, state: str | None = None, tenant_id: str | None = None, call_sid: str | None = None,
    is_damaged: bool = False, limit: int,
) -> list[dict[str, Any]]:  # fmt: skip
    """Recordings for a person, the newest first."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select r.recording_sid, r.call_sid, c.tenant_id, r.state, r.duration_s, r.channels, r.size_bytes, r.copy,
                   r.damage, r.checked_at, r.announced_at, r.stored_at, r.error_reason
              from recordings r left join calls c using (call_sid)
             where (%(state)s::text is null or r.state = %(state)s) and (%(call)s::text is null or r.call_sid = %(call)s)
               and (%(tenant)s::text is null or c.tenant_id = %(tenant)s) and (not %(damaged)s or r.damage is not null)
             order by r.announced_at desc, r.recording_sid desc limit %(limit)s
            """,
            {"state": state, "call": call_sid, "tenant": tenant_id, "damaged": is_damaged, "limit": limit},
        ).fetchall()


def custody(conn: Connection, recording_sid: str) -> dict[str, list[dict[str, Any]]]:
    """What hangs on a recording besides its row: jobs, receipts, holds, deletion, alerts."""
    queries: dict[str, LiteralString] = {
        "jobs": "select kind, state, attempts, next_at, finished_at, last_error from jobs"
        " where ref = %(sid)s and kind like 'recording.%%' order by id",
        "receipts": "select place, object_key, at, detail from recording_receipts where recording_sid = %(sid)s order by at",
        "holds": "select h.id, h.reason, h.placed_by, h.placed_at, h.lifted_by, h.lifted_at from recording_holds h"
        " join recordings r on r.recording_sid = %(sid)s left join calls c on c.call_sid = r.call_sid"
        " where h.recording_sid = %(sid)s or h.call_sid = r.call_sid or h.tenant_id = c.tenant_id order by h.placed_at",
        "deletion": "select reason, note, asked_by, asked_at, done_at from recording_deletions where recording_sid = %(sid)s",
        "alerts": "select source, level, at, resolved_at from alerts where resource_sid = %(sid)s order by at",
    }
    with conn.cursor(row_factory=dict_row) as cursor:
        return {name: cursor.execute(query, {"sid": recording_sid}).fetchall() for name, query in queries.items()}


def to_check(conn: Connection, *, before: datetime, sids: Sequence[str] = (), limit: int) -> list[str]:
    """Stored recordings that were not read back since then and are not to go, the longest unread first."""
    rows = conn.execute(
        """
        select recording_sid from recordings
         where state in ('stored', 'provider-deleted') and (checked_at is null or checked_at < %(before)s)
           and (%(sids)s::text[] = '{}' or recording_sid = any(%(sids)s))
           and not exists (select from recording_deletions d where d.recording_sid = recordings.recording_sid)
         order by checked_at nulls first, recording_sid limit %(limit)s
        """,
        {"before": before, "sids": list(sids), "limit": limit},
    ).fetchall()
    return [row[0] for row in rows]


def sound_of(recording: Recording) -> Sound:
    """What was stored of it. For stored ones only."""
    assert recording.size_bytes is not None  # the schema's check for stored ones
    assert recording.sha256 is not None
    return Sound(recording.size_bytes, recording.sha256, recording.blocks or b"", recording.content_type or "")


def damaged(conn: Connection) -> list[str]:
    """SIDs of what is damaged and still at Twilio."""
    rows = conn.execute(
        "select recording_sid from recordings where damage is not null and state = 'stored' order by damaged_at"
    ).fetchall()
    return [row[0] for row in rows]


def failed(conn: Connection) -> list[str]:
    """SIDs of what could not be had."""
    rows = conn.execute("select recording_sid from recordings where state = 'failed' order by announced_at").fetchall()
    return [row[0] for row in rows]


def is_key_named(conn: Connection, object_key: str) -> bool:
    """Whether a recording has this object, or is about to."""
    row = conn.execute(
        "select 1 from recordings where object_key = %s and state <> 'deleted' limit 1", (object_key,)
    ).fetchone()
    return row is not None


def keys(conn: Connection) -> set[str]:
    """Keys of everything that is stored."""
    rows = conn.execute("select object_key from recordings where state in ('stored', 'provider-deleted')").fetchall()
    return {row[0] for row in rows}


def heard_of(conn: Connection, *, since: datetime, until: datetime) -> list[tuple[str, str]]:
    """(RecordingSid, account) of what was announced in between and is not known to be gone."""
    return conn.execute(
        """
        select recording_sid, account_sid from recordings
         where announced_at between %s and %s and state not in ('absent', 'provider-deleted', 'deleted')
         order by announced_at, recording_sid
        """,
        (since, until),
    ).fetchall()


def lock(conn: Connection, recording_sid: str) -> None:
    """One reconciliation at a time decides on a recording, known or not, until the end of the transaction."""
    conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"reconcile|{recording_sid}",))
