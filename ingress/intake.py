"""Where an event is kept before it is answered: the journal on this host's disk and the inbox in Redis, both, always.

Whoever comes while a store is under way waits and goes with the next one: concurrent requests share one fsync and one call.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared import metrics
from shared.domain.event import Event
from shared.errors import NotStored
from shared.inbox_line import InboxLine
from shared.journal import Entry, Journal, JournalFault

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
    """The two stores of one ingress process."""

    def __init__(self, journal: Journal, line: InboxLine) -> None:
        self._journal, self._line = journal, line
        self._waiting: list[_Waiting] = []
        self._list = threading.Lock()
        self._turn = threading.Lock()

    def store(self, events: Sequence[Event]) -> None:
        """Returns when the events are in the journal or in the inbox, normally in both. Raises NotStored: in neither.

        May wait for one fsync and 20 ms of Redis that others have asked for, and then as long again.
        """
        mine = _Waiting(events)
        with self._list:
            self._waiting.append(mine)
        with self._turn:
            if not mine.is_done:
                self._store_all()
        if not mine.is_kept:
            raise NotStored("neither journal nor inbox")

    def _store_all(self) -> None:
        with self._list:
            group, self._waiting = self._waiting, []
        is_kept = self._keep([event for one in group for event in one.events]) if group else False
        for one in group:
            one.is_done, one.is_kept = True, is_kept

    def _keep(self, events: Sequence[Event]) -> bool:
        is_sent = self._line.send(events)
        is_journaled = self._append(events)
        is_in_inbox = is_sent and self._line.confirm()
        if is_journaled and not is_in_inbox:
            self._journal.note_unsent()
        _STORED[_where(is_journaled, is_in_inbox)].inc(len(events))
        return is_journaled or is_in_inbox

    def _append(self, events: Sequence[Event]) -> bool:
        try:
            self._journal.append_many([Entry(event.event_id, event.record()) for event in events])
        except JournalFault:
            return False
        return True


def _where(is_journaled: bool, is_in_inbox: bool) -> str:
    if is_journaled:
        return "journal_and_inbox" if is_in_inbox else "journal"
    return "inbox" if is_in_inbox else "nowhere"
