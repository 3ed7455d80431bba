"""May these texts leave now? Redis says so; while it is away, PostgreSQL."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final

from redis.exceptions import RedisError

from shared import log, metrics, pace, recipients
from shared.db import pacing, senders
from shared.domain.senders import default_rate, likely_kind
from shared.pace import Ask, Bucket, Over, Uncounted, Wait
from workers.context import WorkerRuntime

# Without Redis a sender's rate is kept by a row; half of it, because what Redis let go last is not known.
WITHOUT_REDIS: Final = 0.5


def bucket_of(key: str, segments_per_s: float | None, segments_per_day: int | None = None) -> Bucket:
    """The bucket of a sender: at its own rate, or at that of its kind."""
    return Bucket(key, segments_per_s or default_rate(likely_kind(key), recipients.of(key).region), segments_per_day)


def turns(rt: WorkerRuntime, asks: Sequence[Ask]) -> list[Wait | None]:
    """For each: None, it may go, or when to ask again. Raises what PostgreSQL raises."""
    try:
        said = pace.take(rt.pacer, asks, datetime.now(UTC))
        return [
            _counted(rt, asks, ask, one) if isinstance(one, Uncounted) else one
            for ask, one in zip(asks, said, strict=True)
        ]
    except RedisError as fault:
        log.get().warning("paced_without_redis", error_type=type(fault).__name__)
        return [_by_rows(rt, ask) for ask in asks]


def over(rt: WorkerRuntime, ended: Sequence[Over]) -> None:
    """The requests have ended. Redis may be away: the places they held are then given up by their time."""
    try:
        limit = pace.told(rt.pacer, ended)
    except RedisError:
        return
    if any(one.throttled for one in ended):
        log.get().warning("twilio_throttled", limit=limit, seen=max(one.seen or 0 for one in ended))


def _counted(rt: WorkerRuntime, asks: Sequence[Ask], ask: Ask, said: Wait | Uncounted | None) -> Wait | None:
    """Once a day and sender, or after Redis has forgotten: counted from the rows, so that a cap holds all the same."""
    while isinstance(said, Uncounted):
        now = datetime.now(UTC)
        today = datetime.combine(now.astimezone(pace.PACIFIC).date(), time(), pace.PACIFIC)
        with rt.db.connection() as conn:
            sent = senders.sent_since(conn, said.bucket.key, today)
        # The texts that ask are marked as leaving already, and each is counted when it goes.
        asking = sum(one.segments for one in asks if said.bucket in one.buckets)
        pace.count(rt.pacer, said.bucket, max(0, sent - asking), now)
        (said,) = pace.take(rt.pacer, [ask], now)
    return said


def _by_rows(rt: WorkerRuntime, ask: Ask) -> Wait | None:
    metrics.PACED_WITHOUT_REDIS.inc()
    with rt.db.connection() as conn:
        for bucket in ask.buckets:
            pause = timedelta(microseconds=bucket.pause_us * ask.segments / WITHOUT_REDIS)
            if until := pacing.take(conn, bucket.key, pause=pause):
                return Wait("rate", until)
    return None
