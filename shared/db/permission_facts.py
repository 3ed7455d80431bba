"""Reads what the decision about texts and calls looks at: one query for all that leave together: every text asks it twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from shared.db.opt_outs import EVERYBODY, of_tenant
from shared.domain.law import Purpose
from shared.domain.permission import Channel, Consent, Facts, OptOut, Suppression
from shared.domain.recipient import Recipient


@dataclass(frozen=True, slots=True)
class Question:
    """About one text or call from `from_` (empty: the service chooses) to `recipient`.

    `sender_kind` counts where `senders` has no row. `message_id`: the text or call itself, which is not counted with the
    others.
    """

    recipient: Recipient
    sender_kind: str
    from_: str
    service_sid: str | None
    tenant_id: str | None
    purpose: Purpose
    message_id: UUID | None = None
    channel: Channel = "text"

    def as_row(self, number: int) -> dict[str, Any]:
        scopes = [
            EVERYBODY,
            *filter(None, (self.from_, self.service_sid, self.tenant_id and of_tenant(self.tenant_id))),
        ]
        return {
            "n": number, "to": self.recipient.number, "from": self.from_, "service": self.service_sid,
            "tenant": self.tenant_id, "purpose": self.purpose, "scopes": scopes,
            "message_id": str(self.message_id) if self.message_id else None,
        }  # fmt: skip


def read(conn: Connection, questions: Sequence[Question], *, now: datetime | None = None) -> list[Facts]:
    """The facts of each question, at `now` (None: PostgreSQL's clock)."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            select at, own.kind,
                   ask."to" = ask."from" or exists (select from numbers where phone_number = ask."to") as is_own_number,
                   (select jsonb_agg(jsonb_build_array(scope, source, at) order by at) from opt_outs
                     where number = ask."to" and lifted_at is null
                       and (scope = any(ask.scopes) or scope = group_.sid
                            or scope in (select sender from senders where service_sid = group_.sid
                                                                        or service_sid = ask.service))) as opt_outs,
                   (select jsonb_build_array(reason, until) from suppressions
                     where number = ask."to" and (until is null or until > at)) as suppression,
                   (select jsonb_agg(jsonb_build_array(id, kind)) from consents
                     where number = ask."to" and tenant_id = ask.tenant and purpose = ask.purpose and revoked_at is null
                       and granted_at <= at and (expires_at is null or expires_at > at)) as consents,
                   greatest(
                     (select max(created_at) from messages
                       where direction = 'inbound' and from_number = ask."to"
                         and (to_number = ask."from" or tenant_id = ask.tenant or messaging_service_sid = group_.sid)),
                     (select max(started_at) from calls
                       where direction = 'inbound' and from_number = ask."to"
                         and (to_number = ask."from" or tenant_id = ask.tenant))) as last_contact_at,
                   (select jsonb_agg(sent) from (
                     select sending_since as sent from messages
                      where direction = 'outbound' and to_number = ask."to" and purpose = ask.purpose
                        and (tenant_id = ask.tenant or (ask.tenant is null and from_number = ask."from"))
                        and sending_since > at - interval '24 hours'
                        and send_state not in ('queued', 'refused', 'canceled') and id is distinct from ask.message_id
                     union all
                     select placing_since from placed_calls
                      where to_number = ask."to" and purpose = ask.purpose
                        and (tenant_id = ask.tenant or (ask.tenant is null and from_number = ask."from"))
                        and placing_since > at - interval '24 hours' and state in ('placing', 'unknown', 'placed')
                        and id is distinct from ask.message_id) as lately) as sent_at
              from (select coalesce(%(now)s, clock_timestamp()) as at) as clock
             cross join jsonb_to_recordset(%(asked)s) as ask
                (n int, "to" text, "from" text, service text, tenant text, purpose text, scopes text[], message_id uuid)
              left join senders as own on own.sender = ask."from"
             cross join lateral (select coalesce(own.service_sid, ask.service) as sid) as group_
             order by n
            """,
            {"asked": Jsonb([question.as_row(number) for number, question in enumerate(questions)]), "now": now},
        ).fetchall()
    return [_facts(row, question) for row, question in zip(rows, questions, strict=True)]


def _facts(row: dict[str, Any], question: Question) -> Facts:
    known = row["suppression"]
    return Facts(
        purpose=question.purpose,
        now=row["at"],
        recipient=question.recipient,
        sender_kind=row["kind"] or question.sender_kind,
        is_own_number=row["is_own_number"],
        opt_outs=[OptOut(scope, source, _at(at)) for scope, source, at in row["opt_outs"] or ()],
        suppression=Suppression(known[0], _at(known[1]) if known[1] else None) if known else None,
        consents=[Consent(UUID(id_), kind) for id_, kind in row["consents"] or ()],
        last_contact_at=row["last_contact_at"],
        sent_at=[_at(at) for at in row["sent_at"] or ()],
        channel=question.channel,
    )


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
