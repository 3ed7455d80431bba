"""The journal behind a thread of its own: an append is begun, and waited for only as long as one likes.

A disk can stand still for seconds, and nothing can call back a thread that waits for it.
"""

import queue
import threading
import time
from collections.abc import Sequence
from typing import Final

from shared import log, metrics
from shared.journal import Entry, Journal, JournalFault

_CLOSE_S: Final = 2.0


class Scribe:
    """One append at a time. Used by one thread at a time."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._asked: queue.SimpleQueue[Sequence[Entry] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._is_busy, self._begun_at = False, 0.0
        self._thread = threading.Thread(target=self._serve, name="scribe", daemon=True)
        self._thread.start()

    def begin(self, entries: Sequence[Entry], *, hanging_s: float = 0.0) -> bool:
        """Hands the entries to the disk. False: it still hangs on earlier ones, and has not got these.

        It is waited for until the earlier ones have taken `hanging_s` in all.
        """
        if self._is_busy and self.wait(max(0.0, self._begun_at + hanging_s - time.monotonic())) is None:
            return False
        self._is_busy, self._begun_at = True, time.monotonic()
        self._asked.put(entries)
        return True

    def wait(self, timeout_s: float) -> bool | None:
        """Whether what was begun is on the disk; None: not known after `timeout_s`."""
        try:
            is_kept = self._done.get(timeout=timeout_s) if timeout_s else self._done.get_nowait()
        except queue.Empty:
            return None
        self._is_busy = False
        return is_kept

    def close(self) -> None:
        """Ends the thread when it is done."""
        self._asked.put(None)
        self._thread.join(_CLOSE_S)

    def _serve(self) -> None:
        while (entries := self._asked.get()) is not None:
            self._done.put(self._is_appended(entries))

    def _is_appended(self, entries: Sequence[Entry]) -> bool:
        started = time.monotonic()
        try:
            self._journal.append_many(entries)
        except JournalFault:
            return False
        except Exception as fault:  # noqa: BLE001 - whoever waits must get an answer, and the thread must live
            log.get().error("scribe_broke", where=log.where(fault))
            return False
        metrics.JOURNAL_SECONDS.observe(time.monotonic() - started)
        return True
