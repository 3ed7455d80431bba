"""Group commit: threads that have something to store at the same moment share one write and one fdatasync.

Whoever comes while nobody writes is the leader and writes for all who wait; the first who came meanwhile leads next.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Final

from shared.errors import NotStored
from shared.journal.segment import Entry

# A disk that takes longer for one fdatasync is as good as gone, and Twilio's own patience ends at 15 s.
_PATIENCE_S: Final = 5.0


class _Batch:
    """One caller's entries. `wake` is a lock that the leader opens; a caller who leads at once needs none."""

    __slots__ = ("entries", "fault", "leads", "wake")

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.wake: threading.Lock | None = None
        self.leads = False
        self.fault: str | None = None


class GroupCommit:
    """`commit` stores entries or raises NotStored for all of them; it is never called by two threads at once."""

    def __init__(self, commit: Callable[[list[Entry]], None]) -> None:
        self._commit = commit
        self._mutex = threading.Lock()  # over the next two, never held during a write
        self._waiting: list[_Batch] = []
        self._is_led = False

    def submit(self, entries: Sequence[Entry]) -> None:
        """Returns when the entries are stored. Raises NotStored."""
        batch = _Batch(entries)
        with self._mutex:
            self._waiting.append(batch)
            batch.leads = not self._is_led
            self._is_led = True
            if not batch.leads:
                batch.wake = threading.Lock()
                batch.wake.acquire()
        if batch.wake is not None:
            self._wait(batch, batch.wake)
        if batch.leads:
            self._lead()
        if batch.fault is not None:
            raise NotStored(batch.fault)

    def _wait(self, batch: _Batch, wake: threading.Lock) -> None:
        if wake.acquire(timeout=_PATIENCE_S):
            return
        with self._mutex:
            # Under way or about to lead, it will be heard of; else nobody may write it after we have said no.
            if batch in self._waiting and not batch.leads:
                self._waiting.remove(batch)
                batch.fault = "journal: nobody wrote in time"
                return
        if not wake.acquire(timeout=_PATIENCE_S):
            batch.fault = "journal: no answer from the disk"

    def _lead(self) -> None:
        with self._mutex:
            batches, self._waiting = self._waiting, []
        fault: str | None = "journal: interrupted"
        try:
            self._commit([entry for batch in batches for entry in batch.entries])
            fault = None
        except NotStored as refused:
            fault = refused.reason
        finally:
            # Also when a signal ends this thread: the others are told and the next one leads.
            self._pass_on(batches, fault)

    def _pass_on(self, batches: list[_Batch], fault: str | None) -> None:
        with self._mutex:
            heir = self._waiting[0] if self._waiting else None
            self._is_led = heir is not None
            if heir is not None:
                heir.leads = True
        for batch in batches:
            batch.leads, batch.fault = False, fault
            if batch.wake is not None:
                batch.wake.release()
        if heir is not None and heir.wake is not None:
            heir.wake.release()
