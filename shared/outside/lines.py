"""Connections that are kept between two posts to the same place."""

import threading
from collections import deque
from time import monotonic
from typing import Final

from shared.outside.bounded import Plain, Tls
from shared.outside.place import Place

Line = Plain | Tls

# Below the 60 s after which common balancers close an idle connection: then most are not found closed just when needed.
_IDLE_S: Final = 50.0
_A_PLACE: Final = 32  # more than the posts that go to one endpoint side by side
_ALL: Final = 256  # of the 1,024 files that a process may usually open


class Lines:
    """Used by all threads at once; who has taken a connection has it alone. The last one given back is taken first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Place, deque[tuple[Line, float]]] = {}
        self._count = 0

    def take(self, place: Place) -> Line | None:
        """A connection that nothing has happened to since; None if there is none."""
        while (found := self._last(place)) is not None:
            line, since = found
            if monotonic() - since < _IDLE_S and line.is_quiet():
                return line
            line.close()
        return None

    def keep(self, place: Place, line: Line) -> None:
        """Gives it back after a whole answer."""
        with self._lock:
            lines = self._kept[place] = self._kept.pop(place, deque())  # its place is last now
            lines.append((line, monotonic()))
            self._count += 1
            surplus = self._surplus(lines)
        for extra in surplus:
            extra.close()

    def close(self) -> None:
        """Closes all that are kept."""
        with self._lock:
            lines = [line for kept in self._kept.values() for line, _ in kept]
            self._kept.clear()
            self._count = 0
        for line in lines:
            line.close()

    def _last(self, place: Place) -> tuple[Line, float] | None:
        with self._lock:
            lines = self._kept.get(place)
            if not lines:
                return None
            found = lines.pop()
            self._count -= 1
            if not lines:
                del self._kept[place]
            return found

    def _surplus(self, lines: deque[tuple[Line, float]]) -> list[Line]:
        """What is too much after one more: the oldest of this place, or all of the place that was posted to longest ago."""
        gone = deque[tuple[Line, float]]()
        if len(lines) > _A_PLACE:
            gone.append(lines.popleft())
        elif self._count > _ALL:
            gone = self._kept.pop(next(iter(self._kept)))
        self._count -= len(gone)
        return [line for line, _ in gone]
