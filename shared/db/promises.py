"""Texts we promise to send: each row with its job and its first steps, any number of them in one statement."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from shared.db.jobs import Promised
from shared.db.texts import COLUMNS, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A text to be kept under `id`. `cost` is in segments of the pace of `pace_key`, and `owner` is whose turn it takes.

    `not_before` None: it may go at once. `refusal`: it is kept, and will not be sent. `steps`: (name, detail), in order.
    `is_alone` False: one of many, which wait for the releaser.
    """

    id: UUID
    client: str
    idempotency_key: str | None
    tenant_id: str | None
    from_number: str
    to_number: str
    body: str
    media: list[dict[str, Any]]
    purpose: str
    lane: int
    messaging_service_sid: str | None
    send_at: datetime | None
    expires_at: datetime
    estimated_send_at: datetime
    on_unknown: Literal["resend", "park"]
    encoding: str
    cost: int
    bulk_id: UUID | None
    decision: str
    decision_rules: list[dict[str, Any]]
    held_until: datetime | None
    consent_id: UUID | None
    refusal: str | None
    pace_key: str
    owner: str
    not_before: datetime | None
    steps: Sequence[tuple[str, dict[str, Any] | None]]
    is_alone: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """What there is now. `promised` None: nothing will be sent."""

    text: Text
    promised: Promised | None


def keep(conn: Connection, texts: Sequence[Outgoing]) -> dict[UUID, Kept]:
    """Keeps these texts and promises to send those that are not refused, by id.

    Left out are those under a key that their client has used before, also one a moment ago, in another transaction.

    A job's turn is that of start-time fair queueing: one cost behind its owner's last, and not before the queue's first. So
    an owner with ten thousand and one with ten take turns. The first at a sender, at which nobody waits, is let go at
    once, and whoever promised it rings; the others are let go by the releaser.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            f"""
            with said as materialized (
                select * from jsonb_to_recordset(%(said)s::jsonb) as one (
                    n int, id uuid, client text, idempotency_key text, tenant_id text, from_number text, to_number text,
                    body text, media jsonb, purpose text, lane smallint, messaging_service_sid text, send_at timestamptz,
                    expires_at timestamptz, estimated_send_at timestamptz, on_unknown text, encoding text, cost int,
                    bulk_id uuid, decision text, decision_rules jsonb, held_until timestamptz, consent_id uuid, refusal text,
                    pace_key text, owner text, not_before timestamptz, steps jsonb, is_alone bool)),
            made as (
                insert into messages as m (
                    id, client, idempotency_key, tenant_id, direction, from_number, to_number, body, media, send_state,
                    error_reason, purpose, lane, messaging_service_sid, send_at, expires_at, estimated_send_at, on_unknown,
                    encoding, planned_segments, bulk_id, decision, decision_rules, held_until, consent_id, decided_at)
                select id, client, idempotency_key, tenant_id, 'outbound', from_number, to_number, body, media,
                       case when refusal is null then 'queued' else 'refused' end, refusal, purpose, lane,
                       messaging_service_sid, send_at, expires_at, estimated_send_at, on_unknown, encoding, cost, bulk_id,
                       decision, decision_rules, held_until, consent_id, now()
                  from said order by n
                on conflict (client, idempotency_key) where idempotency_key is not null do nothing
                returning {COLUMNS}),
            due as (
                select said.*, sum(said.cost) over (partition by pace_key, said.lane, owner order by n) as behind
                  from said join made using (id) where refusal is null),
            queue as materialized (
                select pace_key, lane, owner,
                       greatest((select min(turn) from jobs where pace_key = one.pace_key and lane = one.lane
                                                              and state = 'due' and awake),
                                (select max(turn) from jobs where pace_key = one.pace_key and lane = one.lane
                                                              and owner = one.owner and state = 'due'), 0) as turn,
                       exists (select from jobs where pace_key = one.pace_key and state = 'due' and awake
                                                  and hint_at = 'infinity') as is_waited_at
                  from (select distinct pace_key, lane, owner from due) as one),
            promised as (
                insert into jobs (kind, ref, pace_key, lane, owner, cost, next_at, awake, turn, hint_at)
                select 'sms.send', id::text, pace_key, lane, owner, cost, coalesce(not_before, now()),
                       coalesce(not_before, now()) <= now(), turn + behind,
                       case when is_alone and not is_waited_at and coalesce(not_before, now()) <= now()
                            then now() else 'infinity' end
                  from due join queue using (pace_key, lane, owner) order by n
                on conflict (kind, ref) do nothing
                returning id as job_id, ref, hint_at < 'infinity' as is_first),
            steps as (
                insert into message_steps (message_id, step, detail)
                select id, step ->> 0, nullif(step -> 1, 'null')
                  from said join made using (id) cross join jsonb_array_elements(steps) with ordinality as each (step, place)
                 order by n, place)
            select made.*, job_id, is_first from made left join promised on ref = made.id::text
            """,
            {"said": json.dumps([_row(n, one) for n, one in enumerate(texts)])},
        ).fetchall()
    return {row["id"]: _kept(row) for row in rows}


def _row(number: int, one: Outgoing) -> dict[str, Any]:
    values = ((name, getattr(one, name)) for name in Outgoing.__slots__)
    return {"n": number} | {
        name: _word(value) if isinstance(value, (UUID, datetime)) else value for name, value in values
    }


def _word(value: UUID | datetime) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _kept(row: dict[str, Any]) -> Kept:
    job_id, is_first = row.pop("job_id"), row.pop("is_first")
    return Kept(Text(**row), None if job_id is None else Promised(job_id, is_first))
