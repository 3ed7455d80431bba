"""Twilio has these texts: written down once, by whoever learns it first."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from psycopg import Connection

from shared import log, metrics
from shared.db import departures, messages
from shared.db.departures import Handed
from shared.db.messages import Message, Report
from shared.domain.phone import masked
from shared.errors import Deferred
from shared.twilio.client import Sent
from workers.handlers.messages import catch_up, notify

AGAIN_AFTER: Final = timedelta(seconds=1)


def record(conn: Connection, answers: Sequence[tuple[str, Sent]]) -> None:
    """(our id, what Twilio answered or its list shows). A callback may have been faster; then only what it did not say is new.

    Raises Deferred when another text has got this message of Twilio's: two that read the same were in doubt.
    """
    if not answers:
        return
    new = departures.handed(conn, [_handed(message_id, sent) for message_id, sent in answers])
    found = messages.find_many(conn, [message_id for message_id, _ in answers])
    for message_id, sent in answers:
        message = found[message_id]
        if message.send_state != "handed":
            raise Deferred("settling", until=datetime.now(UTC) + AGAIN_AFTER)
        if message.id in new:
            notify(conn, "sms.queued", message)
            if not sent.request_id:  # not an answer: Twilio's list; its reports may have come before we knew of it
                catch_up(conn, sent.message_sid)
        else:
            messages.advance(conn, sent.message_sid, Report(status=sent.status, segments=sent.segments))
        _tell(message, sent, first=message.id in new)


def _handed(message_id: str, sent: Sent) -> Handed:
    return Handed(UUID(message_id), sent.message_sid, sent.account_sid, sent.status, sent.segments, sent.from_number)


def _tell(message: Message, sent: Sent, *, first: bool) -> None:
    metrics.SMS.labels("handed").inc()
    metrics.SMS_SEGMENTS.inc(sent.segments or 1)
    log.get().info(
        "sms_handed",
        message_id=str(message.id),
        message_sid=sent.message_sid,
        to=masked(message.to_number),
        first=first,
    )
