"""Calls as their clients look at them: one with its legs, or a page of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from shared.db.ids import as_uuid

_COLUMNS: LiteralString = """
    c.id, c.call_sid, c.parent_call_sid, c.tenant_id, c.direction, c.from_number, c.to_number, c.status, c.dial_status,
    c.route, c.route_reason, c.screening, c.accepted, c.answered_by, c.decision, c.text_back, c.duration_s, c.stir,
    c.forwarded_from, c.caller_name, c.sip_code, c.error_code, c.recording_wanted, c.consent_way, c.consent,
    c.consent_rule, c.started_at, c.ended_at, c.decided_at, c.updated_at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOverview:
    """One leg. `call_sid` is None of a call that we are to place and that Twilio does not have."""

    id: UUID
    call_sid: str | None
    tenant_id: str | None
    direction: str
    from_number: str
    to_number: str
    status: str
    started_at: datetime
    updated_at: datetime
    parent_call_sid: str | None = None
    dial_status: str | None = None
    route: str | None = None
    route_reason: str | None = None
    screening: str | None = None
    accepted: bool | None = None
    answered_by: str | None = None
    decision: str | None = None
    text_back: str | None = None
    duration_s: int | None = None
    stir: str | None = None
    forwarded_from: str | None = None
    caller_name: str | None = None
    sip_code: int | None = None
    error_code: int | None = None
    recording_wanted: bool = False
    consent_way: str | None = None
    consent: str | None = None
    consent_rule: Any = None
    ended_at: datetime | None = None
    decided_at: datetime | None = None


def find(conn: Connection, id_or_sid: str, *, to_change: bool = False) -> CallOverview | None:
    """By our id or by Twilio's CallSid. `to_change`: its row is the caller's until the transaction ends."""
    for_update: LiteralString = "for update" if to_change else ""
    with conn.cursor(row_factory=class_row(CallOverview)) as cursor:
        return cursor.execute(
            f"select {_COLUMNS} from calls as c where c.call_sid = %(sid)s or c.id = %(id)s {for_update}",
            {"sid": id_or_sid, "id": as_uuid(id_or_sid)},
        ).fetchone()


def family(conn: Connection, call: CallOverview) -> list[CallOverview]:
    """The call itself, its parent if it is a leg, and the legs below it; the eldest first."""
    with conn.cursor(row_factory=class_row(CallOverview)) as cursor:
        return cursor.execute(
            f"""
            select {_COLUMNS} from calls as c
             where c.call_sid = any(%(own)s) or c.parent_call_sid = %(sid)s
             order by c.parent_call_sid is not null, c.started_at, c.id
            """,
            {"own": [sid for sid in (call.call_sid, call.parent_call_sid) if sid], "sid": call.call_sid},
        ).fetchall()


def page(
    conn: Connection, filters: Mapping[str, Any], *, limit: int, after: tuple[datetime, UUID] | None
) -> list[CallOverview]:
    """Calls by these filters (names of `_FILTERS`; None is no filter), newest first, behind the row `after`."""
    wanted = {name: filters.get(name) for name in _FILTERS}
    started_at, call_id = after or (None, None)
    with conn.cursor(row_factory=class_row(CallOverview)) as cursor:
        return cursor.execute(
            f"""
            select {_COLUMNS} from calls as c
             where (%(tenant_id)s::text is null or c.tenant_id = %(tenant_id)s)
               and (%(from_number)s::text is null or c.from_number = %(from_number)s)
               and (%(to_number)s::text is null or c.to_number = %(to_number)s)
               and (%(status)s::text is null or c.status = %(status)s)
               and (%(decision)s::text is null or c.decision = %(decision)s)
               and (%(direction)s::text is null or c.direction = %(direction)s)
               and (%(parent)s::text is null or c.parent_call_sid = %(parent)s)
               and (%(started_after)s::timestamptz is null or c.started_at >= %(started_after)s)
               and (%(started_before)s::timestamptz is null or c.started_at < %(started_before)s)
               and (%(at)s::timestamptz is null
                    or (c.started_at <= %(at)s and (c.started_at < %(at)s or c.id > %(id)s)))
             order by c.started_at desc, c.id limit %(limit)s
            """,
            {**wanted, "limit": limit, "at": started_at, "id": call_id},
        ).fetchall()


_FILTERS: Final = (
    "tenant_id", "from_number", "to_number", "status", "decision", "direction", "parent", "started_after",
    "started_before",
)  # fmt: skip
