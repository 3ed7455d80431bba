"""May this text leave now? Redis says so; while it is away, PostgreSQL."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final
from uuid import uuid4

from redis.exceptions import RedisError

from shared import log, metrics, pace, recipients
from shared.db import pacing, senders
from shared.domain.senders import default_rate, kind_of
from shared.pace import Bucket, Uncounted, Wait
from workers.context import WorkerRuntime

# Without Redis a sender's rate is kept by a row; half of it, because what Redis let go last is not known.
WITHOUT_REDIS: Final = 0.5


def bucket_of(key: str, segments_per_s: float | None, segments_per_day: int | None = None) -> Bucket:
    """The bucket of a sender: at its own rate, or at that of its kind."""
    return Bucket(key, segments_per_s or default_rate(kind_of(key), recipients.of(key).region), segments_per_day)


class Turn:
    """One request's permission: ask with `wait`, and say how it went with `over`."""

    def __init__(self, rt: WorkerRuntime, buckets: Sequence[Bucket], *, lane: int, segments: int) -> None:
        self._rt, self._buckets, self._lane, self._segments = rt, buckets, lane, segments
        self._request = uuid4().hex

    def wait(self) -> Wait | None:
        """None: go. Raises what PostgreSQL raises."""
        try:
            return self._ask_redis()
        except RedisError as fault:
            log.get().warning("paced_without_redis", error_type=type(fault).__name__)
            return self._ask_postgres()

    def over(self, *, throttled: bool = False, seen: int | None = None, pause_s: float = 0.0) -> None:
        """The request has ended, however. Redis may be away: the place it held is then given up by its time."""
        try:
            limit = pace.told(self._rt.redis, self._request, throttled=throttled, seen=seen, pause_s=pause_s)
        except RedisError:
            return
        if throttled:
            log.get().warning("twilio_throttled", limit=limit, seen=seen)

    def _ask_redis(self) -> Wait | None:
        while True:
            said = pace.take(
                self._rt.redis, self._buckets, request=self._request, lane=self._lane, segments=self._segments,
                now=datetime.now(UTC),
            )  # fmt: skip
            if not isinstance(said, Uncounted):
                return said
            self._count(said.bucket)

    def _count(self, bucket: Bucket) -> None:
        """Once a day and sender, or after Redis has forgotten: from the rows, so that a cap holds all the same."""
        now = datetime.now(UTC)
        today = datetime.combine(now.astimezone(pace.PACIFIC).date(), time(), pace.PACIFIC)
        with self._rt.db.connection() as conn:
            sent = senders.sent_since(conn, bucket.key, today)
        pace.count(self._rt.redis, bucket, sent, now)

    def _ask_postgres(self) -> Wait | None:
        metrics.PACED_WITHOUT_REDIS.inc()
        with self._rt.db.connection() as conn:
            for bucket in self._buckets:
                pause = timedelta(microseconds=bucket.pause_us * self._segments / WITHOUT_REDIS)
                if until := pacing.take(conn, bucket.key, pause=pause):
                    return Wait("rate", until)
        return None
