"""Whether texts may go to their people, asked once more at the moment they are to leave, and what follows when one may not."""

from collections.abc import Sequence

from psycopg import Connection

from shared import metrics, permissions
from shared.db import departures
from shared.db.departures import Departure
from shared.domain.permission import Decision
from shared.errors import Deferred, Permanent, TwilioServerError
from shared.settings import Settings


def decide(settings: Settings, conn: Connection, leaving: Sequence[Departure]) -> list[Decision]:
    """By the facts of this very transaction: an opt-out that came a moment ago counts."""
    if not leaving:
        return []
    return permissions.ask(conn, settings.law, [
        permissions.question(
            to=one.to_number, from_=one.from_number, service_sid=one.messaging_service_sid, tenant_id=one.tenant_id,
            purpose=one.purpose, message_id=one.id,
        )
        for one in leaving
    ])  # fmt: skip


def refuse(conn: Connection, departure: Departure, decision: Decision) -> TwilioServerError:
    """The decision is kept with the text; it waits, or is given up."""
    departures.decided(
        conn, departure.id, "held" if decision.held_until else "refused", rules=decision.as_json(),
        until=decision.held_until, consent_id=decision.consent_id,
    )  # fmt: skip
    rule = decision.decisive.id if decision.decisive else "no rule"
    metrics.CONSENT_BLOCKS.labels(rule).inc()
    if decision.held_until is None:
        return Permanent(f"not permitted: {rule}")
    if decision.held_until >= departure.expires_at:
        return Permanent(f"expired: {rule} until {decision.held_until.isoformat(timespec='seconds')}")
    return Deferred(rule, until=decision.held_until)
