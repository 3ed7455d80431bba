"""Tells subscribers what was promised: one loop that takes work, hands it to couriers, and records what they bring back.

The loop never waits for a subscriber. One that hangs holds as many couriers as its circuit allows until it is left alone, and
nobody else's. What comes back while a transaction is under way is recorded together in the next one, so that a crowd costs
few transactions. Should this process die, the leases bring everything back; a subscriber then hears some of it twice, under
the same `webhook-id`.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final

from psycopg import Connection

from shared import log
from shared.db import jobs, notifications, relay
from shared.db.jobs import Job
from shared.db.notifications import Delivery
from shared.db.outage import is_outage
from shared.db.relay import Line
from shared.domain import circuit
from workers import execute, outbox
from workers.catalogue import CATALOGUE
from workers.context import WorkerRuntime
from workers.outbox import Told

# Requests under way at once in one process. They wait, so they cost a stack each; more endpoints than this that all hang
# would have to do so within the same half minute.
COURIERS: Final = 128
# Endpoints looked at in one transaction.
_MOST_LINES: Final = 64
# Longer than a request may take (15 s, and as-call-service may be asked three times) and its recording.
LEASE_S: Final = CATALOGUE["deliver"].lease_s
# Nothing is waited for longer than this: a retry that has become due has no bell.
_IDLE_S: Final = 0.5
# A request takes 15 s at the most. What is not recorded when the process ends is told once more.
_LAST_S: Final = 16.0


@dataclass(frozen=True, slots=True)
class _Came:
    """What a courier brings: None, the delivery had ended before."""

    job: Job
    told: Told | None

    @property
    def duration_s(self) -> float:
        """Of the request."""
        return self.told.attempt.duration_ms / 1000 if self.told is not None else 0.0


class Relay:
    """The loop of one process. `once` is a round; `bell` ends the wait for the next."""

    def __init__(self, rt: WorkerRuntime) -> None:
        self._rt = rt
        self._couriers = ThreadPoolExecutor(
            COURIERS, thread_name_prefix="courier"
        )  # a thread is made when it is needed
        self._came: SimpleQueue[_Came | None] = SimpleQueue()
        self._under_way = 0

    def bell(self) -> None:
        """There is something to do."""
        self._came.put(None)

    def once(self) -> int:
        """Waits for a bell, an answer or half a second, records what has come, takes what may go. How many were taken.

        Raises what PostgreSQL raises; what was brought is then recorded in a later round.
        """
        came = self._arrivals()
        if came:
            self._keep(came)
        return self._take()

    def drain(self) -> int:
        """Rounds until nothing is left that may go now; how many were taken. For whoever has no thread for the loop."""
        count = 0
        while (taken := self._take()) or self._under_way:
            count += taken
            if came := self._arrivals():
                self._keep(came)
        return count

    def close(self) -> None:
        """Takes nothing more, and records what is still brought within `_LAST_S`; the rest is left to its lease.

        No other thread is in the loop any more.
        """
        until = time.monotonic() + _LAST_S
        try:
            while self._under_way and time.monotonic() < until:
                if came := self._arrivals():
                    self._keep(came)
        finally:
            self._couriers.shutdown(wait=False, cancel_futures=True)

    def _arrivals(self) -> list[_Came]:
        """Everything that is there, once something is."""
        found: list[_Came] = []
        try:
            first = self._came.get(timeout=_IDLE_S)
            found += [first] if first is not None else []
            while True:
                one = self._came.get_nowait()
                found += [one] if one is not None else []
        except Empty:
            pass
        self._under_way -= len(found)
        return found

    def _take(self) -> int:
        free = COURIERS - self._under_way
        if free <= 0:
            return 0
        with self._rt.db.connection() as conn:
            taken = _taken(conn, free)
            found = notifications.deliveries(conn, [int(job.ref) for job in taken])
        for job in taken:
            self._under_way += 1
            self._couriers.submit(self._carry, job, found.get(int(job.ref)))
        return len(taken)

    def _carry(self, job: Job, delivery: Delivery | None) -> None:
        self._came.put(_Came(job, outbox.tell(self._rt, delivery) if delivery is not None else None))

    def _keep(self, came: list[_Came]) -> None:
        """Records what was brought, together or, where one breaks that, each alone: that one comes back by its lease."""
        try:
            self._record(came)
        except Exception as fault:
            if is_outage(fault):
                for one in came:
                    self._under_way += 1
                    self._came.put(one)
                raise
            if len(came) == 1:
                log.get().error("job_broke", job_id=came[0].job.id, kind=came[0].job.kind, where=log.where(fault))
                return
            for one in came:
                self._keep([one])

    def _record(self, came: list[_Came]) -> None:
        """All together: attempts, what has arrived, the endpoints' circuits; then what failed, one by one."""
        well = [one.job for one in came if one.told is None or one.told.outcome is None]
        with self._rt.db.connection() as conn:
            outbox.record(conn, [one.told for one in came if one.told is not None])
            left = jobs.done_where_free(conn, well)
        for one in came:
            outcome = one.told.outcome if one.told is not None else None
            if (
                outcome is not None or one.job in left
            ):  # its order is in somebody's hands: waited for, holding nothing else
                execute.end(self._rt, CATALOGUE[one.job.kind], one.job, outcome, duration_s=one.duration_s)
            else:
                execute.tell(one.job, "done", "", one.duration_s)


def _taken(conn: Connection, free: int) -> list[Job]:
    taken: list[Job] = []
    for line in relay.lines(conn, limit=_MOST_LINES):
        room = min(
            free - len(taken), circuit.room(line.health, line.now, concurrency=line.concurrency, in_hand=line.in_hand)
        )
        taken += _taken_of(conn, line, room) if room > 0 else []
    return taken


def _taken_of(conn: Connection, line: Line, room: int) -> list[Job]:
    free_at = line.free_at
    if line.rate_per_s is not None:
        room, _ = circuit.at_rate(line.free_at, line.now, rate_per_s=line.rate_per_s, wanted=room)
    got = relay.take(conn, line.endpoint_id, limit=room, lease_s=LEASE_S)
    if line.rate_per_s is not None:
        _, free_at = circuit.at_rate(line.free_at, line.now, rate_per_s=line.rate_per_s, wanted=len(got))
    health = line.health
    if health.circuit != "closed" and got:
        health = circuit.probing(health, line.now, answer_within_s=LEASE_S)
    relay.taken(conn, line.endpoint_id, free_at=free_at, health=health)
    return got
