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
    """Seconds of the simulated world; `speed` of them pass in each real second."""

    def __init__(self, speed: float = 1.0) -> None:
        self._changed = threading.Condition()
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
        with self._changed:
            self._pace = (self.world_s(), time.monotonic(), float(speed))
            self._changed.notify_all()

    def world_s(self) -> float:
        """World seconds since this clock was made."""
        base_s, since, speed = self._pace
        return base_s + (time.monotonic() - since) * speed

    def wait(self, seconds: float, interrupted: Callable[[], bool] = lambda: False) -> float:
        """Lets `seconds` of the world pass and answers how many did: fewer only when `interrupted` came true.

        Whoever makes `interrupted` true calls `poke()` afterwards; nothing is polled.
        """
        with self._changed:
            until = self.world_s() + seconds
            while not interrupted():
                left = until - self.world_s()
                if left <= 0:
                    return seconds
                self._changed.wait(left / self.speed)
            return min(seconds, max(0.0, seconds - (until - self.world_s())))

    def poke(self) -> None:
        """Wakes every waiter to look at its `interrupted` again."""
        with self._changed:
            self._changed.notify_all()
