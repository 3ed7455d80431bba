"""Tells of refused webhooks: every one is counted, and of a flood a few lines a second are logged."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Final

from shared import log, metrics

# Enough to see what goes on; a flood of 500/s for a night at one line each would be gigabytes.
MOST_LINES_PER_S: Final = 5


class Sampler:
    """Says yes to the first `most` occasions of each second, and how many it has said no to since. Thread-safe."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock, self._lock = most, clock, Lock()
        self._second, self._said, self._left_out = 0, 0, 0

    def take(self) -> int | None:
        """How many occasions were left out since the last yes; None: leave this one out."""
        with self._lock:
            second = int(self._clock())
            if second != self._second:
                self._second, self._said = second, 0
            if self._said >= self._most:
                self._left_out += 1
                return None
            self._said += 1
            left_out, self._left_out = self._left_out, 0
            return left_out


# One for the process, like the log it spares.
_SAMPLER: Final = Sampler(MOST_LINES_PER_S)


def note(path: str, reason: str) -> None:
    """Counts a refusal, and logs it when this second's lines are not used up."""
    metrics.WEBHOOKS.labels("unknown", "refused").inc()
    metrics.WEBHOOKS_REFUSED.labels(reason).inc()
    if (left_out := _SAMPLER.take()) is not None:
        log.get().warning("webhook_refused", path=path[:_PATH_LONGEST], reason=reason, left_out=left_out)


_PATH_LONGEST: Final = 200  # ours are below a hundred characters
