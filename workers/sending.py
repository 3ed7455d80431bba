"""Sends what has been let go, group by group, until nothing is left."""

from threading import BoundedSemaphore
from typing import Final

from shared import tasks
from shared.db import pacing
from shared.domain.lanes import BULK, TRANSACTIONAL
from workers.catalogue import CATALOGUE
from workers.context import REQUESTS, WorkerRuntime
from workers.execute import run_released

# Texts that leave together share two transactions. More of them would save little, and wait for the slowest.
TOGETHER: Final = 8
# Then the thread looks after other messages: a text that another service has asked for by the queue.
ROUNDS: Final = 20
_MOST_DRAINS: Final = REQUESTS // TOGETHER  # of one process: their requests find a thread each
_drains: Final = BoundedSemaphore(_MOST_DRAINS)
# One of them leaves bulks to the others: an answer that comes beside a bulk finds a free hand.
_bulks: Final = BoundedSemaphore(_MOST_DRAINS - 1)


def drain(rt: WorkerRuntime) -> int:
    """Sends until nothing is left that has been let go, or for `ROUNDS`; how many texts were in hand.

    0 also when enough threads of this process do so already. Raises what PostgreSQL raises.
    """
    if not _drains.acquire(blocking=False):
        return 0
    takes_bulks = _bulks.acquire(blocking=False)
    try:
        with rt.db.connection() as conn:
            more = pacing.let_go(conn).count // TOGETHER
        if more:
            tasks.call_more(rt.pacer, min(more, _MOST_DRAINS))
        return _rounds(rt, BULK if takes_bulks else TRANSACTIONAL)
    finally:
        if takes_bulks:
            _bulks.release()
        _drains.release()


def _rounds(rt: WorkerRuntime, lowest_lane: int) -> int:
    count = 0
    for _ in range(ROUNDS):
        ended = run_released(rt, CATALOGUE, limit=TOGETHER, lowest_lane=lowest_lane)
        if not ended:
            tasks.answered(rt.pacer)
            ended = run_released(rt, CATALOGUE, limit=TOGETHER, lowest_lane=lowest_lane)
        if not ended:
            return count
        count += len(ended)
    tasks.answered(rt.pacer)
    tasks.ring(rt.pacer)
    return count
