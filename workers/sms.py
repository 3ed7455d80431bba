"""Handing one text to Twilio, never twice: the row says "sending" before the request leaves.

A text leaves in three steps. In the transaction that takes its job everything that may hold it is read and decided, and the
row says "sending". Then Redis is asked for its turn, and Twilio is called. In the transaction that ends the job Twilio's answer
is written down. Whoever dies in between leaves "sending", which reads as "perhaps": the next one looks at Twilio's list.
"""

import random
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from psycopg import Connection

from shared import metrics
from shared.db import departures, message_steps, messages
from shared.db.departures import Departure
from shared.db.freshness import FRESH_FOR
from shared.db.jobs import Job
from shared.domain.backoff import delay_s
from shared.domain.error_classes import rule_of, when_again
from shared.domain.status import SEND_FINAL
from shared.domain.twiml import OVERRIDES
from shared.errors import Deferred, Permanent, Transient, TwilioServerError, Unknown
from shared.pace import Bucket
from shared.settings import Settings
from workers import consequences, doubt, handed, permit
from workers.consequences import Failed
from workers.context import WorkerRuntime
from workers.execute import Record, Step
from workers.handlers.messages import notify
from workers.pacing import Turn, bucket_of

# Between "sending" and the request there is one call of Redis. Whoever has been stopped in between for longer than this does
# not know any more whether another has taken the text over, and must not send it.
FRESH_S: Final = 5.0
# Twilio's own limits of a text's validity, in seconds (Message resource, ValidityPeriod).
SHORTEST_VALIDITY_S: Final = 5
LONGEST_VALIDITY_S: Final = 36_000
# A paused bulk is let go on by whoever resumes it; this is only the net below that.
PAUSED_FOR: Final = timedelta(hours=1)


def begin(settings: Settings, conn: Connection, job: Job) -> Step:
    """Decides about the text of this job, here and now, and gives what is left to do."""
    departure = departures.read(conn, job.ref, settings.twilio_account_sid, FRESH_FOR.total_seconds())
    if departure is None:
        return _fails(Permanent("no such message"))
    if departure.send_state in SEND_FINAL:
        return lambda rt: None
    if departure.send_state != "queued":
        return lambda rt: doubt.settle(rt, departure)
    if held := _held(departure):
        return _fails(held)
    decision = permit.decide(settings, conn, departure)
    if outcome := permit.refusal(conn, departure, decision):
        return _fails(outcome)
    since = _clock()
    departures.begin(conn, departure.id, rules=decision.as_json(), consent_id=decision.consent_id)
    return lambda rt: _hand_over(rt, job, departure, since)


def give_up(conn: Connection, job: Job, outcome: TwilioServerError) -> None:
    """It will not be sent: say so on the row and to the subscribers, unless Twilio has it, or may have it."""
    code = outcome.twilio_code if isinstance(outcome, Permanent) else None
    message = messages.find(conn, job.ref)
    if message is None:
        return
    if message.send_state in ("sending", "unknown"):  # whoever was refused by Twilio is "queued" again
        doubt.park(conn, message, outcome.reason)
        return
    if not messages.mark_refused(conn, message.id, code=code, reason=outcome.reason):
        return
    message_steps.add(conn, message.id, "refused", error_code=code, detail={"reason": outcome.reason})
    metrics.SMS.labels("refused").inc()
    if refused := messages.find(conn, job.ref):
        notify(conn, "sms.failed", refused)


def callback_url(public_url: str, message_id: object) -> str:
    """Our message id rides in the callback's URL: it names the message even if Twilio's answer to us was lost."""
    return f"{public_url}/api/webhooks/status?message_id={message_id}{OVERRIDES}"


def _held(departure: Departure) -> TwilioServerError | None:
    """What keeps it back, whoever it is for."""
    now = datetime.now(UTC)
    if departure.expires_at <= now:
        return Permanent("expired")
    if departure.send_at and departure.send_at > now:
        return Deferred("scheduled", until=departure.send_at)
    if departure.bulk_state == "canceled":
        return Permanent("bulk canceled")
    if departure.bulk_state == "paused":
        return Deferred("bulk paused", until=now + PAUSED_FOR)
    for until, why in (
        (departure.account_paused_until, "account paused"), (departure.paused_until, departure.pause_reason or "paused"),
    ):  # fmt: skip
        if until and until > now:
            return Deferred(why, until=until)
    return None


def _fails(outcome: TwilioServerError) -> Step:
    def step(rt: WorkerRuntime) -> None:
        raise outcome

    return step


def _hand_over(rt: WorkerRuntime, job: Job, departure: Departure, since: float) -> Record:
    turn = Turn(rt, _buckets(departure), lane=departure.lane, segments=departure.segments)
    if wait := turn.wait():
        with rt.db.connection() as conn:  # that a turn had to be waited for is not worth a step
            messages.mark_unsent(conn, departure.id)
        raise _waits(departure, wait.reason, wait.until)
    if _clock() - since > FRESH_S:
        turn.over()
        raise Unknown("stood_still")
    try:
        sent = rt.twilio.send_message(
            to=departure.to_number,
            from_=departure.from_number,
            messaging_service_sid=departure.messaging_service_sid or "",
            body=departure.body,
            media_urls=[item["url"] for item in departure.media],
            status_callback=callback_url(rt.settings.public_url, departure.id),
            validity_s=_validity_s(departure),
        )
    except Unknown as outcome:
        turn.over()
        doubt.note(rt, departure, outcome.reason)
        raise
    except (Transient, Permanent) as outcome:
        turn.over(throttled=isinstance(outcome, Transient) and outcome.is_throttle, seen=outcome.concurrency)
        _not_taken(rt, job, departure, outcome)
        raise _again(job, departure, outcome) from outcome
    except BaseException:
        turn.over()
        raise
    turn.over(seen=sent.concurrency)
    return lambda conn: handed.record(conn, departure, sent)


def _waits(departure: Departure, reason: str, until: datetime) -> TwilioServerError:
    """Its turn comes at `until`; when that is too late, nobody needs to wait for it."""
    if until >= departure.expires_at:
        return Permanent(f"expired: {reason} until {until.isoformat(timespec='seconds')}")
    return Deferred(reason, until=until)


def _not_taken(rt: WorkerRuntime, job: Job, departure: Departure, outcome: Transient | Permanent) -> None:
    """Twilio certainly does not have it, and its error code may say something of the recipient, the sender or the account."""
    with rt.db.connection() as conn:
        messages.mark_unsent(conn, departure.id)
        message_steps.add(
            conn, departure.id, "unsent", error_code=outcome.twilio_code, detail={"reason": outcome.reason}
        )
        if outcome.twilio_code is not None:
            consequences.follow(conn, _failed(rt, departure), outcome.twilio_code, attempt=job.attempts)


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


def _again(job: Job, departure: Departure, outcome: Transient | Permanent) -> TwilioServerError:
    """What becomes of it by the rule of its error code; without a code, the outcome speaks for itself."""
    if isinstance(outcome, Permanent) or outcome.twilio_code is None:
        return outcome
    now, jitter = datetime.now(UTC), random.random()  # noqa: S311 - jitter, not a secret
    at = when_again(rule_of(outcome.twilio_code), job.attempts, jitter, now=now, retry_after_s=outcome.retry_after_s)
    if at is None or at >= departure.expires_at:
        why = "no further try" if at is None else "expired before the next try"
        return Permanent(f"{outcome.reason}: {why}", twilio_code=outcome.twilio_code)
    outcome.retry_after_s = (at - now).total_seconds()
    return outcome


def wait_s(attempt: int, jitter: float, retry_after_s: float | None) -> float:
    """Seconds to the next try: the rule's, where a rule has spoken. A text is tried until it expires."""
    return retry_after_s or delay_s(attempt, jitter)


def _buckets(departure: Departure) -> list[Bucket]:
    """The sender's, and that of its service where one is set."""
    own = bucket_of(departure.sender, departure.segments_per_s, departure.segments_per_day)
    if departure.group_sid is None or (departure.group_per_s is None and departure.group_per_day is None):
        return [own]
    return [own, bucket_of(departure.group_sid, departure.group_per_s, departure.group_per_day)]


def _validity_s(departure: Departure) -> int:
    """What is left of the text's validity: Twilio gives up by itself then (error 30036)."""
    left = (departure.expires_at - datetime.now(UTC)).total_seconds()
    return int(max(SHORTEST_VALIDITY_S, min(LONGEST_VALIDITY_S, left)))


def _clock() -> float:
    """Seconds that also pass while this process, or its machine, stands still."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
