"""Takes on a text: whom it comes from, when it may go, and the promise to send it, all in the caller's transaction.

Every way to ask for a text ends here: the API, the platform's endpoint, the queue contract and a bulk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection
from redis import Redis

from shared import tasks
from shared.db import jobs, message_steps, messages
from shared.db import texts as rows
from shared.db.jobs import Paced, Promised
from shared.db.messages import Message, Plan
from shared.domain.law import Law
from shared.text_plan import Planned, origin, plain, plan

# What makes the answer to a request for a text a refusal.
Refusal = Literal["not_permitted", "queue_too_long"]


class KeyReused(Exception):
    """This client's key has asked for another text before."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A text that is kept. `refusal`: it will not be sent. `is_new` False: it was kept before, under the same key."""

    message: Message
    is_new: bool
    promised: Promised | None = None
    refusal: Refusal | None = None
    planned: Planned | None = None
    rules: Sequence[Mapping[str, Any]] = ()

    def ring(self, redis: Redis) -> None:
        """Tells the workers, after the commit. Who must wait at its sender is let go by the releaser."""
        if self.promised is not None and self.promised.is_first:
            tasks.ring(redis)


def take(
    conn: Connection,
    wanted: Mapping[str, Any],
    law: Law,
    *,
    client: str,
    key: str | None = None,
    bulk_id: UUID | None = None,
) -> Taken:
    """Keeps the text `wanted` (as `SmsRequestSchema` gives it), and promises to send it if it may be sent.

    A key that `client` has used before gives the text it made then. Raises KeyReused when that was another one, and
    NoSender when there is nobody to send it from.
    """
    known = messages.of_key(conn, client, key) if key else None
    if known is not None:
        return _known(conn, _same(known, wanted))
    came_from = origin(conn, wanted)
    planned = plan(conn, wanted, came_from, client=client, in_bulk=bulk_id is not None, law=law, now=datetime.now(UTC))
    message = messages.insert_outbound(
        conn, client=client, idempotency_key=key, tenant_id=came_from.tenant_id, from_number=came_from.from_number,
        to_number=wanted["to"], body=planned.body, media=_media(wanted), plan=_row(wanted, planned, bulk_id),
    )  # fmt: skip
    if planned.refusal is not None:
        message_steps.add(conn, message.id, "refused", detail={"reason": planned.refusal})
        return Taken(message, True, None, planned.refusal, planned, planned.decision.as_json())
    promised = _promise(conn, _same(message, wanted), planned)
    return Taken(message, promised is not None, promised, None, planned)


def _promise(conn: Connection, message: Message, planned: Planned) -> Promised | None:
    """None when another request with the same key was faster."""
    promised = jobs.promise_paced(
        conn, "sms.send", str(message.id), Paced(planned.origin.sender, planned.lane, planned.owner, planned.cost),
        not_before=planned.not_before, hint_in_s=jobs.FIRST_HINT_S,
    )  # fmt: skip
    if promised is not None:
        message_steps.add(conn, message.id, "accepted")
        if planned.decision.held_until is not None:
            message_steps.add(conn, message.id, "held", detail={"until": planned.decision.held_until.isoformat()})
    return promised


def _row(wanted: Mapping[str, Any], planned: Planned, bulk_id: UUID | None) -> Plan:
    return Plan(
        purpose=wanted["purpose"], lane=planned.lane, messaging_service_sid=wanted["messaging_service_sid"],
        send_at=wanted["send_at"], expires_at=planned.expires_at, estimated_send_at=planned.estimated_send_at,
        on_unknown=wanted["on_unknown"], encoding=planned.measured.encoding, planned_segments=planned.cost,
        bulk_id=bulk_id, decision=planned.decision.verdict, decision_rules=planned.decision.as_json(),
        held_until=planned.decision.held_until, consent_id=planned.decision.consent_id, refusal=planned.refusal,
    )  # fmt: skip


def _same(known: Message, wanted: Mapping[str, Any]) -> Message:
    """A key older than an idempotency record may meet its old text here: it is not sent twice, nor another in its place."""
    bodies = {wanted["body"], plain(wanted)}
    if known.to_number != wanted["to"] or known.body not in bodies or known.media != _media(wanted):
        raise KeyReused
    return known


def _known(conn: Connection, message: Message) -> Taken:
    """What its client was told then: refused by a rule, or taken on, whatever has become of it since."""
    is_refused = message.send_state == "refused" and message.error_reason == "not_permitted"
    text = rows.find(conn, str(message.id)) if is_refused else None
    return (
        Taken(message, False, None, "not_permitted", rules=text.decision_rules or ()) if text else Taken(message, False)
    )


def _media(wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"url": url} for url in wanted["media_urls"]]
