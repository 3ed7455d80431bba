"""Notices a worker that lives without working, and ends it, so that whoever supervises it starts a new one.

The messages on our queues carry no time of their own, so it looks again and again: messages wait at every look, a thread
is free at every look, and still no task begins. A worker that is blocked on a queue gets its next message at once, so
this cannot happen to a healthy one, whoever else consumes.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from shared import log, metrics

LOOK_S: Final = 5.0
# Ten times what reconnecting takes after an outage (4 s) and as long as the slowest answer of Redis we wait for (30 s).
STALL_S: Final = 60.0
# The pool of threads knows no time limits, so this is the limit: three times a recording's lease (300 s), and more than an
# engine's longest (840 s, `workers/transcribing.py`).
# A job whose lease has ended is done by others meanwhile; here only the threads are got back.
STUCK_S: Final = 900.0
# A warm stop waits for running tasks; 45 s covers every limit in our clients but a recording's, and that is redone.
KILL_S: Final = 45.0


@dataclass(frozen=True, slots=True)
class Look:
    """What a worker shows at one moment."""

    waiting: int
    """Messages in the queues it reads."""
    started: int
    """Tasks begun since the process started."""
    running: int
    turns: int
    """How often its main loop has come round."""


class Watchdog:
    """Judges looks. Not thread-safe: one thread looks."""

    def __init__(
        self, threads: int, *, stall_s: float = STALL_S, stuck_s: float = STUCK_S, look_s: float = LOOK_S
    ) -> None:
        self._threads, self._look_s = threads, look_s
        self._limits_s = {"not_consuming": stall_s, "loop_stands": stall_s, "tasks_hang": stuck_s}
        self._last: tuple[float, Look] | None = None
        self._since: dict[str, float] = {}

    def judge(self, look: Look, now: float) -> str | None:
        """Why this worker must end, or None. `now` is monotonic seconds."""
        before, self._last = self._last, (now, look)
        # A process that was stopped, or a machine that slept, has not watched anything meanwhile.
        if before is None or now - before[0] > 6 * self._look_s:
            self._since.clear()
            return None
        held = self._held(before[1], look)
        self._since = {reason: self._since.get(reason, before[0]) for reason in held}
        return next((reason for reason in held if now - self._since[reason] >= self._limits_s[reason]), None)

    def forget(self) -> None:
        """Nothing could be seen (Redis is away): what was seen before proves nothing any more."""
        self._last, self._since = None, {}

    def is_sound(self, now: float) -> bool:
        """Whether no suspicion is half as old as it needs to be."""
        return all(now - since < self._limits_s[reason] / 2 for reason, since in self._since.items())

    def _held(self, before: Look, look: Look) -> list[str]:
        held = ["loop_stands"] if look.turns == before.turns else []
        if look.started == before.started and before.waiting and look.waiting:
            busy = [seen.running >= self._threads for seen in (before, look)]
            held += ["tasks_hang"] if all(busy) else [] if any(busy) else ["not_consuming"]
        return held


def end_process(reason: str, *, kill_s: float = KILL_S) -> None:
    """Asks this process to stop, and kills it when it has not after `kill_s`. Does not return in a process that ends."""
    metrics.WORKERS_STALLED.labels(reason).inc()
    log.get().error("worker_stalled", reason=reason)
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(kill_s)
    os.kill(os.getpid(), signal.SIGKILL)


def watch(dog: Watchdog, see: Callable[[], Look], say_alive: Callable[[], object]) -> None:
    """One look: ends the process, or says that it is alive, or neither when there is doubt. Raises what `see` raises."""
    try:
        look = see()
    except Exception:
        dog.forget()
        raise
    reason = dog.judge(look, time.monotonic())
    if reason is not None:
        end_process(reason)
    elif dog.is_sound(time.monotonic()):
        say_alive()
