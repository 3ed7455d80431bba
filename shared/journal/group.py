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
    """The entries of one who waits. `wake` is opened when they are stored, refused, or the waiter is to lead."""

    __slots__ = ("entries", "fault", "leads", "wake")

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.wake = threading.Lock()
        self.wake.acquire()
        self.leads = False
        self.fault: str | None = None


class GroupCommit:
    """`commit` stores entries or raises NotStored for all of them; it is never called by two threads at once."""

    def __init__(self, commit: Callable[[Sequence[Entry]], None]) -> None:
        self._commit = commit
        self._mutex = threading.Lock()  # over the next two, never held during a write
        self._waiting: list[_Batch] = []
        self._is_led = False

    def submit(self, entries: Sequence[Entry]) -> None:
        """Returns when the entries are stored. Raises NotStored."""
        with self._mutex:
            batch = self._join(entries) if self._is_led else None
            self._is_led = True
        if batch is not None:
            self._follow(batch)
            return
        try:
            self._commit(entries)
        finally:  # also when a signal ends this thread: the next one leads
            self._pass_on()

    def _join(self, entries: Sequence[Entry]) -> _Batch:
        batch = _Batch(entries)
        self._waiting.append(batch)
        return batch

    def _follow(self, batch: _Batch) -> None:
        if not batch.wake.acquire(timeout=_PATIENCE_S):
            self._give_up(batch)
        if batch.leads:
            self._lead()
        if batch.fault is not None:
            raise NotStored(batch.fault)

    def _give_up(self, batch: _Batch) -> None:
        with self._mutex:
            # Under way or about to lead, it will be heard of; else nobody may write it after we have said no.
            if batch in self._waiting and not batch.leads:
                self._waiting.remove(batch)
                batch.fault = "journal: nobody wrote in time"
                return
        if not batch.wake.acquire(timeout=_PATIENCE_S):
            batch.fault = "journal: no answer from the disk"

    def _lead(self) -> None:
        """Writes for all who wait, the caller among them."""
        with self._mutex:
            batches, self._waiting = self._waiting, []
        fault: str | None = "journal: interrupted"
        try:
            self._commit([entry for batch in batches for entry in batch.entries])
            fault = None
        except NotStored as refused:
            fault = refused.reason
        finally:
            self._pass_on()
            for batch in batches:
                batch.leads, batch.fault = False, fault
                batch.wake.release()

    def _pass_on(self) -> None:
        """The first who waits leads next."""
        with self._mutex:
            heir = self._waiting[0] if self._waiting else None
            self._is_led = heir is not None
            if heir is not None:
                heir.leads = True
        if heir is not None:
            heir.wake.release()
