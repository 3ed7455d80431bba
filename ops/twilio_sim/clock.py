"""The world's seconds: how fast they run, and waiting for them to pass."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

SLOWEST, FASTEST = 0.01, 1000.0


def now() -> datetime:
    """The wall clock in UTC. Dates that Twilio shows are real ones at every speed: lists are filtered by them."""
    return datetime.now(UTC)


class Clock:
    """Seconds of the simulated world; `speed` of them pass in each real second.

    Each waiter has a bell of its own: with five hundred calls that wait, one call's end wakes one thread.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._lock = threading.Lock()
        self._bells: set[threading.Event] = set()
        # (world seconds, time.monotonic() then, speed since then): one tuple, so that readers need no lock.
        self._pace = (0.0, time.monotonic(), 1.0)
        self.set_speed(speed)

    @property
    def speed(self) -> float:
        return self._pace[2]

    def set_speed(self, speed: float) -> None:
        """Raises ValueError outside 0.01 to 1000."""
        if not SLOWEST <= speed <= FASTEST:
            raise ValueError(f"speed must be between {SLOWEST} and {FASTEST}")
        with self._lock:
            self._pace = (self.world_s(), time.monotonic(), float(speed))
            for bell in self._bells:
                bell.set()

    def world_s(self) -> float:
        """World seconds since this clock was made."""
        base_s, since, speed = self._pace
        return base_s + (time.monotonic() - since) * speed

    def wait(
        self, seconds: float, interrupted: Callable[[], bool] = lambda: False, bell: threading.Event | None = None
    ) -> float:
        """Lets `seconds` of the world pass and answers how many did: fewer only when `interrupted` came true.

        Whoever makes `interrupted` true sets `bell` afterwards; nothing is polled. One waiter a bell.
        """
        bell = bell or threading.Event()
        until = self.world_s() + seconds
        with self._lock:
            self._bells.add(bell)
        try:
            while True:
                bell.clear()  # before the question: a ring after it is not lost
                if interrupted():
                    return min(seconds, max(0.0, seconds - (until - self.world_s())))
                left = until - self.world_s()
                if left <= 0:
                    return seconds
                bell.wait(left / self.speed)
        finally:
            with self._lock:
                self._bells.discard(bell)
