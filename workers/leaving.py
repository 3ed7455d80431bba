"""Texts on their way out of the house: their turns in Redis, the requests to Twilio side by side, and what each came to."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final
from uuid import uuid4

from shared.db import departures, message_steps, messages
from shared.db.departures import Departure
from shared.db.jobs import Job
from shared.domain.error_classes import rule_of, when_again
from shared.domain.urls import OVERRIDES
from shared.errors import Deferred, Permanent, Transient, TwilioServerError, Unknown
from shared.pace import Ask, Bucket, Over, Wait
from shared.twilio.client import Sent
from workers import consequences, doubt, pacing
from workers.consequences import Failed
from workers.context import WorkerRuntime
from workers.execute import Result, caught

# Between "sending" and the request there is one call of Redis. Whoever has been stopped in between for longer than this does
# not know any more whether another has taken the text over, and must not send it.
FRESH_S: Final = 5.0
# Twilio's code for "too many requests at once"; the other codes of its class are about a sender's pace, or a day's cap.
TOO_MANY: Final = 20429
# Twilio's own limits of a text's validity, in seconds (Message resource, ValidityPeriod).
SHORTEST_VALIDITY_S: Final = 5
LONGEST_VALIDITY_S: Final = 36_000


@dataclass(frozen=True, slots=True)
class Leaving:
    """A text whose row says "sending" `since`, by `clock`."""

    job: Job
    departure: Departure
    since: float


def clock() -> float:
    """Seconds that also pass while this process, or its machine, stands still."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def hand_over(rt: WorkerRuntime, leaving: Sequence[Leaving]) -> list[Result]:
    """Brings to Twilio whose turn it is; for each what Twilio answered, or the outcome."""
    asks = [_ask(one.departure) for one in leaving]
    waits = pacing.turns(rt, asks)
    waiting = [one.departure for one, wait in zip(leaving, waits, strict=True) if wait]
    if waiting:
        with rt.db.connection() as conn:
            departures.stay(conn, [(departure.id, departure.sending_since) for departure in waiting])
    deeds = [
        partial(_late, one.departure, wait) if wait else partial(_send, rt, one)
        for one, wait in zip(leaving, waits, strict=True)
    ]
    results = side_by_side(rt, deeds)
    pacing.over(rt, [_over(ask, came) for ask, came, wait in zip(asks, results, waits, strict=True) if wait is None])
    return [
        came if wait else caught(_judged, rt, one, came)
        for one, came, wait in zip(leaving, results, waits, strict=True)
    ]


def side_by_side(rt: WorkerRuntime, deeds: Sequence[Callable[[], Result]]) -> list[Result]:
    """Each in a thread: they wait for Twilio, not for each other. What each returns or raises."""
    if len(deeds) == 1:
        return [caught(deeds[0])]
    return list(rt.threads.map(caught, deeds))


def _ask(departure: Departure) -> Ask:
    return Ask(uuid4().hex, departure.lane, departure.segments, _buckets(departure))


def _buckets(departure: Departure) -> list[Bucket]:
    """The sender's, and that of its service where one is set."""
    own = pacing.bucket_of(departure.sender, departure.segments_per_s, departure.segments_per_day)
    if departure.group_sid is None or (departure.group_per_s is None and departure.group_per_day is None):
        return [own]
    return [own, pacing.bucket_of(departure.group_sid, departure.group_per_s, departure.group_per_day)]


def _late(departure: Departure, wait: Wait) -> Result:
    """Its turn comes later; when that is too late, nobody needs to wait for it."""
    if wait.until >= departure.expires_at:
        raise Permanent(f"expired: {wait.reason} until {wait.until.isoformat(timespec='seconds')}")
    raise Deferred(wait.reason, until=wait.until)


def _send(rt: WorkerRuntime, one: Leaving) -> Sent:
    if clock() - one.since > FRESH_S:
        raise Unknown("stood_still")
    departure = one.departure
    return rt.twilio.send_message(
        to=departure.to_number,
        from_=departure.from_number,
        messaging_service_sid=departure.messaging_service_sid or "",
        body=departure.body,
        media_urls=[item["url"] for item in departure.media],
        status_callback=callback_url(rt.settings.public_url, departure.id),
        validity_s=_validity_s(departure),
    )


def callback_url(public_url: str, message_id: object) -> str:
    """Our message id rides in the callback's URL: it names the message even if Twilio's answer to us was lost."""
    return f"{public_url}/api/webhooks/status?message_id={message_id}{OVERRIDES}"


def _validity_s(departure: Departure) -> int:
    """What is left of the text's validity: Twilio gives up by itself then (error 30036)."""
    left = (departure.expires_at - datetime.now(UTC)).total_seconds()
    return int(max(SHORTEST_VALIDITY_S, min(LONGEST_VALIDITY_S, left)))


def _over(ask: Ask, came: Result) -> Over:
    is_throttled = isinstance(came, Transient) and came.twilio_code == TOO_MANY
    return Over(ask.request, throttled=is_throttled, seen=getattr(came, "concurrency", None))


def _judged(rt: WorkerRuntime, one: Leaving, came: Result) -> Result:
    """What is left to do after one request; raises its outcome."""
    if isinstance(came, Unknown):
        doubt.note(rt, one.departure, came.reason)
    if isinstance(came, Transient | Permanent):
        _not_taken(rt, one, came)
        raise _again(one, came)
    if isinstance(came, Exception):
        raise came
    return came


def _not_taken(rt: WorkerRuntime, one: Leaving, outcome: Transient | Permanent) -> None:
    """Twilio certainly does not have it, and its error code may say something of the recipient, the sender or the account."""
    with rt.db.connection() as conn:
        if messages.mark_unsent(conn, [(one.departure.id, one.departure.sending_since)]):
            message_steps.add(
                conn, one.departure.id, "unsent", error_code=outcome.twilio_code, detail={"reason": outcome.reason}
            )
        if outcome.twilio_code is not None:
            consequences.follow(conn, _failed(rt, one.departure), outcome.twilio_code, attempt=one.job.attempts)


def _failed(rt: WorkerRuntime, departure: Departure) -> Failed:
    return Failed(
        message_id=str(departure.id),
        tenant_id=departure.tenant_id,
        to_number=departure.to_number,
        from_number=departure.from_number,
        service_sid=departure.messaging_service_sid or departure.group_sid,
        account_sid=rt.settings.twilio_account_sid,
        left_at=datetime.now(UTC),
    )


def _again(one: Leaving, outcome: Transient | Permanent) -> TwilioServerError:
    """What becomes of it by the rule of its error code; without a code, the outcome speaks for itself."""
    if isinstance(outcome, Permanent) or outcome.twilio_code is None:
        return outcome
    now, jitter = datetime.now(UTC), random.random()  # noqa: S311 - jitter, not a secret
    rule = rule_of(outcome.twilio_code)
    at = when_again(rule, one.job.attempts, jitter, now=now, retry_after_s=outcome.retry_after_s)
    if at is None or at >= one.departure.expires_at:
        why = "no further try" if at is None else "expired before the next try"
        return Permanent(f"{outcome.reason}: {why}", twilio_code=outcome.twilio_code)
    outcome.retry_after_s = (at - now).total_seconds()
    return outcome
