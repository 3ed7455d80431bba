"""Jobs that are due later in the world: message steps, recordings getting ready, scheduled sends."""

import heapq
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from ops.twilio_sim.clock import Clock

log = logging.getLogger(__name__)

# What one account's callbacks do to a receiver at most at one time; the rest waits its turn.
HANDS = 50


class Agenda:
    """One thread that watches the clock and a bounded pool that does what is due."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: list[tuple[float, int, Callable[[], object]]] = []
        self._order = count()
        self._pool = ThreadPoolExecutor(HANDS, thread_name_prefix="agenda")
        self._closed = False
        self._bell = threading.Event()
        threading.Thread(target=self._watch, name="agenda", daemon=True).start()

    def after(self, seconds: float, job: Callable[[], object]) -> None:
        """Runs `job` once, `seconds` of the world from now, on another thread."""
        entry = (self._clock.world_s() + seconds, next(self._order), job)
        with self._lock:
            heapq.heappush(self._jobs, entry)
            is_next = self._jobs[0] is entry
        if is_next:  # the watcher waits for another one otherwise
            self._bell.set()

    def clear(self) -> None:
        with self._lock:
            self._jobs.clear()

    def close(self) -> None:
        self._closed = True
        self.clear()
        self._bell.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _watch(self) -> None:
        while not self._closed:
            seen = self._next_due()
            # An empty agenda looks again in an hour at the latest; `after` rings long before that.
            left = 3600.0 if seen is None else seen - self._clock.world_s()
            if left > 0:
                self._clock.wait(left, lambda seen=seen: self._closed or self._next_due() != seen, self._bell)
            for job in self._take_due():
                self._pool.submit(self._do, job)

    def _next_due(self) -> float | None:
        with self._lock:
            return self._jobs[0][0] if self._jobs else None

    def _take_due(self) -> list[Callable[[], object]]:
        due: list[Callable[[], object]] = []
        with self._lock:
            while self._jobs and self._jobs[0][0] <= self._clock.world_s():
                due.append(heapq.heappop(self._jobs)[2])
        return due

    @staticmethod
    def _do(job: Callable[[], object]) -> None:
        try:
            job()
        except Exception:
            # The pool would keep it to itself, and a lost step looks like a lost webhook.
            log.exception("agenda_job_failed")
