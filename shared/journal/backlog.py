"""The closed segments that wait until PostgreSQL has their events: this process's own, and those of dead processes."""

import threading
import time
from pathlib import Path
from typing import Final

from shared import log, metrics
from shared.journal import owner as owners
from shared.journal.owner import Owner
from shared.journal.segment import Segment

# An append and its `note_unsent` lie at most a Redis timeout apart; the segment may have been closed in between.
_JUST_CLOSED_S: Final = 5.0


class Backlog:
    """Segments are added by whoever appends; one drainer takes them away."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._segments: list[Segment] = []  # each change is one step of the list's own
        self._last: Segment | None = None
        self._lock = threading.Lock()  # over the rest; an append never waits for it
        self._owners: list[Owner] = []
        self._refused: set[str] = set()
        self._is_closed = False

    def add(self, segment: Segment) -> None:
        """A segment was closed."""
        self._segments.append(segment)
        self._last = segment

    def note_unsent(self) -> None:
        """Something appended a moment ago is not in the inbox; perhaps it lies here already."""
        last = self._last
        if last is not None and time.monotonic() - last.quiet_since < _JUST_CLOSED_S:
            last.has_unsent = True

    def segments(self, *, own_stems: set[str]) -> list[Segment]:
        """All that waits, after a look for the dead. Raises OSError."""
        with self._lock:
            if not self._is_closed:
                self._release_done()
                self._adopt(own_stems)
            return list(self._segments)

    def settle(self, segment: Segment) -> None:
        """Removes a segment whose every entry is safe elsewhere. Raises OSError: then it still waits."""
        segment.path.unlink(missing_ok=True)
        self._forget(segment)

    def set_apart(self, segment: Segment) -> None:
        """Keeps a damaged segment for a person; its good entries are safe. Raises OSError: then it still waits."""
        segment.path.rename(segment.path.with_name(f"{segment.path.name}.damaged"))
        metrics.JOURNAL_DAMAGED.inc()
        self._forget(segment)

    def close(self) -> None:
        """Lets other processes have what was adopted and is not settled."""
        with self._lock:
            self._release_done()
            for owner in self._owners:
                owner.release(is_done=False)
            self._owners, self._segments, self._is_closed = [], [], True

    def _adopt(self, own_stems: set[str]) -> None:
        for stem in sorted(owners.stems(self._folder) - own_stems - {owner.stem for owner in self._owners}):
            owner = self._tried(stem)
            if owner is not None:
                found = [Segment(path) for path in owner.segments()]
                self._owners.append(owner)
                self._segments += found
                metrics.JOURNAL_ADOPTED.inc(len(found))
                log.get().warning("journal_adopted", owner=stem, segments=len(found))

    def _tried(self, stem: str) -> Owner | None:
        try:
            return owners.adopted(self._folder, stem)
        except OSError as fault:  # another user's files must not keep us from the rest
            if stem not in self._refused:
                log.get().error("journal_adoption_refused", owner=stem, where=log.where(fault))
            self._refused.add(stem)
            return None

    def _release_done(self) -> None:
        if not self._folder.is_dir():
            return  # lost for a while with all that is in it: that nothing is to be seen does not mean it is done
        for owner in [owner for owner in self._owners if not owner.segments()]:
            self._owners.remove(owner)
            owner.release(is_done=True)

    def _forget(self, segment: Segment) -> None:
        if segment in self._segments:
            self._segments.remove(segment)
