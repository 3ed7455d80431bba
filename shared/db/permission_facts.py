"""Reads what the decision about one text looks at: one query, because every text asks it twice."""

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from shared.db.opt_outs import EVERYBODY, of_tenant
from shared.domain.law import Purpose
from shared.domain.permission import Consent, Facts, OptOut, Suppression
from shared.domain.recipient import Recipient


def read(
    conn: Connection,
    *,
    recipient: Recipient,
    sender_kind: str,
    from_: str,
    service_sid: str | None,
    tenant_id: str | None,
    purpose: Purpose,
    message_id: UUID | None = None,
    now: datetime | None = None,
) -> Facts:
    """The facts of a text from `from_` (empty: the service chooses) to `recipient`, at `now` (None: PostgreSQL's clock).

    `sender_kind` counts where `senders` has no row. `message_id`: the text itself, which is not counted with the others.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            """
            with who as (
                select coalesce(%(now)s, clock_timestamp()) as at, own.kind, group_.sid as service_sid
                  from (select 1) one
                  left join senders own on own.sender = %(from)s
                 cross join lateral (select coalesce(own.service_sid, %(service)s) as sid) group_
            )
            select at, kind, %(to)s = %(from)s or exists (select from numbers where phone_number = %(to)s) as is_own_number,
                   (select jsonb_agg(jsonb_build_array(scope, source, at) order by at) from opt_outs
                     where number = %(to)s and lifted_at is null
                       and (scope = any(%(scopes)s) or scope = who.service_sid
                            or scope in (select sender from senders where service_sid = who.service_sid
                                                                        or service_sid = %(service)s))) as opt_outs,
                   (select jsonb_build_array(reason, until) from suppressions
                     where number = %(to)s and (until is null or until > who.at)) as suppression,
                   (select jsonb_agg(jsonb_build_array(id, kind)) from consents
                     where number = %(to)s and tenant_id = %(tenant)s and purpose = %(purpose)s and revoked_at is null
                       and granted_at <= who.at and (expires_at is null or expires_at > who.at)) as consents,
                   greatest(
                     (select max(created_at) from messages
                       where direction = 'inbound' and from_number = %(to)s
                         and (to_number = %(from)s or tenant_id = %(tenant)s or messaging_service_sid = who.service_sid)),
                     (select max(started_at) from calls
                       where direction = 'inbound' and from_number = %(to)s
                         and (to_number = %(from)s or tenant_id = %(tenant)s))) as last_contact_at,
                   (select jsonb_agg(sending_since) from messages
                     where direction = 'outbound' and to_number = %(to)s and purpose = %(purpose)s
                       and (tenant_id = %(tenant)s or (%(tenant)s::text is null and from_number = %(from)s))
                       and sending_since > who.at - interval '24 hours' and send_state not in ('queued', 'refused', 'canceled')
                       and id is distinct from %(message_id)s) as sent_at
              from who
            """,
            {
                "to": recipient.number, "from": from_, "service": service_sid, "tenant": tenant_id, "purpose": purpose,
                "message_id": message_id, "now": now,
                "scopes": [EVERYBODY, *filter(None, (from_, service_sid, tenant_id and of_tenant(tenant_id)))],
            },
        ).fetchone()  # fmt: skip
    assert row is not None  # `who` has one row
    return _facts(row, recipient, sender_kind, purpose)


def _facts(row: dict[str, Any], recipient: Recipient, sender_kind: str, purpose: Purpose) -> Facts:
    known = row["suppression"]
    return Facts(
        purpose=purpose,
        now=row["at"],
        recipient=recipient,
        sender_kind=row["kind"] or sender_kind,
        is_own_number=row["is_own_number"],
        opt_outs=[OptOut(scope, source, _at(at)) for scope, source, at in row["opt_outs"] or ()],
        suppression=Suppression(known[0], _at(known[1]) if known[1] else None) if known else None,
        consents=[Consent(UUID(id_), kind) for id_, kind in row["consents"] or ()],
        last_contact_at=row["last_contact_at"],
        sent_at=[_at(at) for at in row["sent_at"] or ()],
    )


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
