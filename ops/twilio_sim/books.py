"""What this Twilio remembers, in the order it happened, under one lock."""

import threading
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar


class Named(Protocol):
    sid: str


R = TypeVar("R", bound=Named)


class Book(Generic[R]):
    """The resources of one kind by SID. A removed one keeps its place, so that page tokens stay valid."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._rows: dict[str, R] = {}
        self._places: dict[str, int] = {}

    def add(self, row: R) -> R:
        with self._lock:
            self._places[row.sid] = len(self._places)
            self._rows[row.sid] = row
        return row

    def get(self, sid: str) -> R | None:
        with self._lock:
            return self._rows.get(sid)

    def remove(self, sid: str) -> R | None:
        with self._lock:
            return self._rows.pop(sid, None)

    def newest_first(self, wanted: Callable[[R], bool] = lambda row: True) -> list[R]:
        with self._lock:
            return [row for row in reversed(list(self._rows.values())) if wanted(row)]

    def place(self, sid: str) -> int | None:
        """Counted from the first ever; also for what has been removed since."""
        with self._lock:
            return self._places.get(sid)

    def clear(self) -> None:
        with self._lock:
            self._rows.clear()
            self._places.clear()

    def __iter__(self) -> Iterator[R]:
        with self._lock:
            return iter(list(self._rows.values()))
