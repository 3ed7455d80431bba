"""Where calls go, in this process's memory: an incoming call is answered without asking PostgreSQL or anybody else."""

import threading
import time
from collections.abc import Sequence
from typing import Final, Literal

from psycopg import Connection
from psycopg import Error as DatabaseError
from psycopg_pool import ConnectionPool

from ingress import routing_copy
from ingress.routing_copy import FileCopy, Head, RedisCopy
from shared import log
from shared.db import numbers
from shared.domain.routing import Number, unknown_number
from shared.every import Every

Source = Literal["loading", "nothing", "file", "redis", "postgresql"]

# A change of routing is in effect after this. The query reads what has changed since.
REFRESH_S: Final = 1.0
# For PostgreSQL to answer, each time; a healthy one needs a millisecond.
DATABASE_S: Final = 1.0
# How long a start waits for PostgreSQL before it takes the last good copy. Calls wait meanwhile: of Twilio's 15 s.
START_S: Final = 2.0
# Whether the copies are still there: a Redis that was emptied gets its own again.
LOOK_S: Final = 60.0
_US: Final = 1_000_000


class RoutingTable:
    """A snapshot of all numbers, refreshed by a thread. While PostgreSQL is away the last one stays.

    A start without PostgreSQL takes the newer of the copies; without those, every caller reaches voicemail.
    """

    def __init__(
        self, db: ConnectionPool[Connection], copies: Sequence[FileCopy | RedisCopy] = (), *, start_s: float = START_S
    ) -> None:
        self._db, self._copies = db, copies
        self._numbers: dict[str, Number] = {}
        self._lines: dict[str, bytes] = {}  # what the copies hold of each number that PostgreSQL told us of
        self._since: str | None = None
        self._source: Source = "loading"
        self._as_of, self._began = 0.0, time.time()
        self._away = ""  # what PostgreSQL's absence is called
        self._owed: set[str] = set()  # copies that have not got what we know
        self._looked_at = 0.0
        self._tried, self._turn = threading.Event(), threading.Lock()
        self._refresh = Every("routing", REFRESH_S, self._round)
        self._refresh.start()
        if not self._tried.wait(start_s):
            self._take_copy()

    def number(self, phone_number: str) -> Number:
        """How calls to `phone_number` are handled; an unknown number's callers reach voicemail."""
        return self._numbers.get(phone_number) or unknown_number(phone_number)

    @property
    def source(self) -> Source:
        """Where the snapshot comes from; "loading" before anything was tried, "nothing" when nobody had one."""
        return self._source

    @property
    def age_s(self) -> float:
        """For how long nobody has said that the snapshot is still true."""
        return max(0.0, time.time() - (self._as_of or self._began))

    def __len__(self) -> int:
        """How many numbers are known."""
        return len(self._numbers)

    def revive(self) -> None:
        """A refreshing thread that has died is replaced."""
        self._refresh.revive()

    def close(self) -> None:
        """Ends the refreshing."""
        self._refresh.stop()

    def _round(self) -> None:
        try:
            is_changed = self._read_database()
        except DatabaseError as fault:  # a pool that has no connection to give says so by one of these, too
            self._note(type(fault).__name__)
            self._take_copy()
            return
        finally:
            self._tried.set()
        self._note("")
        if is_changed:
            self._owed = {copy.source for copy in self._copies}
        self._write_copies()

    def _read_database(self) -> bool:
        """Whether anything has changed. Raises DatabaseError."""
        with self._db.connection(timeout=DATABASE_S) as conn:
            found, since = numbers.snapshot(conn, self._since)
        is_first = self._since is None
        known = {} if is_first else self._numbers
        changed = {each.phone_number: each for each in found if known.get(each.phone_number) != each}
        with self._turn:
            if is_first:  # what only a copy knew of is gone
                self._numbers, self._lines = changed, {}
            else:
                self._numbers.update(changed)
            self._lines.update((name, routing_copy.line(number)) for name, number in changed.items())
            self._since, self._source, self._as_of = since, "postgresql", time.time()
        return bool(changed) or is_first

    def _take_copy(self) -> None:
        """The newest copy, if it is newer than what we have: another process may still reach PostgreSQL."""
        with self._turn:
            heads = [(head.taken_us, place) for place, copy in enumerate(self._copies) if (head := copy.head())]
            for taken_us, place in sorted(heads, reverse=True):
                if taken_us <= self._as_of * _US:
                    break
                if copy := self._copies[place].read():
                    self._adopt(copy, self._copies[place].source)
                    break
            if self._source == "loading":
                self._source = "nothing"
                log.get().error("routing_unknown")

    def _adopt(self, copy: routing_copy.Copy, source: Literal["file", "redis"]) -> None:
        self._numbers, self._source, self._as_of = copy.numbers, source, copy.head.taken_us / _US
        self._since = None  # PostgreSQL, when it is back, is asked for everything
        log.get().warning("routing_copy_taken", source=source, numbers=len(copy.numbers), age_s=round(self.age_s))

    def _write_copies(self) -> None:
        """Where something has changed since, or the copy is not what it should be."""
        now = time.monotonic()
        if not self._owed and now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        head, data = routing_copy.packed(self._lines, int(self._as_of * _US))
        self._owed = {copy.source for copy in self._copies if not _is_kept(copy, head, data)}

    def _note(self, fault: str) -> None:
        """Once when it begins, and once when it is over."""
        was, self._away = self._away, fault
        if fault and not was:
            log.get().warning("routing_held", error_type=fault, source=self._source)
        elif was and not fault:
            log.get().info("routing_refreshed", numbers=len(self._numbers))


def _is_kept(copy: FileCopy | RedisCopy, head: Head, data: bytes) -> bool:
    """Another process may have written the same already."""
    there = copy.head()
    return (there is not None and there.digest == head.digest) or copy.write(data)
