"""Where an event is kept before it is answered: the journal on this host's disk and the inbox in Redis, both, always.

Each store has a thread, which takes all that waits for it at once: one fsync, one call to Redis. They work side by side,
and a store that hangs holds up nobody: after `LATE_S` one store is enough, and whoever asks does not wait for the other.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from shared import log, metrics
from shared.domain.event import Event
from shared.errors import NotStored
from shared.inbox_line import InboxLine
from shared.journal import Entry, Journal, JournalFault

# Half of the 50 ms in which a webhook is answered. Both stores together need less than one when they are well.
LATE_S: Final = 0.025
# Neither has answered: Twilio waits 4 s as we ask it to, comes again, and may find them well. Longer only fills the queues.
LONGEST_S: Final = 1.0
_CLOSE_S: Final = 2.0

_STORED: Final = {
    where: metrics.EVENTS_STORED.labels(where) for where in ("journal_and_inbox", "journal", "inbox", "nowhere")
}


class Ticket:
    """Events on their way into both stores. `in_journal` and `in_inbox` are None until the store has answered."""

    __slots__ = ("events", "in_inbox", "in_journal", "on_done", "since")

    def __init__(self, events: Sequence[Event], on_done: Callable[[], None]) -> None:
        self.events, self.on_done, self.since = events, on_done, time.monotonic()
        self.in_journal: bool | None = None
        self.in_inbox: bool | None = None

    @property
    def is_done(self) -> bool:
        """Both stores have answered."""
        return self.in_journal is not None and self.in_inbox is not None

    def outcome(self, now: float) -> bool | None:
        """True: kept, the events may be acknowledged. False: they must not be. None: ask again. `now` is monotonic."""
        is_kept = bool(self.in_journal or self.in_inbox)
        if self.is_done or (is_kept and now - self.since > LATE_S):
            return is_kept
        return False if now - self.since > LONGEST_S else None

    def patience_s(self, now: float) -> float:
        """How long until `outcome` is to be asked again, unless `on_done` is called before."""
        age_s = now - self.since
        return max(0.0, (LATE_S if age_s <= LATE_S else LONGEST_S) - age_s) + 0.001


class Intake:
    """The two stores of one ingress process. Any thread may use it."""

    def __init__(self, journal: Journal, line: InboxLine) -> None:
        self._journal, self._line = journal, line
        self._noting = threading.Lock()
        self._queues: tuple[queue.SimpleQueue[Ticket | None], ...] = (queue.SimpleQueue(), queue.SimpleQueue())
        self._threads = [
            threading.Thread(target=self._serve, args=work, name=f"intake-{name}", daemon=True)
            for name, *work in (
                ("journal", self._queues[0], self._append, self._note_journal),
                ("inbox", self._queues[1], self._put, self._note_inbox),
            )
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, events: Sequence[Event], on_done: Callable[[], None]) -> Ticket:
        """Hands the events to both stores; `on_done` is called, by another thread, when both have answered."""
        ticket = Ticket(events, on_done)
        for waiting in self._queues:
            waiting.put(ticket)
        return ticket

    def store(self, events: Sequence[Event]) -> None:
        """Returns when the events are in the journal or in the inbox, normally in both. Raises NotStored: in neither."""
        done = threading.Event()
        ticket = self.submit(events, done.set)
        while (is_kept := ticket.outcome(now := time.monotonic())) is None:
            done.wait(ticket.patience_s(now))
        if not is_kept:
            raise NotStored("neither journal nor inbox")

    def close(self) -> None:
        """Ends the threads when they have stored what waits."""
        for waiting in self._queues:
            waiting.put(None)
        for thread in self._threads:
            thread.join(_CLOSE_S)

    def _serve(
        self,
        waiting: "queue.SimpleQueue[Ticket | None]",
        keep: Callable[[Sequence[Event]], bool],
        note: Callable[[Ticket, bool], None],
    ) -> None:
        is_open = True
        while is_open:
            tickets = [waiting.get()]
            while not waiting.empty():
                tickets.append(waiting.get())
            is_open = None not in tickets
            self._serve_group([ticket for ticket in tickets if ticket is not None], keep, note)

    @staticmethod
    def _serve_group(
        tickets: Sequence[Ticket], keep: Callable[[Sequence[Event]], bool], note: Callable[[Ticket, bool], None]
    ) -> None:
        """Stores together whatever is still waited for: behind a store that hung, the rest has been answered long ago."""
        since = time.monotonic() - LONGEST_S
        fresh = [ticket for ticket in tickets if ticket.since > since]
        try:
            is_kept = bool(fresh) and keep([event for ticket in fresh for event in ticket.events])
        except Exception as fault:  # noqa: BLE001 - a store's thread must outlive whatever its store raises
            log.get().error("intake_broke", where=log.where(fault))
            is_kept = False
        for ticket in tickets:
            note(ticket, is_kept and ticket.since > since)

    def _append(self, events: Sequence[Event]) -> bool:
        started = time.monotonic()
        try:
            self._journal.append_many([Entry(event.event_id, event.record()) for event in events])
        except JournalFault:
            return False
        metrics.JOURNAL_SECONDS.observe(time.monotonic() - started)
        return True

    def _put(self, events: Sequence[Event]) -> bool:
        return self._line.put(events) or (not self._journal.is_writable and self._line.put_patiently(events))

    def _note_journal(self, ticket: Ticket, is_kept: bool) -> None:
        with self._noting:
            ticket.in_journal = is_kept
            is_done = ticket.is_done
        if is_done:
            self._finish(ticket)

    def _note_inbox(self, ticket: Ticket, is_kept: bool) -> None:
        with self._noting:
            ticket.in_inbox = is_kept
            is_done = ticket.is_done
        if is_done:
            self._finish(ticket)

    def _finish(self, ticket: Ticket) -> None:
        if ticket.in_journal and not ticket.in_inbox:
            self._journal.note_unsent()
        _STORED[_where(ticket)].inc(len(ticket.events))
        ticket.on_done()


def _where(ticket: Ticket) -> str:
    if ticket.in_journal:
        return "journal_and_inbox" if ticket.in_inbox else "journal"
    return "inbox" if ticket.in_inbox else "nowhere"
