"""Messages, in and out: what they say, how far Twilio has brought them, and how far we have handed them over."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.db import message_steps
from shared.db.ids import as_uuid
from shared.domain.keywords import OptOutType
from shared.domain.message_life import MESSAGE_ARRIVED, MESSAGE_LOST, Report
from shared.domain.status import MESSAGE_FINAL

_COLUMNS: LiteralString = """
    id, message_sid, tenant_id, client, idempotency_key, direction, from_number, to_number, body, media, status,
    send_state, sending_since, error_code, error_reason, segments, is_conflicted, retry_of, nth_try, created_at, updated_at
"""

# What a text is to the outside that Twilio has said nothing of; in every other state of sending it is queued.
_STATE_WITHOUT_TWILIO: Final = {"refused": "failed", "canceled": "canceled"}


@dataclass(frozen=True, slots=True)
class Message:
    """One text. `status` is Twilio's word, `send_state` ours (outbound only).

    `retry_of`: the text in whose place it is sent, because Twilio took and lost that one; then `nth_try` is over 1.
    """

    id: UUID
    message_sid: str | None
    tenant_id: str | None
    client: str | None
    idempotency_key: str | None
    direction: Literal["inbound", "outbound"]
    from_number: str
    to_number: str
    body: str
    media: list[dict[str, Any]]
    status: str | None
    send_state: Literal["queued", "sending", "unknown", "parked", "canceled", "refused", "handed"] | None
    sending_since: datetime | None
    error_code: int | None
    error_reason: str | None
    segments: int | None
    is_conflicted: bool
    retry_of: UUID | None
    nth_try: int
    created_at: datetime
    updated_at: datetime

    @property
    def state(self) -> str:
        """One word for the outside: Twilio's status once there is one; before, what has become of it here."""
        return self.status or _STATE_WITHOUT_TWILIO.get(self.send_state or "", "queued")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How and when a text is to go, and what was decided about it. `refusal`: it is kept, and will not be sent."""

    purpose: str | None = None
    lane: int | None = None
    messaging_service_sid: str | None = None
    send_at: datetime | None = None
    expires_at: datetime | None = None
    estimated_send_at: datetime | None = None
    on_unknown: Literal["resend", "park"] = "resend"
    encoding: str | None = None
    planned_segments: int | None = None
    bulk_id: UUID | None = None
    decision: str | None = None
    decision_rules: list[dict[str, Any]] | None = None
    held_until: datetime | None = None
    consent_id: UUID | None = None
    refusal: str | None = None


_UNPLANNED = Plan()


def insert_outbound(
    conn: Connection,
    *,
    client: str,
    idempotency_key: str | None,
    tenant_id: str | None,
    from_number: str,
    to_number: str,
    body: str,
    media: list[dict[str, Any]],
    plan: Plan = _UNPLANNED,
) -> Message:
    """A text we promise to send. With a key that `client` has used before: the message it made then.

    Without `from_number`, Twilio chooses the sender from the Messaging Service of the plan.
    """
    rules = None if plan.decision_rules is None else Jsonb(plan.decision_rules)
    with conn.cursor(row_factory=class_row(Message)) as cursor:
        row = cursor.execute(
            f"""
            insert into messages (client, idempotency_key, tenant_id, direction, from_number, to_number, body, media,
                                  send_state, error_reason, purpose, lane, messaging_service_sid, send_at, expires_at,
                                  estimated_send_at, on_unknown, encoding, planned_segments, bulk_id, decision,
                                  decision_rules, held_until, consent_id, decided_at)
            values (%(client)s, %(idempotency_key)s, %(tenant_id)s, 'outbound', %(from)s, %(to)s, %(body)s, %(media)s,
                    case when %(refusal)s::text is null then 'queued' else 'refused' end,
                    %(refusal)s, %(purpose)s, %(lane)s,
                    %(messaging_service_sid)s, %(send_at)s, %(expires_at)s, %(estimated_send_at)s, %(on_unknown)s,
                    %(encoding)s, %(planned_segments)s, %(bulk_id)s, %(decision)s, %(rules)s, %(held_until)s,
                    %(consent_id)s, case when %(decision)s::text is null then null else now() end)
            on conflict (client, idempotency_key) where idempotency_key is not null do update set client = excluded.client
            returning {_COLUMNS}
            """,
            {
                "client": client,
                "idempotency_key": idempotency_key,
                "tenant_id": tenant_id,
                "from": from_number,
                "to": to_number,
                "body": body,
                "media": Jsonb(media),
                "rules": rules,
                **{name: getattr(plan, name) for name in Plan.__slots__ if name != "decision_rules"},
            },
        ).fetchone()
    assert row is not None  # an upsert returns its row
    return row


def of_key(conn: Connection, client: str, idempotency_key: str) -> Message | None:
    """The text that `client` has asked for under this key."""
    with conn.cursor(row_factory=class_row(Message)) as cursor:
        return cursor.execute(
            f"select {_COLUMNS} from messages where client = %s and idempotency_key = %s", (client, idempotency_key)
        ).fetchone()


def insert_inbound(
    conn: Connection,
    *,
    message_sid: str,
    account_sid: str,
    tenant_id: str | None,
    from_number: str,
    to_number: str,
    body: str,
    media: list[dict[str, Any]],
    segments: int | None,
    opt_out_type: OptOutType | None = None,
    messaging_service_sid: str | None = None,
) -> bool:
    """A text somebody sent us. False if it is here already."""
    done = conn.execute(
        """
        insert into messages (message_sid, account_sid, tenant_id, direction, from_number, to_number, body, media, status,
                              segments, opt_out_type, messaging_service_sid)
        values (%(sid)s, %(account)s, %(tenant_id)s, 'inbound', %(from)s, %(to)s, %(body)s, %(media)s, 'received',
                %(segments)s, %(opt_out_type)s, %(service)s)
        on conflict (message_sid) do nothing
        """,
        {
            "sid": message_sid,
            "account": account_sid,
            "tenant_id": tenant_id,
            "from": from_number,
            "to": to_number,
            "body": body,
            "media": Jsonb(media),
            "segments": segments,
            "opt_out_type": opt_out_type,
            "service": messaging_service_sid,
        },
    )
    return done.rowcount == 1


def mark_sending(conn: Connection, message_id: UUID) -> bool:
    """Written and committed before the request to Twilio leaves. False if it left before: then find out, don't send."""
    done = conn.execute(
        """
        update messages set send_state = 'sending', sending_since = now(), updated_at = now()
         where id = %s and send_state = 'queued'
        """,
        (message_id,),
    )
    return done.rowcount == 1


def mark_unsent(conn: Connection, attempts: Sequence[tuple[UUID, datetime | None]]) -> int:
    """It is certain that Twilio does not have them: they may be sent (again). How many were not settled otherwise.

    Each with its `sending_since`: whoever stood still for minutes knows of his own attempt only, and another one, begun
    meanwhile, may be under way.
    """
    return conn.execute(
        """
        update messages set send_state = 'queued', sending_since = null, updated_at = now()
          from unnest(%s::uuid[], %s::timestamptz[]) as attempt (id, since)
         where messages.id = attempt.id and sending_since is not distinct from attempt.since
           and send_state in ('sending', 'unknown')
        """,
        ([message_id for message_id, _ in attempts], [since for _, since in attempts]),
    ).rowcount


def mark_unknown(conn: Connection, message_id: UUID, since: datetime | None, reason: str) -> bool:
    """No answer came to the attempt begun at `since`: Twilio may have it or not."""
    done = conn.execute(
        """
        update messages set send_state = 'unknown', error_reason = %s, updated_at = now()
         where id = %s and sending_since is not distinct from %s and send_state = 'sending'
        """,
        (reason, message_id, since),
    )
    return done.rowcount == 1


def mark_parked(conn: Connection, message_id: UUID, reason: str) -> bool:
    """It is not known whether Twilio has it, and a person is to decide. False if that is settled already."""
    done = conn.execute(
        """
        update messages set send_state = 'parked', error_reason = %s, updated_at = now()
         where id = %s and send_state in ('sending', 'unknown')
        """,
        (reason, message_id),
    )
    return done.rowcount == 1


def mark_handed(
    conn: Connection,
    message_id: UUID,
    *,
    message_sid: str,
    account_sid: str,
    status: str | None = None,
    segments: int | None = None,
) -> bool:
    """Twilio has it, whatever we had given up. False if that was known already.

    A status callback may overtake Twilio's answer to our request, so this is heard from both sides. `status`: what Twilio
    says of it in the same breath, if it does.
    """
    done = conn.execute(
        """
        update messages set
            send_state = 'handed', message_sid = %(sid)s, account_sid = coalesce(account_sid, %(account)s),
            error_code = null, error_reason = null, updated_at = now()
         where id = %(id)s and direction = 'outbound' and send_state <> 'handed'
           and not exists (select 1 from messages where message_sid = %(sid)s)  -- a callback may name another text's SID
        """,
        {"id": message_id, "sid": message_sid, "account": account_sid},
    )
    if done.rowcount == 1 and status is not None:
        advance(conn, message_sid, Report(status=status, segments=segments))
    return done.rowcount == 1


def mark_refused(conn: Connection, message_id: UUID, *, code: int | None, reason: str) -> bool:
    """It will not be sent. False if that is settled already. `status` stays Twilio's word: none was said."""
    done = conn.execute(
        """
        update messages set send_state = 'refused', error_code = %(code)s, error_reason = %(reason)s, updated_at = now()
         where id = %(id)s and send_rank(send_state) < 4
        """,
        {"id": message_id, "code": code, "reason": reason},
    )
    return done.rowcount == 1


@dataclass(frozen=True, slots=True)
class Heard:
    """What Twilio says of the text that it calls `message_sid`, and when we heard it (None: now)."""

    message_sid: str
    report: Report
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Advanced:
    """A text after a report of Twilio's. `is_new_conflict`: with this report two ends are known that cannot both be true."""

    message: Message
    is_new_conflict: bool


def advance(conn: Connection, message_sid: str, report: Report, *, at: datetime | None = None) -> Advanced | None:
    """The message after this report, heard `at` (None: now), or None if the message is unknown."""
    return advance_all(conn, [Heard(message_sid, report, at)]).get(message_sid)


def advance_all(conn: Connection, heard: Sequence[Heard]) -> dict[str, Advanced]:
    """The messages after these reports, at most one for each, by MessageSid; without those that are unknown.

    The rules of `shared.domain.message_life`: nothing asks which report came first. A report is a step of the text; what
    the steps say is read by a statement of its own, after the rows are locked, so that two at once see each other's.
    """
    ids = {sid: message_id for message_id, sid in message_steps.hear(conn, _told(heard))}
    if not ids:
        return {}
    reports = {one.message_sid: one.report for one in heard if one.message_sid in ids}
    with conn.cursor(row_factory=class_row(Message)) as cursor:
        rows = cursor.execute(
            _ADVANCE,
            {
                "ids": f"{{{','.join(map(str, ids.values()))}}}",
                "said": _said({ids[sid]: report for sid, report in reports.items()}),
                "arrived": _ARRIVED,
                "lost": _LOST,
                "final": _FINAL,
            },
        ).fetchall()
    return {sid: Advanced(row, _is_new_conflict(conn, row, reports[sid])) for row in rows if (sid := row.message_sid)}


# Ids come as an array and are looked up as such: a join with the document would be planned for a hundred rows.
_ADVANCE: LiteralString = f"""
    update messages set
        status = case when message_standing(stands) > coalesce(message_standing(status), -1) then stands else status end,
        error_code = case when stands <> all(%(arrived)s::text[]) and (coded = stands or coded = any(%(lost)s::text[]))
                          then code end,
        is_conflicted = outcomes > 1,
        segments = greatest(segments, said_segments), price = greatest(price, said_price::numeric(12, 6)),
        price_unit = greatest(price_unit, said_unit), carrier_done_at = greatest(carrier_done_at, said_done_at),
        messaging_service_sid = greatest(messaging_service_sid, said_service), updated_at = now()
      from (select message_id,
                   (array_agg(status order by message_standing(status) desc)
                       filter (where message_rank(status) >= 0))[1] as stands,
                   (array_agg(status order by message_standing(status) desc, error_code desc)
                       filter (where message_rank(status) >= 0 and error_code is not null))[1] as coded,
                   (array_agg(error_code order by message_standing(status) desc, error_code desc)
                       filter (where message_rank(status) >= 0 and error_code is not null))[1] as code,
                   count(distinct case status when 'read' then 'delivered' else status end)
                       filter (where status = any(%(final)s::text[])) as outcomes
              from message_steps where message_id = any(%(ids)s::uuid[]) and step = 'status' group by message_id) as heard
      join jsonb_to_recordset(%(said)s::jsonb) as said (
               said_id uuid, said_segments int, said_price text, said_unit text, said_done_at timestamptz,
               said_service text)
        on said_id = message_id
     where id = message_id and id = any(%(ids)s::uuid[])
    returning {_COLUMNS}
"""


def _array(words: Iterable[str]) -> str:
    """PostgreSQL's array of plain words: psycopg adapts lists slowly."""
    return f"{{{','.join(sorted(words))}}}"


_ARRIVED, _LOST, _FINAL = _array(MESSAGE_ARRIVED), _array(MESSAGE_LOST), _array(MESSAGE_FINAL)


def _told(heard: Sequence[Heard]) -> str:
    return json.dumps(
        [
            {
                "sid": one.message_sid,
                "status": one.report.status,
                "error_code": one.report.error_code,
                "at": one.at and one.at.isoformat(),
            }
            for one in heard
        ]
    )


def _said(reports: Mapping[UUID, Report]) -> str:
    return json.dumps(
        [
            {
                "said_id": str(message_id),
                "said_segments": report.segments,
                "said_price": report.price,
                "said_unit": report.price_unit,
                "said_done_at": report.carrier_done_at and report.carrier_done_at.isoformat(),
                "said_service": report.messaging_service_sid,
            }
            for message_id, report in reports.items()
        ]
    )


def _is_new_conflict(conn: Connection, message: Message, report: Report) -> bool:
    is_doubtful = message.is_conflicted and report.status in MESSAGE_FINAL
    return is_doubtful and message_steps.note_conflict(conn, message.id)


def find(conn: Connection, id_or_sid: str) -> Message | None:
    """By our id or by Twilio's MessageSid."""
    with conn.cursor(row_factory=class_row(Message)) as cursor:
        return cursor.execute(
            f"select {_COLUMNS} from messages where message_sid = %(sid)s or id = %(id)s",
            {"sid": id_or_sid, "id": as_uuid(id_or_sid)},
        ).fetchone()


def find_many(conn: Connection, message_ids: Sequence[str]) -> dict[str, Message]:
    """The messages of these ids of ours, by id."""
    with conn.cursor(row_factory=class_row(Message)) as cursor:
        rows = cursor.execute(
            f"select {_COLUMNS} from messages where id = any(%s)", ([UUID(message_id) for message_id in message_ids],)
        ).fetchall()
    return {str(row.id): row for row in rows}


def known_sids(conn: Connection, sids: list[str]) -> set[str]:
    """Which of these MessageSids belong to messages we know."""
    rows = conn.execute("select message_sid from messages where message_sid = any(%s)", (sids,)).fetchall()
    return {row[0] for row in rows}


def page(conn: Connection, *, client: str | None, limit: int, before: tuple[datetime, UUID] | None) -> list[Message]:
    """The newest messages (of one client), after the cursor (created_at, id)."""
    created_at, message_id = before or (None, None)
    with conn.cursor(row_factory=class_row(Message)) as cursor:
        return cursor.execute(
            f"""
            select {_COLUMNS} from messages
             where (%(client)s::text is null or client = %(client)s)
               and (%(at)s::timestamptz is null or (created_at, id) < (%(at)s, %(id)s))
             order by created_at desc, id desc limit %(limit)s
            """,
            {"client": client, "limit": limit, "at": created_at, "id": message_id},
        ).fetchall()
