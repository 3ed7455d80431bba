"""Accepting an event: named, stored, and only then answered."""

import os
import time

from ingress.context import IngressRuntime
from ingress.desk import Reply
from ingress.twilio_guard import Posted
from shared import log, metrics
from shared.domain.event import Event
from shared.domain.private_words import cleaned, cleaned_query
from shared.errors import NotStored


def event(posted: Posted, reply: Reply) -> Event:
    """The webhook as it is stored, under a new event id: without the secrets that somebody may have said."""
    received_ns, kind = time.time_ns(), reply.name.kind
    return Event(
        # Time first: events that come due in the same millisecond are claimed in the order they came.
        event_id=f"{received_ns:016x}{os.urandom(8).hex()}",
        key=reply.name.key,
        kind=kind,
        account_sid=posted.account_sid,
        sids=reply.name.sids,
        path=posted.path,
        query=cleaned_query(kind, posted.query),
        content_type=posted.content_type,
        token=posted.token,
        body=cleaned(kind, posted.content_type, posted.body),
        received_ns=received_ns,
        answer=reply.note,
    )


def accept(rt: IngressRuntime, posted: Posted, reply: Reply) -> None:
    """Stores the event before it is answered.

    Raises NotStored: then nothing was promised, and Twilio's retry or our reconciliation has to bring it again.
    """
    arrived = event(posted, reply)
    try:
        rt.intake.store([arrived])
    except NotStored:
        metrics.WEBHOOKS.labels(arrived.kind, "not_stored").inc()
        log.get().error("webhook_not_stored", kind=arrived.kind, key=arrived.key)
        raise
    metrics.WEBHOOKS.labels(arrived.kind, "accepted").inc()
    log.get().info("webhook_accepted", kind=arrived.kind, key=arrived.key, event_id=arrived.event_id)
