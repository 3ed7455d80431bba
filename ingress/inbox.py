"""Accepting an event: named, stored, and only then answered."""

import os
import time

from ingress.context import IngressRuntime
from ingress.twilio_guard import Posted
from shared import inbox, log, metrics
from shared.domain import event_keys
from shared.domain.event import Event
from shared.domain.event_keys import Door, Name
from shared.errors import NotStored


def named(posted: Posted, door: Door) -> Name:
    """What this webhook is called."""
    return event_keys.name(posted.params, door, posted.path, posted.token)


def accept(rt: IngressRuntime, posted: Posted, name: Name, answer: str = "") -> None:
    """Stores the event before it is answered. `answer` says what TwiML will be ("forward", "voicemail").

    Raises NotStored: then nothing was promised, and Twilio's retry or our reconciliation has to bring it again.
    """
    received_ns = time.time_ns()
    event = Event(
        # Time first: events that come due in the same millisecond are claimed in the order they came.
        event_id=f"{received_ns:016x}{os.urandom(8).hex()}",
        key=name.key,
        kind=name.kind,
        account_sid=posted.account_sid,
        sids=name.sids,
        path=posted.path,
        query=posted.query,
        content_type=posted.content_type,
        token=posted.token,
        body=posted.body,
        received_ns=received_ns,
        answer=answer,
    )
    try:
        _put(rt, event)
    except NotStored:
        metrics.WEBHOOKS.labels(name.kind, "not_stored").inc()
        log.get().error("webhook_not_stored", kind=name.kind, key=name.key)
        raise
    metrics.WEBHOOKS.labels(name.kind, "accepted").inc()
    log.get().info("webhook_accepted", kind=name.kind, key=name.key, event_id=event.event_id)


def _put(rt: IngressRuntime, event: Event) -> None:
    """Once more on a fresh connection: after a restart of Redis the pooled one is dead, and storing twice changes nothing."""
    try:
        inbox.put_many(rt.redis, [event])
    except NotStored:
        inbox.put_many(rt.redis, [event])
