"""Threads that repeat something small for as long as the process lives: sweeping, dispatching, saying "alive"."""

import threading
from collections.abc import Callable

from shared import log, metrics

# What a failing round waits at most before the next: an outage is logged a few times a minute, not hundreds.
_LONGEST_PAUSE_S = 10.0


class Every:
    """Runs `work` every `period_s` seconds in a daemon thread until stopped. A round that fails is logged and repeated.

    A period that changes is a function, asked after every round.
    """

    def __init__(self, name: str, period_s: float | Callable[[], float], work: Callable[[], object]) -> None:
        self._name, self._work = name, work
        self._period_s = period_s if callable(period_s) else lambda: period_s
        self._stop = threading.Event()
        self._thread = self._new_thread()

    def start(self) -> None:
        """The first round begins at once."""
        self._thread.start()

    def stop(self) -> None:
        """Returns when the round under way is over, within two seconds at the most."""
        self._stop.set()
        self._thread.join(2.0)

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def revive(self) -> bool:
        """A thread that has died is replaced; True if it had.

        No fault of a round ends it, but SystemExit does, or a fault while logging one. Asked by another thread that
        somebody else watches: a process's main loop.
        """
        if self._stop.is_set() or self.is_alive:
            return False
        self._thread = self._new_thread()
        self._thread.start()
        metrics.NETS_REVIVED.labels(self._name).inc()
        log.get().error("net_revived", net=self._name)
        return True

    def _new_thread(self) -> threading.Thread:
        return threading.Thread(target=self._run, name=self._name, daemon=True)

    def _run(self) -> None:
        pause_s = self._period_s()
        while True:
            try:
                self._work()
                pause_s = self._period_s()
            except Exception as fault:  # noqa: BLE001 - a net that is torn by one bad round is no net
                pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)
                log.get().warning("round_failed", net=self._name, where=log.where(fault))
            if self._stop.wait(pause_s):
                return
