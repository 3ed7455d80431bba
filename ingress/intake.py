"""Where an event is kept before it is answered: the journal on this host's disk and the inbox in Redis, both, always.

The disk syncs while Redis works. Whoever comes meanwhile waits and goes with the next group: concurrent requests share one
fsync and one call. A store that hangs costs one group a moment; then the other one works alone.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ingress.scribe import Scribe
from shared import metrics
from shared.domain.event import Event
from shared.errors import NotStored
from shared.inbox_line import InboxLine
from shared.journal import Entry, Journal

# With Redis's 20 ms beside it, half of the 50 ms in which a webhook is answered. A disk that is well needs less than one.
LATE_S: Final = 0.025
# Redis is away as well: better late than refused. Twilio, as we ask it to, waits 4 s.
LAST_RESORT_S: Final = 1.0
# What is owed to a disk that hangs: seconds of heavy traffic. One that hangs longer is no second store, and memory none.
_MOST_OWED: Final = 2_000

_STORED: Final = {
    where: metrics.EVENTS_STORED.labels(where) for where in ("journal_and_inbox", "journal", "inbox", "nowhere")
}


@dataclass(slots=True)
class _Waiting:
    """The events of one caller, and what became of them."""

    events: Sequence[Event]
    is_done: bool = False
    is_kept: bool = False


class Intake:
    """The two stores of one ingress process. Any thread may use it."""

    def __init__(self, journal: Journal, line: InboxLine) -> None:
        self._journal, self._line, self._scribe = journal, line, Scribe(journal)
        self._waiting: list[_Waiting] = []
        self._owed: list[Entry] = []  # acknowledged, in Redis, and not yet handed to the disk, which was late
        self._list = threading.Lock()
        self._turn = threading.Lock()

    def store(self, events: Sequence[Event]) -> None:
        """Returns when the events are in the journal or in the inbox, normally in both. Raises NotStored: in neither.

        Takes less than a millisecond when both are well, 25 ms when one has begun to hang, two seconds when both do; and
        as long again when another thread's events are being stored already.
        """
        mine = _Waiting(events)
        with self._list:
            self._waiting.append(mine)
        with self._turn:
            if not mine.is_done:
                self._store_all()
        if not mine.is_kept:
            raise NotStored("neither journal nor inbox")

    def catch_up(self) -> None:
        """Hands to the disk what it was too late for, should nobody come whose events they could go with."""
        with self._turn:
            if self._owed and self._scribe.begin(self._owed):
                self._owed = []

    def close(self) -> None:
        """Hands the disk what it was too late for, if it comes back within a second, and ends the journal's thread."""
        with self._turn:
            if self._owed:
                self._scribe.begin(self._owed, hanging_s=LAST_RESORT_S)
        self._scribe.close()

    def _store_all(self) -> None:
        with self._list:
            group, self._waiting = self._waiting, []
        is_kept = self._keep([event for one in group for event in one.events]) if group else False
        for one in group:
            one.is_done, one.is_kept = True, is_kept

    def _keep(self, events: Sequence[Event]) -> bool:
        entries = [Entry(event.event_id, event.record()) for event in events]
        is_begun = self._scribe.begin([*self._owed, *entries])
        if is_begun:
            self._owed = []
        in_inbox = self._line.put(events)
        in_journal = self._scribe.wait(LATE_S) if is_begun else None
        if not in_inbox and in_journal is None:
            in_journal = self._is_kept_late(entries, is_begun=is_begun)
        if not in_inbox and not in_journal:
            in_inbox = self._line.put_patiently(events)
        if in_journal and not in_inbox:
            self._journal.note_unsent()
        if in_inbox and not is_begun:
            self._owed = [*self._owed, *entries][-_MOST_OWED:]
        _STORED[_where(bool(in_journal), in_inbox)].inc(len(events))
        return bool(in_journal) or in_inbox

    def _is_kept_late(self, entries: Sequence[Entry], *, is_begun: bool) -> bool:
        """Redis is away and the disk slow: better late than refused, be it that the disk is late with earlier events."""
        deadline = time.monotonic() + LAST_RESORT_S
        if not is_begun and not self._scribe.begin(entries, hanging_s=LAST_RESORT_S):
            return False
        return bool(self._scribe.wait(max(0.0, deadline - time.monotonic())))


def _where(in_journal: bool, in_inbox: bool) -> str:
    if in_journal:
        return "journal_and_inbox" if in_inbox else "journal"
    return "inbox" if in_inbox else "nowhere"
