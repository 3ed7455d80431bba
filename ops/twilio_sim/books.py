"""What this Twilio remembers, in the order it happened, under one lock."""

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar


class Named(Protocol):
    sid: str


R = TypeVar("R", bound=Named)


class Book(Generic[R]):
    """The resources of one kind by SID. A removed one keeps its place, so that page tokens stay valid.

    `heading` is what rows can be found by without reading the book; it must not change while a row is in.
    Places only ever grow at the end, so that readers walk without the lock.
    """

    def __init__(self, lock: threading.RLock, heading: Callable[[R], str] | None = None) -> None:
        self._lock, self._heading = lock, heading
        self.clear()

    def add(self, row: R) -> R:
        with self._lock:
            place = self._places[row.sid] = len(self._rows)
            self._rows.append(row)
            if self._heading:
                self._under.setdefault(self._heading(row), []).append(place)
        return row

    def get(self, sid: str) -> R | None:
        with self._lock:
            place = self._places.get(sid)
            return None if place is None else self._rows[place]

    def remove(self, sid: str) -> None:
        with self._lock:
            place = self._places.get(sid)
            if place is not None:
                self._rows[place] = None

    def newest_first(self, *, heading: str = "", before: int | None = None) -> Iterator[R]:
        """Those under `heading` (all, if there is none), from before a place on backwards."""
        rows, under = self._rows, self._under.get(heading, []) if heading else None
        if under is None:
            places = range(len(rows) if before is None else before)
        else:
            places = under[: len(under) if before is None else bisect_left(under, before)]
        for place in reversed(places):
            if row := rows[place]:
                yield row

    def newer_than(self, place: int, *, heading: str = "") -> Iterator[R]:
        """Oldest first."""
        rows = self._rows
        under = self._under.get(heading, []) if heading else None
        places = range(place + 1, len(rows)) if under is None else under[bisect_left(under, place + 1) :]
        for later in places:
            if row := rows[later]:
                yield row

    def place(self, sid: str) -> int | None:
        """Counted from the first ever; also for what has been removed since."""
        with self._lock:
            return self._places.get(sid)

    def clear(self) -> None:
        with self._lock:
            self._rows: list[R | None] = []
            self._places: dict[str, int] = {}
            self._under: dict[str, list[int]] = {}

    def __iter__(self) -> Iterator[R]:
        with self._lock:
            return iter([row for row in self._rows if row])
