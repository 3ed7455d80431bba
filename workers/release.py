"""Lets texts go, sender by sender, as fast as each may send: who goes next is decided at the last moment.

The queues are rows; when a sender's next segment may leave is in Redis. A text is let go in its row, and a bell calls a worker,
which takes the segments from the bucket itself: two releasers let nothing go too early.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final

from redis.exceptions import RedisError

from shared import pace, tasks
from shared.db import pacing
from shared.db.pacing import LetGo, Queue
from shared.pace import Bucket
from workers import sending
from workers.context import WorkerRuntime
from workers.pacing import bucket_of

# A round costs a few milliseconds. An idle house is looked at four times a second, for what was promised by somebody who could
# not hint; while texts wait the next round comes when the next sender may send, but not more often than this.
IDLE_S: Final = 0.25
BUSY_S: Final = 0.03
WITHOUT_REDIS_S: Final = (
    1.0  # a slow sender's pause: each round costs a try of Redis, and lets one text of each sender ask
)
# Let go at once are as many as the workers take within a round of the slowest; a text that comes now is sent behind these at
# the most, and before them if its lane is higher.
MOST_LET_GO: Final = 64
# What was let go and is in nobody's hands for so long has lost its bell.
UNHEARD_S: Final = 0.5


class Releaser:
    """One thread of every worker that sends texts. Any number may run. `pause_s`: how long until the next round."""

    def __init__(self, rt: WorkerRuntime) -> None:
        self._rt = rt
        self.pause_s = IDLE_S

    def once(self) -> int:
        """Lets go what may go now; how many. Raises what PostgreSQL raises."""
        self.pause_s = IDLE_S
        with self._rt.db.connection() as conn:
            pacing.wake(conn)
            waiting = pacing.queues(conn)
            let_go = pacing.let_go(conn)
        released = self._release(waiting, let_go) if waiting else 0
        if (released or let_go.waited_s > UNHEARD_S) and not tasks.ring(self._rt.pacer):
            sending.drain(self._rt)  # nobody can be called: this thread does it, at the pace that PostgreSQL keeps
        return released

    def _release(self, waiting: Sequence[Queue], let_go: LetGo) -> int:
        """What lower lanes have let go holds up nobody."""
        limits = [MOST_LET_GO - ahead for ahead in accumulate(let_go.by_lane)]
        if limits[0] <= 0:
            self.pause_s = BUSY_S
            return 0
        try:
            room, self.pause_s = self._room(waiting)
        except RedisError:  # the first of each, and PostgreSQL says whether it may go
            room, self.pause_s = {queue.key: 1 for queue in waiting}, WITHOUT_REDIS_S
        if not room:
            return 0
        with self._rt.db.connection() as conn:
            return pacing.release(conn, room, limits=limits)

    def _room(self, waiting: Sequence[Queue]) -> tuple[Mapping[str, int], float]:
        """How many segments each sender may let go now (none: left out), and how long until the next of the others may."""
        clock, times = pace.times(self._rt.pacer, [queue.key for queue in waiting])
        room, waits = {}, [IDLE_S]
        for queue, at in zip(waiting, times, strict=True):
            bucket = bucket_of(queue.key, queue.segments_per_s)
            free = room_of(bucket, clock, at)
            if free > 0:
                room[queue.key] = free
            waits.append(at - clock if free == 0 else bucket.pause_us / 1e6 * free)
        return room, max(BUSY_S, min(waits))


def room_of(bucket: Bucket, clock: float, at: float) -> int:
    """How many segments may leave now from a sender whose next one may leave `at`, by a clock in seconds."""
    early = clock + bucket.early_us / 1e6 - max(at, clock)
    return 0 if early < 0 else 1 + int(early * 1e6 / bucket.pause_us)
