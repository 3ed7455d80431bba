"""Lets texts go, sender by sender, as fast as each may send: who goes next is decided at the last moment.

The queues are rows; when a sender's next segment may leave is in Redis. A text is let go by a hint; the worker that follows it
takes the segments from the bucket itself, so that a doubled hint, or two releasers, let nothing go too early.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from redis.exceptions import RedisError

from shared import log, pace, tasks
from shared.db import pacing
from shared.db.jobs import Hint
from shared.db.pacing import Queue
from shared.pace import Bucket
from workers.context import WorkerRuntime
from workers.pacing import bucket_of

# A round costs a few milliseconds. While texts wait it comes as often as a person would not notice; an idle house is looked at
# four times a second, for what has been promised by somebody who could not hint.
BUSY_S: Final = 0.05
IDLE_S: Final = 0.25
# What may wait in the queue of hints at once: enough for every thread of several workers, and a text that comes now is sent
# behind as many at the most.
MOST_HINTED: Final = 64


class Releaser:
    """One thread of every worker that sends texts. Any number may run."""

    def __init__(self, rt: WorkerRuntime) -> None:
        self._rt = rt
        self.pause_s = IDLE_S

    def once(self) -> int:
        """Lets go what may go now; how many. Raises what PostgreSQL raises."""
        with self._rt.db.connection() as conn:
            pacing.wake(conn)
            waiting = pacing.queues(conn)
        self.pause_s = IDLE_S
        if not waiting:
            return 0
        self.pause_s = BUSY_S
        room = self._room(waiting)
        limit = MOST_HINTED - self._hinted()
        if not room or limit <= 0:
            return 0
        with self._rt.db.connection() as conn:
            hints = pacing.release(conn, room, limit=limit)
        if hints:
            tasks.hint_many(self._rt.redis, [(hint.kind, hint.id, hint.lane) for hint in _in_order(hints)])
        return len(hints)

    def _room(self, waiting: Sequence[Queue]) -> Mapping[str, int]:
        """How many segments each sender may let go until the next round; those with none are left out."""
        clock, times = pace.times(self._rt.redis, [queue.key for queue in waiting])
        buckets = [bucket_of(queue.key, queue.segments_per_s) for queue in waiting]
        room = {
            bucket.key: _free(bucket, clock + self.pause_s - at) for bucket, at in zip(buckets, times, strict=True)
        }
        return {key: free for key, free in room.items() if free > 0}

    def _hinted(self) -> int:
        return sum(int(self._rt.redis.llen(name)) for name in tasks.lanes(tasks.SMS))


def _free(bucket: Bucket, for_s: float) -> int: ...
