"""Calls: what is known of each, merged from webhooks in any order by rank.

A leg of a call (a phone that was dialled for it) is a row of its own that names its parent. Whoever writes a leg locks its
parent first (`lock`), so that two who do the same wait for each other and not in a circle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.db.ids import as_uuid
from shared.domain.missed_call import CallFacts, Decision
from shared.domain.text_back import TextBack

COLUMNS: LiteralString = """
    id, call_sid, parent_call_sid, tenant_id, direction, from_number, to_number, status, route, route_reason, screening,
    accepted, dial_status, dial_bridged, dial_ended, dial_call_sid, dial_duration_s, is_unanswered, duration_s, answered_by,
    sequence, sip_code, error_code, stir, forwarded_from, caller_name, decision, decided_at, text_back, recording_wanted,
    consent_way, consent, consent_rule, started_at, ended_at, updated_at
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One call, or one leg of a call, that reached us."""

    id: UUID
    call_sid: str
    parent_call_sid: str | None
    tenant_id: str | None
    direction: str
    from_number: str
    to_number: str
    status: str
    route: str | None
    route_reason: str | None
    screening: str | None
    accepted: bool | None
    dial_status: str | None
    dial_bridged: bool | None
    dial_ended: bool
    dial_call_sid: str | None
    dial_duration_s: int | None
    is_unanswered: bool
    duration_s: int | None
    answered_by: str | None
    sequence: int | None
    sip_code: int | None
    error_code: int | None
    stir: str | None
    forwarded_from: str | None
    caller_name: str | None
    decision: Decision | None
    decided_at: datetime | None
    text_back: TextBack | None
    recording_wanted: bool
    consent_way: str | None
    consent: str | None
    consent_rule: dict[str, Any] | None
    started_at: datetime
    ended_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one webhook says of a call. None, False and "" mean: it does not say."""

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
    route_reason: str | None = None
    screening: str | None = None
    accepted: bool | None = None
    dial_status: str | None = None
    dial_bridged: bool | None = None
    dial_ended: bool = False
    dial_call_sid: str | None = None
    dial_duration_s: int | None = None
    duration_s: int | None = None
    answered_by: str | None = None
    detection_ms: int | None = None
    sequence: int | None = None
    sip_code: int | None = None
    error_code: int | None = None
    stir: str | None = None
    forwarded_from: str | None = None
    caller_name: str | None = None
    recording_wanted: bool = False
    consent_way: str | None = None
    consent: str | None = None
    consent_rule: Mapping[str, str] | None = None


# Which of two dial results stands, and what of two routes and consents.
_DIALS: LiteralString = "dial_weight(excluded.dial_ended, excluded.dial_status, excluded.dial_bridged)"
_DIALED: LiteralString = "dial_weight(c.dial_ended, c.dial_status, c.dial_bridged)"


def merge(conn: Connection, seen: Seen) -> Call:
    """The call after this webhook; the row is locked to commit.

    Of two values each column keeps one by a rule that does not ask which came first (the further status, the earlier
    time, the longer duration), so that the same webhooks end the same in any order.
    """
    values = {name: getattr(seen, name) for name in Seen.__slots__}
    with conn.cursor(row_factory=class_row(Call)) as cursor:
        row = cursor.execute(
            f"""
            insert into calls as c (call_sid, account_sid, parent_call_sid, tenant_id, direction, from_number, to_number,
                                    status, is_unanswered, route, route_reason, screening, accepted, dial_status,
                                    dial_bridged, dial_ended, dial_call_sid, dial_duration_s, duration_s, answered_by,
                                    detection_ms, sequence, sip_code, error_code, stir, forwarded_from, caller_name,
                                    recording_wanted, consent_way, consent, consent_rule, started_at, ended_at)
            values (%(call_sid)s, %(account_sid)s, %(parent_call_sid)s, %(tenant_id)s,
                    coalesce(nullif(%(direction)s, ''), 'inbound'), %(from_number)s, %(to_number)s,
                    %(status)s, call_rank(%(status)s) = 4 and %(status)s <> 'completed',
                    %(route)s, %(route_reason)s, %(screening)s, %(accepted)s, %(dial_status)s,
                    %(dial_bridged)s, %(dial_ended)s, %(dial_call_sid)s, %(dial_duration_s)s, %(duration_s)s, %(answered_by)s,
                    %(detection_ms)s, %(sequence)s, %(sip_code)s, %(error_code)s, %(stir)s, %(forwarded_from)s,
                    %(caller_name)s, %(recording_wanted)s, %(consent_way)s, %(consent)s, %(consent_rule)s,
                    %(at)s, case when call_rank(%(status)s) = 4 then %(at)s end)
            on conflict (call_sid) do update set
                status = case when call_standing(excluded.status) > call_standing(c.status)
                              then excluded.status else c.status end,
                is_unanswered = c.is_unanswered or excluded.is_unanswered,
                ended_at = least(c.ended_at, excluded.ended_at),
                parent_call_sid = greatest(c.parent_call_sid, excluded.parent_call_sid),
                tenant_id = greatest(c.tenant_id, excluded.tenant_id),
                -- "inbound" is also what a call is as long as nothing says otherwise; every other word sorts behind it
                direction = greatest(c.direction, nullif(%(direction)s, '')),
                from_number = greatest(c.from_number, excluded.from_number),
                to_number = greatest(c.to_number, excluded.to_number),
                -- of several answers the one that went furthest, with its own reason
                route = case when route_rank(excluded.route) > coalesce(route_rank(c.route), -1)
                             then excluded.route else c.route end,
                route_reason = case when excluded.route is null then c.route_reason
                                    when route_rank(excluded.route) > coalesce(route_rank(c.route), -1)
                                    then excluded.route_reason
                                    when excluded.route = c.route
                                    then greatest(c.route_reason, excluded.route_reason) else c.route_reason end,
                screening = greatest(c.screening, excluded.screening),
                accepted = greatest(c.accepted, excluded.accepted),
                dial_status = case when {_DIALS} > {_DIALED} then excluded.dial_status else c.dial_status end,
                dial_bridged = case when {_DIALS} > {_DIALED} then excluded.dial_bridged else c.dial_bridged end,
                dial_call_sid = case when {_DIALS} > {_DIALED} then excluded.dial_call_sid when {_DIALS} = {_DIALED}
                                     then greatest(c.dial_call_sid, excluded.dial_call_sid) else c.dial_call_sid end,
                dial_duration_s = case when {_DIALS} > {_DIALED} then excluded.dial_duration_s when {_DIALS} = {_DIALED}
                                       then greatest(c.dial_duration_s, excluded.dial_duration_s)
                                       else c.dial_duration_s end,
                dial_ended = c.dial_ended or excluded.dial_ended,
                duration_s = greatest(c.duration_s, excluded.duration_s),
                answered_by = case when answered_by_standing(excluded.answered_by)
                                        > coalesce(answered_by_standing(c.answered_by), -1)
                                   then excluded.answered_by else c.answered_by end,
                detection_ms = greatest(c.detection_ms, excluded.detection_ms),
                sequence = greatest(c.sequence, excluded.sequence),
                sip_code = greatest(c.sip_code, excluded.sip_code),
                error_code = greatest(c.error_code, excluded.error_code),
                stir = greatest(c.stir, excluded.stir),
                forwarded_from = greatest(c.forwarded_from, excluded.forwarded_from),
                caller_name = greatest(c.caller_name, excluded.caller_name),
                recording_wanted = c.recording_wanted or excluded.recording_wanted,
                consent_way = case when consent_way_rank(excluded.consent_way) > coalesce(consent_way_rank(c.consent_way), -1)
                                   then excluded.consent_way else c.consent_way end,
                consent = case when consent_rank(excluded.consent) > coalesce(consent_rank(c.consent), -1)
                               then excluded.consent else c.consent end,
                consent_rule = greatest(c.consent_rule, excluded.consent_rule),
                started_at = least(c.started_at, excluded.started_at),
                updated_at = now()
            returning {COLUMNS}
            """,
            values | {"consent_rule": Jsonb(dict(seen.consent_rule)) if seen.consent_rule else None},
        ).fetchone()
    assert row is not None  # an upsert returns its row
    return row


def lock(conn: Connection, call_sid: str) -> Call | None:
    """The call, locked to commit: nobody else writes it or its legs meanwhile."""
    with conn.cursor(row_factory=class_row(Call)) as cursor:
        return cursor.execute(f"select {COLUMNS} from calls where call_sid = %s for update", (call_sid,)).fetchone()


def parent_of(conn: Connection, call_sid: str) -> str | None:
    """The call that this is a leg of, as far as it was heard: it says so itself, or that call's dial result does."""
    row = conn.execute(
        """
        select coalesce((select parent_call_sid from calls where call_sid = %(sid)s),
                        (select max(call_sid) from calls where dial_call_sid = %(sid)s and call_sid <> %(sid)s))
        """,
        {"sid": call_sid},
    ).fetchone()
    return row[0] if row else None


def facts(conn: Connection, call: Call) -> CallFacts:
    """What the decision looks at, of the call and its legs: of the one that the last dial result names, else of all.

    What was said of the call itself counts too: not every callback about a leg names the leg.
    """
    row = conn.execute(
        """
        select bool_or(accepted), bool_or(status in ('in-progress', 'completed')),
               (array_agg(answered_by order by answered_by_standing(answered_by) desc nulls last))[1], max(screening)
          from (select accepted, answered_by, screening, case when call_sid <> %(sid)s then status end as status from calls
                 where call_sid in (%(sid)s, %(leg)s)
                    or (%(leg)s::text is null and parent_call_sid = %(sid)s)) as heard
        """,
        {"sid": call.call_sid, "leg": call.dial_call_sid if call.dial_ended else None},
    ).fetchone()
    accepted, is_picked_up, answered_by, screening = row or (None, None, None, None)
    return CallFacts(
        direction=call.direction, route=call.route, status=call.status, dial_status=call.dial_status,
        bridged=call.dial_bridged, dial_ended=call.dial_ended, is_unanswered=call.is_unanswered, screening=screening,
        answered_by=answered_by, accepted=accepted, is_picked_up=bool(is_picked_up),
    )  # fmt: skip


def decide(conn: Connection, call_sid: str, decision: Decision, *, text_back: TextBack | None = None) -> bool:
    """Records the decision of a call. False if one that stands against it was taken before.

    `text_back`: what becomes of a missed call's text.
    """
    done = conn.execute(
        """
        update calls set decision = %(decision)s, decided_at = now(), updated_at = now(), text_back = %(text_back)s
         where call_sid = %(sid)s and decision_rank(%(decision)s) > coalesce(decision_rank(decision), -1)
        """,
        {"sid": call_sid, "decision": decision, "text_back": text_back},
    )
    return done.rowcount == 1


def change_text_back(conn: Connection, call_sid: str, text_back: TextBack) -> None:
    """Of a missed call: its text has become too late, or is not after all."""
    conn.execute(
        "update calls set text_back = %s, updated_at = now() where call_sid = %s and decision = 'missed'",
        (text_back, call_sid),
    )


def give_owner(conn: Connection, business: str, tenant_id: str, *, within: timedelta) -> list[str]:
    """The CallSids of the calls to `business` of late that had no tenant, oldest first; they have this one now."""
    rows = conn.execute(
        """
        with orphans as (
            update calls set tenant_id = %(tenant)s, updated_at = now()
             where to_number = %(business)s and direction = 'inbound' and parent_call_sid is null
               and started_at > now() - %(within)s::interval
               and (tenant_id is null or (tenant_id = %(tenant)s and text_back = 'no-tenant'))
            returning call_sid, started_at)
        select call_sid from orphans order by started_at, call_sid
        """,
        {"business": business, "tenant": tenant_id, "within": within},
    ).fetchall()
    return [row[0] for row in rows]


def adopt(conn: Connection, leg: str, parent: str) -> None:
    """A dial result names the leg, should the leg have been heard of and not have said whose it is."""
    conn.execute(
        """
        update calls set parent_call_sid = %(parent)s, direction = greatest(direction, 'outbound-dial'), updated_at = now()
         where call_sid = %(leg)s and parent_call_sid is null
        """,
        {"leg": leg, "parent": parent},
    )


def find(conn: Connection, id_or_sid: str) -> Call | None:
    """By our id or by Twilio's CallSid."""
    with conn.cursor(row_factory=class_row(Call)) as cursor:
        return cursor.execute(
            f"select {COLUMNS} from calls where call_sid = %(sid)s or id = %(id)s",
            {"sid": id_or_sid, "id": as_uuid(id_or_sid)},
        ).fetchone()


def active(conn: Connection) -> int:
    """How many calls have not ended, of those heard of in the last four hours (Twilio's longest call)."""
    row = conn.execute(
        "select count(*) from calls where call_rank(status) < 4 and updated_at > now() - interval '4 hours'"
    ).fetchone()
    return row[0] if row else 0
