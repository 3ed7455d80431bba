"""Sends a text that Twilio took and lost once more, and takes that back when it was not lost after all."""

import random
from datetime import UTC, datetime

from psycopg import Connection

from shared.db import message_steps, successors
from shared.db.messages import Message
from shared.domain.error_classes import rule_of, when_again
from shared.domain.successor import is_lost, may_succeed


def weigh(conn: Connection, message: Message) -> str | None:
    """What follows from all that Twilio has said of `message`, an end that nobody wants among it: the id of a new successor.

    Call it in the transaction that has heard the report. Where somebody may have got the text, successors that have not
    left are called off.
    """
    statuses = {step.status for step in message_steps.of(conn, message.id) if step.status and step.step == "status"}
    rule = rule_of(message.error_code)
    if not is_lost(statuses, rule):
        for successor_id in successors.call_off(conn, message.id):
            message_steps.add(conn, successor_id, "canceled", detail={"not_lost": str(message.id)})
        return None
    return _retry(conn, message) if may_succeed(statuses, rule, message.nth_try) else None


def _retry(conn: Connection, message: Message) -> str | None:
    now, jitter = datetime.now(UTC), random.random()  # noqa: S311 - jitter, not a secret
    at = when_again(rule_of(message.error_code), message.nth_try, jitter, now=now)
    successor_id = successors.add(conn, message.id, at=at) if at else None
    if successor_id is None:
        return None
    detail = {"not_before": at.isoformat() if at else None}
    message_steps.add(
        conn, message.id, "retried", error_code=message.error_code, detail=detail | {"retried_as": str(successor_id)}
    )
    message_steps.add(conn, successor_id, "accepted", detail=detail | {"retry_of": str(message.id)})
    return str(successor_id)
