"""Whether a text may go to its person, asked once more at the moment it is to leave, and what follows when it may not."""

from psycopg import Connection

from shared import permissions
from shared.db import departures
from shared.db.departures import Departure
from shared.domain.permission import Decision
from shared.errors import Deferred, Permanent, TwilioServerError
from shared.settings import Settings


def decide(settings: Settings, conn: Connection, departure: Departure) -> Decision:
    """By the facts of this very transaction: an opt-out that came a moment ago counts."""
    return permissions.ask(
        conn, settings.law, to=departure.to_number, from_=departure.from_number, service_sid=departure.messaging_service_sid,
        tenant_id=departure.tenant_id, purpose=departure.purpose, message_id=departure.id,
    )  # fmt: skip


def refusal(conn: Connection, departure: Departure, decision: Decision) -> TwilioServerError | None:
    """None when it may leave. Else the decision is kept with the text, and it waits or is given up."""
    if decision.verdict == "allowed":
        return None
    departures.decided(
        conn, departure.id, decision.verdict, rules=decision.as_json(), until=decision.held_until,
        consent_id=decision.consent_id,
    )  # fmt: skip
    rule = decision.decisive.id if decision.decisive else "no rule"
    if decision.held_until is None:
        return Permanent(f"not permitted: {rule}")
    if decision.held_until >= departure.expires_at:
        return Permanent(f"expired: {rule} until {decision.held_until.isoformat(timespec='seconds')}")
    return Deferred(rule, until=decision.held_until)
