"""From the inbox into PostgreSQL: claim, store, decide, promise, commit, clear. Any number of deliveries, one effect."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from psycopg import Connection
from psycopg import Error as DatabaseError
from psycopg.errors import DeadlockDetected, LockNotAvailable
from redis.exceptions import RedisError

from shared import inbox, log, metrics
from shared.db import events, set_aside
from shared.db.outage import is_outage
from shared.domain.event import Event, from_record
from shared.domain.event_keys import Kind, meaning
from shared.domain.status import DECISION_RANK
from shared.errors import Unreadable
from shared.inbox import Claimed
from shared.runtime import Runtime
from workers import dispatch
from workers.handlers import alerts, calls, messages, recordings, transcriptions

# One transaction for 50 events costs a twentieth of 50 transactions, and still ends within milliseconds.
BATCH: Final = 50
# An event that failed so often will fail again: a person looks at it. With RETRY_S growing that is about ten minutes.
MOST_TRIES: Final = 8
RETRY_S: Final = 5.0
LONGEST_RETRY_S: Final = 300.0

# Somebody else holds what this transaction needs: nothing is wrong with the event or with PostgreSQL.
CONTENDED: Final = (DeadlockDetected, LockNotAvailable)
CONTENDED_S: Final = 0.5  # the other's transaction takes milliseconds
# A drain that never found the inbox empty would outlive its message's visibility timeout (30 s), and get a second one
# beside it, and a third.
LONGEST_S: Final = 10.0
# Events seldom come alone. Waiting this long for the next costs less than the Celery task it would need (1.1 ms of CPU here
# and as much for Flower), and is less than anybody notices.
LINGER_S: Final = 0.005
# A drain that fails is followed by another one this much later, however many events come meanwhile.
FAILED_MS: Final = 1_000
# While PostgreSQL is away nobody waits for a lease to end: the sweeper rings soon after, and asking costs little.
OUTAGE_S: Final = 0.5

_REASON: Final = 300  # characters: a sentence, not a document

HANDLERS: Final[Mapping[Kind, Callable[[Connection, Event], str]]] = {
    "call-in": calls.incoming,
    "call-status": calls.status,
    "choice": calls.choice,
    "dial": calls.dial,
    "whisper": calls.whisper,
    "accept": calls.accepted,
    "gather": calls.gathered,
    "amd": calls.answered_by,
    "voicemail": calls.voicemail,
    "conference": calls.conference,
    "msg-in": messages.incoming,
    "msg-status": messages.status,
    "rec": recordings.status,
    "txn": transcriptions.of_recording,
    "rtt": transcriptions.live,
    "debugger": alerts.debugger,
}


def drain(rt: Runtime) -> int:
    """Empties the inbox of what is due; returns how many events were committed.

    Raises what PostgreSQL raises when it is away: the events are given back and the sweeper rings again.
    """
    total, deadline = 0, time.monotonic() + LONGEST_S
    try:
        while time.monotonic() < deadline:
            if not (claimed := _next(rt)):
                return total
            total += process(rt, claimed)
            dispatch.once(rt)
    except Exception:
        with suppress(RedisError):  # away too: then the bell falls silent by itself
            inbox.silence_bell(rt.redis, in_ms=FAILED_MS)
        raise
    inbox.silence_bell(rt.redis)
    inbox.ring_overdue(rt.redis, overdue_ms=0)
    return total


def _next(rt: Runtime) -> Sequence[Claimed]:
    """What is due; nothing, if nothing was and nothing came for a moment."""
    if claimed := inbox.claim(rt.redis, limit=BATCH, is_coming_again=True):
        return claimed
    threading.Event().wait(LINGER_S)
    return inbox.claim(rt.redis, limit=BATCH)


class NotOurTurn(Exception):
    """Another batch is being committed, for longer than we wait."""


def process(rt: Runtime, claimed: Sequence[Claimed]) -> int:
    """Commits these events: what is new in one transaction, what was tried before each in its own. Returns how many.

    Raises what PostgreSQL raises when it is away.
    """
    try:
        return _process(rt, claimed)
    except Exception as fault:
        if is_outage(fault):
            with suppress(RedisError):  # away too: then the leases end by themselves
                inbox.give_back(rt.redis, claimed, delay_s=OUTAGE_S, counts=False)
        raise


def _process(rt: Runtime, claimed: Sequence[Claimed]) -> int:
    fresh: list[tuple[Claimed, Event]] = []
    again: list[tuple[Claimed, Event]] = []
    for item in claimed:
        if item.tries > MOST_TRIES:
            _set_aside(rt, item, "its tries never ended: it may have killed its workers")
            continue
        try:
            (again if item.tries > 1 else fresh).append((item, from_record(item.record)))
        except Unreadable as fault:
            _set_aside(rt, item, fault.reason)
    done = _commit_together(rt, fresh) if fresh else 0
    # What killed its worker would kill it again: alone and counted just before, it takes no neighbour along.
    for item, event in again:
        inbox.begin(rt.redis, [item])
        done += _commit_alone(rt, item, event)
    return done


def _commit_together(rt: Runtime, fresh: Sequence[tuple[Claimed, Event]]) -> int:
    """In one transaction, or, if that fails, each in its own."""
    items = [item for item, _ in fresh]
    inbox.begin(rt.redis, items)
    try:
        _commit(rt, [event for _, event in fresh])
        inbox.clear(rt.redis, [item.event_id for item in items])
        return len(fresh)
    except NotOurTurn:
        log.get().warning("batch_contended", events=len(fresh), error_type=NotOurTurn.__name__)
        # Each alone would wait for the same turn: fifty times as long.
        inbox.give_back(rt.redis, items, delay_s=CONTENDED_S, counts=False)
        return 0
    except CONTENDED as fault:
        log.get().warning("batch_contended", events=len(fresh), error_type=type(fault).__name__)
    except RedisError:
        raise  # committed, not cleared: it comes again and changes nothing
    except Exception as fault:
        if is_outage(fault):
            raise
        log.get().warning("batch_failed", events=len(fresh), error_type=type(fault).__name__)
    return sum(_commit_alone(rt, item, event) for item, event in fresh)


def apply(conn: Connection, batch: Sequence[Event]) -> dict[str, str]:
    """Stores the events that are new and does what each means. Returns the outcome of each new one by event id.

    Batches take their turn: two at once would lock the same calls and order keys in different orders and kill each other.
    """
    try:
        events.take_turn(conn)
    except LockNotAvailable as fault:
        raise NotOurTurn from fault
    fresh = events.insert(conn, batch)
    outcomes = _handle_all(conn, [event for event in batch if event.event_id in fresh])
    events.finish(conn, outcomes)
    return outcomes


def _handle_all(conn: Connection, batch: Sequence[Event]) -> dict[str, str]:
    """What Twilio reports of texts comes in masses and together; nothing else in a batch depends on it, nor it on that."""
    reported = [event for event in batch if event.kind == "msg-status"]
    others = {event.event_id: handle(conn, event) for event in batch if event.kind != "msg-status"}
    return others | messages.statuses(conn, reported)


def handle(conn: Connection, event: Event) -> str:
    """Does what the event means; returns what became of it. Raises Unreadable.

    A request at a fallback address is an alert, and then what it would have been at its first address.
    """
    if event.kind in alerts.FALLBACKS:
        alerts.fallback(conn, event)
    handler = HANDLERS.get(meaning(event.kind, event.params))
    return handler(conn, event) if handler else "stored"


def _commit(rt: Runtime, batch: Sequence[Event]) -> None:
    with rt.db.connection() as conn:
        outcomes = apply(conn, batch)
    for event in batch:
        outcome = outcomes.get(event.event_id, "repeated")
        metrics.EVENTS_PROCESSED.labels(event.kind, outcome).inc()
        if event.kind in alerts.KINDS and event.event_id in outcomes:
            alerts.tell(event)
        if outcome in DECISION_RANK:
            metrics.CALLS.labels("inbound", outcome).inc()
        messages.tell(event, outcome)
        log.get().info(
            "event_processed",
            event_id=event.event_id,
            key=event.key,
            kind=event.kind,
            outcome=outcome,
            call_sid=event.params.get("CallSid"),
            message_sid=event.params.get("MessageSid"),
        )


def _commit_alone(rt: Runtime, item: Claimed, event: Event) -> bool:
    try:
        _commit(rt, [event])
    except (NotOurTurn, *CONTENDED):
        inbox.give_back(rt.redis, [item], delay_s=CONTENDED_S, counts=False)
        return False
    except Unreadable as fault:
        _set_aside(rt, item, fault.reason)  # it will not be readable later
        return False
    except Exception as fault:
        if is_outage(fault):
            raise
        log.get().error("event_broke", key=event.key, kind=event.kind, tries=item.tries, where=log.where(fault))
        if item.tries >= MOST_TRIES:
            _set_aside(rt, item, _reason(fault))
        else:
            delay_s = min(LONGEST_RETRY_S, RETRY_S * 2 ** (item.tries - 1))
            inbox.give_back(rt.redis, [item], delay_s=delay_s)
        return False
    inbox.clear(rt.redis, [item.event_id])
    return True


def _reason(fault: Exception) -> str:
    """What went wrong, without the values that PostgreSQL quotes."""
    if isinstance(fault, DatabaseError):
        return f"{type(fault).__name__} {fault.sqlstate or ''}".strip()
    return f"{type(fault).__name__}: {fault}"[:_REASON].encode("utf-8", "replace").decode().replace("\0", " ")


def _set_aside(rt: Runtime, item: Claimed, reason: str) -> None:
    with rt.db.connection() as conn:
        set_aside.keep(conn, event_id=item.event_id, record=item.record, reason=reason, tries=item.tries)
    inbox.clear(rt.redis, [item.event_id])
    metrics.EVENTS_PROCESSED.labels("unknown", "set_aside").inc()
    log.get().error("event_set_aside", event_id=item.event_id, reason=reason, tries=item.tries)
