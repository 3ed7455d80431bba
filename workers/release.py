"""Lets texts go, sender by sender, as fast as each may send: who goes next is decided at the last moment.

The queues are rows; when a sender's next segment may leave is in Redis. A text is let go by a hint; the worker that follows it
takes the segments from the bucket itself, so that a doubled hint, or two releasers, let nothing go too early.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final

from shared import pace, tasks
from shared.db import pacing
from shared.db.jobs import Hint
from shared.db.pacing import Queue
from shared.domain.job_kinds import JobKind
from shared.pace import Bucket
from workers.context import WorkerRuntime
from workers.pacing import bucket_of

# A round costs a few milliseconds. An idle house is looked at four times a second, for what was promised by somebody who could
# not hint; while texts wait the next round comes when the next sender may send, but not more often than this.
IDLE_S: Final = 0.25
BUSY_S: Final = 0.02
# Texts that leave together share two transactions. More of them would save little, and wait for the slowest.
TOGETHER: Final = 8
# Groups that may wait in the queue at once: one for every thread, and a text that comes now is sent behind as many at the most.
MOST_HINTED: Final = 8


class Releaser:
    """One thread of every worker that sends texts. Any number may run. `pause_s`: how long until the next round."""

    def __init__(self, rt: WorkerRuntime) -> None:
        self._rt = rt
        self.pause_s = IDLE_S

    def once(self) -> int:
        """Lets go what may go now; how many. Raises what PostgreSQL and Redis raise."""
        self.pause_s = IDLE_S
        with self._rt.db.connection() as conn:
            pacing.wake(conn)
            waiting = pacing.queues(conn)
        if not waiting:
            return 0
        room, self.pause_s = self._room(waiting)
        limits = [TOGETHER * (MOST_HINTED - hinted) for hinted in self._hinted()]
        if not room or limits[0] <= 0:
            return 0
        with self._rt.db.connection() as conn:
            hints = pacing.release(conn, room, limits=limits)
        if hints:  # should Redis be away, they are offered again after REHINT_S
            tasks.hint_together(self._rt.redis, groups(hints))
        return len(hints)

    def _room(self, waiting: Sequence[Queue]) -> tuple[Mapping[str, int], float]:
        """How many segments each sender may let go now (none: left out), and how long until the next of the others may."""
        clock, times = pace.times(self._rt.redis, [queue.key for queue in waiting])
        room, waits = {}, [IDLE_S]
        for queue, at in zip(waiting, times, strict=True):
            bucket = bucket_of(queue.key, queue.segments_per_s)
            free = room_of(bucket, clock, at)
            if free > 0:
                room[queue.key] = free
            waits.append(at - clock if free == 0 else bucket.pause_us / 1e6 * free)
        return room, max(BUSY_S, min(waits))

    def _hinted(self) -> list[int]:
        """Messages that wait in each lane's list and those above it: what a lower one has in its list holds nobody up."""
        lists = tasks.lanes(tasks.SMS)
        with self._rt.redis.pipeline(transaction=False) as pipe:
            for name in lists:
                pipe.llen(name)
            return [*accumulate(pipe.execute())]


def groups(hints: Sequence[Hint]) -> list[tuple[JobKind, int | None, list[int]]]:
    """Those of one kind and lane together, `TOGETHER` at the most."""
    found: dict[tuple[JobKind, int | None], list[int]] = {}
    for hint in hints:
        found.setdefault((hint.kind, hint.lane), []).append(hint.id)
    return [
        (kind, lane, ids[at : at + TOGETHER])
        for (kind, lane), ids in found.items()
        for at in range(0, len(ids), TOGETHER)
    ]


def room_of(bucket: Bucket, clock: float, at: float) -> int:
    """How many segments may leave now from a sender whose next one may leave `at`, by a clock in seconds."""
    early = clock + bucket.early_us / 1e6 - max(at, clock)
    return 0 if early < 0 else 1 + int(early * 1e6 / bucket.pause_us)
