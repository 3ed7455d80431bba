"""Who reads a recording, and for what: written before anything of it leaves, or nothing leaves."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg
from flask import request
from psycopg import Connection

from ingress import request_id
from ingress.api.faults import invalid
from ingress.api.recording_schemas import LONGEST_PURPOSE, is_printable
from ingress.service_guard import Caller
from shared import log
from shared.db import audit
from shared.db.recording_overview import RecordingOverview
from shared.errors import Transient

_RETRY_S: Final = 5  # as any outage of the database


def purpose(asked: Mapping[str, Any]) -> str | None:
    """What the caller says that it is for: the parameter, else the header. Raises Problem 422."""
    told = asked.get("purpose") or request.headers.get("X-Purpose")
    if told is None or "purpose" in asked:
        return told
    told = _as_utf8(told)
    if not (len(told) <= LONGEST_PURPOSE and is_printable(told)):
        detail = f"X-Purpose must have 1 to {LONGEST_PURPOSE} printable characters"
        raise invalid([{"parameter": "purpose", "code": "purpose", "detail": detail}])
    return told


def note(
    conn: Connection, action: str, actor: str, row: RecordingOverview, told: str | None, detail: Mapping[str, Any]
) -> None:
    """One act on one recording. Raises Transient: what cannot be written down does not happen."""
    _note(conn, action, actor, row.recording_sid, row.tenant_id, told, detail)


def note_list(
    conn: Connection, caller: Caller, subject: str, rows: Sequence[RecordingOverview], told: str | None
) -> None:
    """A list that was read; the detail names what was on it. Raises Transient."""
    detail = {"recordings": [row.recording_sid for row in rows]}
    _note(conn, "recording.read", caller.client, subject, caller.tenant_id, told, detail)


def note_words(
    conn: Connection, caller: Caller, action: str, subject: str, told: str | None, detail: Mapping[str, Any]
) -> None:
    """What was read of transcriptions, or looked for in them. Raises Transient."""
    _note(conn, action, caller.client, subject, caller.tenant_id, told, detail)


def _note(
    conn: Connection, action: str, actor: str, subject: str, tenant_id: str | None, told: str | None, detail: Any
) -> None:
    try:
        audit.note(
            conn, action, actor=actor, subject=subject, tenant_id=tenant_id, purpose=told,
            request_id=request_id.current(), detail=detail,
        )  # fmt: skip
    except psycopg.Error as fault:
        log.get().error("audit_refused", action=action, subject=subject, error_type=type(fault).__name__)
        raise Transient("audit unavailable", retry_after_s=_RETRY_S) from fault


def _as_utf8(text: str) -> str:
    """Header fields reach us as Latin-1, whatever their bytes were."""
    raw = text.encode("latin-1", "replace")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return text
