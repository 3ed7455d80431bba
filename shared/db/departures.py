"""A text at the moment of its departure: everything that decides whether it leaves now, read in one go."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.db.ids import as_uuid


@dataclass(frozen=True, slots=True)
class Departure:
    """What is to leave, from whom, until when; what holds it. `group_…` is the Messaging Service the sender belongs to.

    `sending_for_s`: seconds since its request may have left, by the clock that has written `sending_since`.
    """

    id: UUID
    message_sid: str | None
    tenant_id: str | None
    from_number: str
    to_number: str
    body: str
    media: list[dict[str, Any]]
    messaging_service_sid: str | None
    send_state: Literal["queued", "sending", "unknown", "parked", "canceled", "refused", "handed"]
    sending_since: datetime | None
    sending_for_s: float
    purpose: Literal["conversation", "transactional", "marketing"]
    lane: int
    send_at: datetime | None
    expires_at: datetime
    on_unknown: Literal["resend", "park"]
    segments: int
    created_at: datetime
    bulk_state: Literal["running", "paused", "canceled"] | None
    segments_per_s: float | None
    segments_per_day: int | None
    paused_until: datetime | None
    pause_reason: str | None
    group_sid: str | None
    group_per_s: float | None
    group_per_day: int | None
    account_paused_until: datetime | None

    @property
    def sender(self) -> str:
        """Whose pace it keeps: the number, or the service that chooses one."""
        return self.from_number or self.messaging_service_sid or ""


def read(
    conn: Connection, message_ids: Sequence[str], account_sid: str, default_validity_s: float
) -> dict[str, Departure]:
    """The texts of these ids, by id. One that was taken on before texts had a validity gets the default."""
    with conn.cursor(row_factory=class_row(Departure)) as cursor:
        rows = cursor.execute(
            """
            select m.id, m.message_sid, m.tenant_id, m.from_number, m.to_number, m.body, m.media, m.messaging_service_sid,
                   m.send_state, m.sending_since,
                   extract(epoch from now() - coalesce(m.sending_since, m.created_at))::float as sending_for_s,
                   coalesce(m.purpose, 'conversation') as purpose,
                   coalesce(m.lane, 0)::int as lane, m.send_at,
                   coalesce(m.expires_at, m.created_at + make_interval(secs => %(validity_s)s)) as expires_at,
                   m.on_unknown, coalesce(job.cost, m.planned_segments, 1) as segments, m.created_at,
                   bulks.state as bulk_state, own.segments_per_s::float, own.segments_per_day,
                   greatest(own.paused_until, service.paused_until) as paused_until,
                   coalesce(own.pause_reason, service.pause_reason) as pause_reason,
                   service.sender as group_sid, service.segments_per_s::float as group_per_s,
                   service.segments_per_day as group_per_day, account.until as account_paused_until
              from messages as m
              left join jobs as job on job.kind = 'sms.send' and job.ref = m.id::text
              left join bulks on bulks.id = m.bulk_id
              left join senders as own on own.sender = coalesce(nullif(m.from_number, ''), m.messaging_service_sid)
              left join senders as service on service.sender = own.service_sid
              left join account_pauses as account on account.account_sid = %(account)s
             where m.id = any(%(ids)s) and m.direction = 'outbound'
            """,
            {
                "ids": [uuid for uuid in map(as_uuid, message_ids) if uuid is not None],
                "account": account_sid,
                "validity_s": default_validity_s,
            },
        ).fetchall()
    return {str(row.id): row for row in rows}


def begin(conn: Connection, leaving: Sequence[tuple[UUID, Sequence[Any], UUID | None]]) -> dict[UUID, datetime]:
    """(text, rules that let it go, consent): written and committed before the requests to Twilio leave; since when each is.

    Those that are not given back have been called off, or have left, meanwhile.
    """
    said = [{"id": str(id_), "rules": rules, "consent": consent and str(consent)} for id_, rules, consent in leaving]
    rows = conn.execute(
        """
        with begun as (
            update messages set send_state = 'sending', sending_since = now(), decision = 'allowed', decided_at = now(),
                                decision_rules = said.rules, consent_id = said.consent, updated_at = now()
              from jsonb_to_recordset(%s) as said (id uuid, rules jsonb, consent uuid)
             where messages.id = said.id and messages.send_state = 'queued' returning messages.id, sending_since),
        steps as (insert into message_steps (message_id, step) select id, 'sending' from begun)
        select id, sending_since from begun
        """,
        (Jsonb(said),),
    ).fetchall()
    return {row[0]: row[1] for row in rows}


def stay(conn: Connection, attempts: Sequence[tuple[UUID, datetime | None]]) -> None:
    """It was not their turn: as if these attempts, each with its `sending_since`, had never begun."""
    conn.execute(
        """
        with attempt as (select * from unnest(%s::uuid[], %s::timestamptz[]) as one (id, since)),
        staying as (
            update messages set send_state = 'queued', sending_since = null, updated_at = now() from attempt
             where messages.id = attempt.id and messages.sending_since = attempt.since and send_state = 'sending'
            returning messages.id, attempt.since)
        delete from message_steps using staying
         where message_steps.message_id = staying.id and step = 'sending' and at = staying.since
        """,
        ([message_id for message_id, _ in attempts], [since for _, since in attempts]),
    )


@dataclass(frozen=True, slots=True)
class Handed:
    """What Twilio answered about one text. `from_number` counts where a service has chosen the sender."""

    id: UUID
    message_sid: str
    account_sid: str
    status: str
    segments: int | None
    from_number: str


def handed(conn: Connection, answers: Sequence[Handed]) -> set[UUID]:
    """Twilio has these texts, and says so first: no callback has. The others are left as they are."""
    rows = conn.execute(
        """
        with said as (
            select * from jsonb_to_recordset(%s) as one
                (id uuid, message_sid text, account_sid text, status text, segments int, from_number text)),
        locked as (
            select messages.id from messages join said using (id) where send_state <> 'handed'
             order by messages.id for update of messages),
        handed as (
            update messages set
                send_state = 'handed', message_sid = said.message_sid, account_sid = said.account_sid,
                status = case when message_rank(said.status) >= 0 then said.status end, segments = said.segments,
                from_number = coalesce(nullif(messages.from_number, ''), said.from_number),
                error_code = null, error_reason = null, updated_at = now()
              from said join locked using (id)
             where messages.id = said.id and messages.send_state <> 'handed'
               and not exists (select from messages as other where other.message_sid = said.message_sid)
            returning messages.id, said.status),
        steps as (
            insert into message_steps (message_id, step, status)
            select id, 'handed', null from handed union all select id, 'status', status from handed
            on conflict do nothing)
        select id from handed
        """,
        (Jsonb([{**asdict(answer), "id": str(answer.id)} for answer in answers]),),
    ).fetchall()
    return {row[0] for row in rows}


def decided(
    conn: Connection,
    message_id: UUID,
    verdict: Literal["held", "refused"],
    *,
    rules: Sequence[Any],
    until: datetime | None,
    consent_id: UUID | None,
) -> None:
    """It does not leave now, and why. A hold that was written before is not written again as a step."""
    conn.execute(
        """
        with before as (select id, decision, held_until from messages where id = %(id)s),
        after as (
            update messages set decision = %(verdict)s, decided_at = now(), decision_rules = %(rules)s,
                                held_until = %(until)s, consent_id = %(consent)s, updated_at = now()
             where id = %(id)s returning id)
        insert into message_steps (message_id, step, detail)
        select after.id, %(verdict)s, jsonb_build_object('until', %(until)s::timestamptz)
          from after join before using (id)
         where %(verdict)s = 'held' and (before.decision, before.held_until) is distinct from ('held', %(until)s::timestamptz)
        """,
        {"id": message_id, "verdict": verdict, "rules": Jsonb(list(rules)), "until": until, "consent": consent_id},
    )
