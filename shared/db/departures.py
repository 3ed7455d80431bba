"""A text at the moment of its departure: everything that decides whether it leaves now, read in one go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.db.ids import as_uuid


@dataclass(frozen=True, slots=True)
class Departure:
    """What is to leave, from whom, until when; what holds it. `group_…` is the Messaging Service the sender belongs to."""

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


def read(conn: Connection, message_id: str, account_sid: str, default_validity_s: float) -> Departure | None:
    """The text of this id, or None. One that was taken on before texts had a validity gets the default."""
    with conn.cursor(row_factory=class_row(Departure)) as cursor:
        return cursor.execute(
            """
            select m.id, m.message_sid, m.tenant_id, m.from_number, m.to_number, m.body, m.media, m.messaging_service_sid,
                   m.send_state, m.sending_since, coalesce(m.purpose, 'conversation') as purpose,
                   coalesce(m.lane, 0)::int as lane, m.send_at,
                   coalesce(m.expires_at, m.created_at + make_interval(secs => %(validity_s)s)) as expires_at,
                   m.on_unknown, coalesce(m.planned_segments, 1) as segments, m.created_at, bulks.state as bulk_state,
                   own.segments_per_s::float, own.segments_per_day,
                   greatest(own.paused_until, service.paused_until) as paused_until,
                   coalesce(own.pause_reason, service.pause_reason) as pause_reason,
                   service.sender as group_sid, service.segments_per_s::float as group_per_s,
                   service.segments_per_day as group_per_day, account.until as account_paused_until
              from messages as m
              left join bulks on bulks.id = m.bulk_id
              left join senders as own on own.sender = coalesce(nullif(m.from_number, ''), m.messaging_service_sid)
              left join senders as service on service.sender = own.service_sid
              left join account_pauses as account on account.account_sid = %(account)s
             where m.id = %(id)s and m.direction = 'outbound'
            """,
            {"id": as_uuid(message_id), "account": account_sid, "validity_s": default_validity_s},
        ).fetchone()


def begin(conn: Connection, message_id: UUID, *, rules: Sequence[Any], consent_id: UUID | None) -> bool:
    """Written and committed before the request to Twilio leaves. False if it left before: then find out, don't send."""
    done = conn.execute(
        """
        with begun as (
            update messages set send_state = 'sending', sending_since = now(), decision = 'allowed', decided_at = now(),
                                decision_rules = %(rules)s, consent_id = %(consent)s, updated_at = now()
             where id = %(id)s and send_state = 'queued' returning id)
        insert into message_steps (message_id, step) select id, 'sending' from begun
        """,
        {"id": message_id, "rules": Jsonb(list(rules)), "consent": consent_id},
    )
    return done.rowcount == 1


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


def note_sender(conn: Connection, message_id: UUID, from_number: str) -> None:
    """Whom a Messaging Service has chosen."""
    conn.execute("update messages set from_number = %s where id = %s and from_number = ''", (from_number, message_id))
