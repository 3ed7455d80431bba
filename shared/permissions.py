"""May this text go, or this call be placed? Reads the facts and decides: at the door, for a preview, and again in the
transaction before it leaves.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from shared import recipients
from shared.db import permission_facts
from shared.db.permission_facts import Question
from shared.domain.law import Law, Purpose
from shared.domain.permission import Channel, Decision, decide
from shared.domain.phone import is_e164, without_channel


def question(
    *,
    to: str,
    from_: str,
    service_sid: str | None,
    tenant_id: str | None,
    purpose: Purpose,
    message_id: UUID | None = None,
    channel: Channel = "text",
) -> Question:
    """About one text, or one call. `from_` is empty where the service chooses. `message_id`: the text's, or the call's."""
    sender = without_channel(from_)
    return Question(
        recipient=recipients.of(to),
        sender_kind=_kind(sender, service_sid),
        from_=sender,
        service_sid=service_sid,
        tenant_id=tenant_id,
        purpose=purpose,
        message_id=message_id,
        channel=channel,
    )


def ask(conn: Connection, law: Law, questions: Sequence[Question], *, now: datetime | None = None) -> list[Decision]:
    """The decisions at `now` (None: PostgreSQL's clock), after one query."""
    return [decide(facts, law) for facts in permission_facts.read(conn, questions, now=now)]


def shown(decision: Decision) -> dict[str, Any]:
    """A decision as it is stored with a call and told by the API. `allowed_at`: when it could be placed, if that is known."""
    until = decision.held_until
    return {
        "verdict": decision.verdict,
        "rules": decision.as_json(),
        "allowed_at": until.isoformat() if until else None,
        "consent_id": str(decision.consent_id) if decision.consent_id else None,
    }


def _kind(sender: str, service_sid: str | None) -> str:
    """As far as the rules here ask: alphanumeric or not."""
    if not sender or sender == service_sid or sender.startswith("MG"):
        return "service"
    return "number" if is_e164(sender) or sender.isdigit() else "alphanumeric"
