"""Twilio has a text: written down once, by whoever learns it first."""

from datetime import UTC, datetime, timedelta
from typing import Final

from psycopg import Connection

from shared import log, metrics
from shared.db import departures, message_steps, messages
from shared.db.departures import Departure
from shared.db.messages import Report
from shared.domain.phone import masked
from shared.errors import Deferred
from shared.twilio.client import Sent
from workers.handlers.messages import notify

AGAIN_AFTER: Final = timedelta(seconds=1)


def record(conn: Connection, departure: Departure, sent: Sent) -> None:
    """What Twilio answered, or what its list shows. A callback may have been faster; then only what it did not say is added."""
    new = messages.mark_handed(
        conn, departure.id, message_sid=sent.message_sid, account_sid=sent.account_sid, status=sent.status,
        segments=sent.segments,
    )  # fmt: skip
    message = messages.find(conn, str(departure.id))
    if message is None or message.send_state != "handed":
        # Two texts that read the same were in doubt, and another one has got this message of Twilio's: look again.
        raise Deferred("settling", until=datetime.now(UTC) + AGAIN_AFTER)
    if not departure.from_number and sent.from_number:
        departures.note_sender(conn, departure.id, sent.from_number)
    if new:
        message_steps.add(conn, departure.id, "handed")
        notify(conn, "sms.queued", message)
    else:
        messages.advance(conn, sent.message_sid, Report(status=sent.status, segments=sent.segments))
    metrics.SMS.labels("handed").inc()
    metrics.SMS_SEGMENTS.inc(departure.segments)
    log.get().info(
        "sms_handed",
        message_id=str(departure.id),
        message_sid=sent.message_sid,
        to=masked(departure.to_number),
        first=new,
    )
