"""Calls: what is known of each, merged from webhooks in any order by rank."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from shared.db.ids import as_uuid
from shared.domain.missed_call import CallFacts, Decision


@dataclass(frozen=True, slots=True)
class Call:
    """One call leg that reached us."""

    id: UUID
    call_sid: str
    parent_call_sid: str | None
    tenant_id: str | None
    direction: str
    from_number: str
    to_number: str
    status: str
    route: Literal["forward", "voicemail"] | None
    dial_status: str | None
    dial_bridged: bool | None
    duration_s: int | None
    answered_by: str | None
    decision: Decision | None
    decided_at: datetime | None
    started_at: datetime
    ended_at: datetime | None
    updated_at: datetime

    @property
    def facts(self) -> CallFacts:
        """What the missed-call decision looks at."""
        return CallFacts(self.direction, self.route, self.status, self.dial_status, self.dial_bridged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one webhook says of a call. None and "" mean: it does not say."""

    call_sid: str
    account_sid: str
    status: str
    at: datetime
    from_number: str = ""
    to_number: str = ""
    direction: str = ""
    parent_call_sid: str | None = None
    tenant_id: str | None = None
    route: str | None = None
    dial_status: str | None = None
    dial_bridged: bool | None = None
    duration_s: int | None = None
    answered_by: str | None = None
    detection_ms: int | None = None


def merge(conn: Connection, seen: Seen) -> Call:
    """The call after this webhook; the row is locked to commit.

    Of two values each column keeps one by a rule that does not ask which came first (the further status, the earlier
    time, the longer duration), so that the same webhooks end the same in any order.
    """
    with conn.cursor(row_factory=class_row(Call)) as cursor:
        row = cursor.execute(
            """
            insert into calls as c (call_sid, account_sid, parent_call_sid, tenant_id, direction, from_number, to_number,
                                    status, route, dial_status, dial_bridged, duration_s, answered_by, detection_ms,
                                    started_at, ended_at)
            values (%(call_sid)s, %(account_sid)s, %(parent_call_sid)s, %(tenant_id)s,
                    coalesce(nullif(%(direction)s, ''), 'inbound'), %(from_number)s, %(to_number)s, %(status)s,
                    %(route)s, %(dial_status)s, %(dial_bridged)s, %(duration_s)s, %(answered_by)s, %(detection_ms)s,
                    %(at)s, case when call_rank(%(status)s) = 4 then %(at)s end)
            on conflict (call_sid) do update set
                status = case when call_standing(excluded.status) > call_standing(c.status)
                              then excluded.status else c.status end,
                ended_at = least(c.ended_at, excluded.ended_at),
                parent_call_sid = greatest(c.parent_call_sid, excluded.parent_call_sid),
                tenant_id = greatest(c.tenant_id, excluded.tenant_id),
                -- "inbound" is also what a call is as long as nothing says otherwise; every other word sorts behind it
                direction = greatest(c.direction, nullif(%(direction)s, '')),
                from_number = greatest(c.from_number, excluded.from_number),
                to_number = greatest(c.to_number, excluded.to_number),
                route = least(c.route, excluded.route),  -- "forward" before "voicemail": the fallback may route anew
                dial_status = case when dial_standing(excluded.dial_status) > coalesce(dial_standing(c.dial_status), -1)
                                   then excluded.dial_status else c.dial_status end,
                dial_bridged = case when excluded.dial_status is null then c.dial_bridged
                                    when dial_standing(excluded.dial_status) > coalesce(dial_standing(c.dial_status), -1)
                                    then excluded.dial_bridged
                                    when excluded.dial_status = c.dial_status
                                    then greatest(c.dial_bridged, excluded.dial_bridged) else c.dial_bridged end,
                duration_s = greatest(c.duration_s, excluded.duration_s),
                answered_by = case when answered_by_standing(excluded.answered_by)
                                        > coalesce(answered_by_standing(c.answered_by), -1)
                                   then excluded.answered_by else c.answered_by end,
                detection_ms = greatest(c.detection_ms, excluded.detection_ms),
                started_at = least(c.started_at, excluded.started_at),
                updated_at = now()
            returning id, call_sid, parent_call_sid, tenant_id, direction, from_number, to_number, status, route,
                      dial_status, dial_bridged, duration_s, answered_by, decision, decided_at, started_at, ended_at,
                      updated_at
            """,
            {name: getattr(seen, name) for name in Seen.__slots__},
        ).fetchone()
    assert row is not None  # an upsert returns its row
    return row


def decide(conn: Connection, call_sid: str, decision: Decision) -> bool:
    """Records the one decision of a call. False if it has been decided before."""
    done = conn.execute(
        """
        update calls set decision = %(decision)s, decided_at = now(), updated_at = now(),
                         text_back = case when %(decision)s = 'missed' then 'wanted' end
         where call_sid = %(sid)s and decision is null
        """,
        {"sid": call_sid, "decision": decision},
    )
    return done.rowcount == 1


def find(conn: Connection, id_or_sid: str) -> Call | None:
    """By our id or by Twilio's CallSid."""
    with conn.cursor(row_factory=class_row(Call)) as cursor:
        return cursor.execute(
            """
            select id, call_sid, parent_call_sid, tenant_id, direction, from_number, to_number, status, route,
                   dial_status, dial_bridged, duration_s, answered_by, decision, decided_at, started_at, ended_at,
                   updated_at
              from calls where call_sid = %(sid)s or id = %(id)s
            """,
            {"sid": id_or_sid, "id": as_uuid(id_or_sid)},
        ).fetchone()


def active(conn: Connection) -> int:
    """How many calls have not ended, of those heard of in the last four hours (Twilio's longest call)."""
    row = conn.execute(
        "select count(*) from calls where call_rank(status) < 4 and updated_at > now() - interval '4 hours'"
    ).fetchone()
    return row[0] if row else 0
