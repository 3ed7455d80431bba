"""Calls that we place: one row each, which says "placing" before the request to Twilio leaves."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.db.ids import as_uuid
from shared.domain.law import Purpose

State = Literal["queued", "placing", "unknown", "canceled", "refused", "placed"]

_COLUMNS: LiteralString = """
    id, call_sid, client, tenant_id, from_number, to_number, purpose, plan, state, permission, placing_since,
    extract(epoch from clock_timestamp() - coalesce(placing_since, created_at))::float as placing_for_s,
    expires_at <= clock_timestamp() as is_expired, error_code, error_reason, expires_at, created_at, updated_at
"""


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """One call. `plan` has what the callee hears and whom they are connected to, `permission` the decision about it.

    `placing_for_s`: seconds since its request may have left, by PostgreSQL's clock, as `is_expired` is.
    """

    id: UUID
    call_sid: str | None
    client: str
    tenant_id: str | None
    from_number: str
    to_number: str
    purpose: Purpose
    plan: dict[str, Any]
    state: State
    permission: dict[str, Any] | None
    placing_since: datetime | None
    placing_for_s: float
    is_expired: bool
    error_code: int | None
    error_reason: str | None
    expires_at: datetime
    created_at: datetime
    updated_at: datetime


def insert(
    conn: Connection,
    *,
    call_id: UUID,
    client: str,
    tenant_id: str | None,
    from_number: str,
    to_number: str,
    purpose: Purpose,
    plan: dict[str, Any],
    permission: dict[str, Any],
    validity_s: float,
    refusal: str | None = None,
) -> PlacedCall:
    """A call that we promise to place within `validity_s`, or that is kept as refused."""
    with conn.cursor(row_factory=class_row(PlacedCall)) as cursor:
        row = cursor.execute(
            f"""
            insert into placed_calls (id, client, tenant_id, from_number, to_number, purpose, plan, permission, state,
                                      error_reason, expires_at)
            values (%(id)s, %(client)s, %(tenant)s, %(from)s, %(to)s, %(purpose)s, %(plan)s, %(permission)s,
                    case when %(refusal)s::text is null then 'queued' else 'refused' end, %(refusal)s,
                    now() + make_interval(secs => %(validity_s)s))
            returning {_COLUMNS}
            """,
            {
                "id": call_id,
                "client": client,
                "tenant": tenant_id,
                "from": from_number,
                "to": to_number,
                "purpose": purpose,
                "plan": Jsonb(plan),
                "permission": Jsonb(permission),
                "refusal": refusal,
                "validity_s": validity_s,
            },
        ).fetchone()
    assert row is not None  # an insert returns its row
    return row


def find(conn: Connection, id_or_sid: str) -> PlacedCall | None:
    """By our id or by Twilio's CallSid."""
    with conn.cursor(row_factory=class_row(PlacedCall)) as cursor:
        return cursor.execute(
            f"select {_COLUMNS} from placed_calls where id = %(id)s or call_sid = %(sid)s",
            {"id": as_uuid(id_or_sid), "sid": id_or_sid},
        ).fetchone()


def begin(conn: Connection, call_id: UUID, permission: dict[str, Any]) -> datetime | None:
    """Written and committed before the request leaves; since when it is. None: it has left, or was called off."""
    row = conn.execute(
        """
        update placed_calls set state = 'placing', placing_since = clock_timestamp(), permission = %s, updated_at = now()
         where id = %s and state = 'queued' returning placing_since
        """,
        (Jsonb(permission), call_id),
    ).fetchone()
    return row[0] if row else None


def decided(conn: Connection, call_id: UUID, permission: dict[str, Any]) -> None:
    """The decision that was taken last."""
    conn.execute("update placed_calls set permission = %s where id = %s", (Jsonb(permission), call_id))


def mark_not_placed(conn: Connection, call_id: UUID, since: datetime) -> bool:
    """It is certain that the attempt that began at `since` made no call: another may begin."""
    done = conn.execute(
        """
        update placed_calls set state = 'queued', placing_since = null, updated_at = now()
         where id = %s and placing_since = %s and state in ('placing', 'unknown')
        """,
        (call_id, since),
    )
    return done.rowcount == 1


def mark_unknown(conn: Connection, call_id: UUID, since: datetime, reason: str) -> bool:
    """Twilio may have made it: nobody dials before that is settled, and nobody again after."""
    done = conn.execute(
        """
        update placed_calls set state = 'unknown', error_reason = %s, updated_at = now()
         where id = %s and placing_since = %s and state = 'placing'
        """,
        (reason, call_id, since),
    )
    return done.rowcount == 1


def mark_refused(conn: Connection, call_id: UUID, *, code: int | None, reason: str) -> bool:
    """It will not be placed. False if it has an end already."""
    done = conn.execute(
        """
        update placed_calls set state = 'refused', error_code = %s, error_reason = %s, updated_at = now()
         where id = %s and place_rank(state) < 3
        """,
        (code, reason, call_id),
    )
    return done.rowcount == 1


def cancel(conn: Connection, call_id: UUID) -> bool:
    """Calls off what has not left. False if it is too late: a worker marks it as placing by the same condition."""
    done = conn.execute(
        """
        update placed_calls set state = 'canceled', error_reason = 'ended before it left', updated_at = now()
         where id = %s and state = 'queued'
        """,
        (call_id,),
    )
    return done.rowcount == 1


def note_sid(conn: Connection, call_id: UUID, call_sid: str) -> bool:
    """Twilio has it under this SID: its answer, a callback that names the call, or its list. False if that was known.

    Call it when `calls` has the row: that gets the id under which the call was asked for, its tenant, and on what ground it
    is recorded.
    """
    done = conn.execute(
        """
        update placed_calls set state = 'placed', call_sid = %(sid)s, error_code = null, error_reason = null,
                                updated_at = now()
         where id = %(id)s and state <> 'placed'
           and not exists (select from placed_calls as other where other.call_sid = %(sid)s)
        """,
        {"id": call_id, "sid": call_sid},
    )
    if done.rowcount == 0:
        return False
    conn.execute(
        """
        update calls set id = placed.id, tenant_id = coalesce(placed.tenant_id, calls.tenant_id),
               recording_wanted = calls.recording_wanted or coalesce((plan ->> 'record')::boolean, false),
               consent_way = coalesce(calls.consent_way, plan -> 'consent' ->> 'way'),
               consent = coalesce(calls.consent, plan -> 'consent' ->> 'consent'),
               consent_rule = coalesce(calls.consent_rule, plan -> 'consent' -> 'rule')
          from placed_calls as placed where placed.id = %s and calls.call_sid = placed.call_sid
        """,
        (call_id,),
    )
    return True


def known_sids(conn: Connection, call_sids: Collection[str]) -> set[str]:
    """Those of these that are some placed call's already."""
    rows = conn.execute("select call_sid from placed_calls where call_sid = any(%s)", (list(call_sids),)).fetchall()
    return {row[0] for row in rows}
