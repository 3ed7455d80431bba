"""The active side of the journal: appends, and closes what it has appended to."""

import itertools
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from shared import metrics
from shared.errors import NotStored
from shared.journal import disk
from shared.journal.backlog import Backlog
from shared.journal.disk import Disk, JournalFault, JournalUnwritable
from shared.journal.group import GroupCommit
from shared.journal.owner import Owner, new_owner
from shared.journal.segment import Entry, Segment, encoded
from shared.journal.writer import Writer

# What the drainer reads at once, and so what it costs in memory.
SEGMENT_BYTES: Final = 8 * 1024 * 1024
# An event that only the journal has must be in PostgreSQL within a minute of everything being well again.
SEGMENT_S: Final = 10.0
# What a record takes beside its content, near enough: mark, checksum, lengths, an id of 32 characters.
_BESIDES_BYTES: Final = 64


class Journal:
    """The journal of one process, made after its fork. Any thread may call any method."""

    def __init__(self, folder: Path, *, min_free_bytes: int, must_start: bool = False) -> None:
        """Raises JournalUnwritable if the folder cannot be written, unless the process `must_start` all the same.

        A full disk is no reason to stay down: like the watermark it refuses appends until there is room again.
        """
        self._folder = folder
        self._disk, self._backlog = Disk(folder, min_free_bytes), Backlog(folder)
        self._group = GroupCommit(self._commit)
        self._turn = threading.Lock()  # over all below: writing, closing and changing the owner exclude each other
        self._owner: Owner | None = None
        self._own_stems: set[str] = set()
        self._writer: Writer | None = None
        self._active = Segment(folder)
        self._opened_at = 0.0
        self._numbers = itertools.count(1)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            disk.probe(self._held_owner().path)
        except OSError as fault:
            if not must_start and not disk.is_full(fault):
                self.close()
                raise JournalUnwritable(disk.advice(folder, fault)) from fault
            self._disk.failed(fault, time.monotonic())

    def append_many(self, entries: Sequence[Entry]) -> None:
        """Returns when all entries are on the disk; callers at the same moment share one fdatasync. Raises JournalFault."""
        if not entries:
            return
        try:
            self._group.submit(entries)
        except NotStored as fault:
            metrics.JOURNAL_FAULTS.inc()
            raise JournalFault(fault.reason) from fault

    def note_unsent(self) -> None:
        """Says that something just appended is not in the inbox: the drainer sees to its segment first."""
        self._active.has_unsent = True
        self._backlog.note_unsent()

    @property
    def has_unsent(self) -> bool:
        """Whether such entries lie in the segment that is still appended to."""
        return self._writer is not None and self._active.has_unsent

    def rotate(self, *, if_older_than_s: float = 0.0) -> None:
        """Closes the segment that is appended to, if there is one and it was opened that long ago."""
        with self._turn:
            if self._writer is not None and time.monotonic() - self._opened_at >= if_older_than_s:
                self._close_segment(self._writer)

    def closed_segments(self) -> list[Segment]:
        """What waits to be drained: own closed segments and those of dead processes. Raises OSError."""
        return self._backlog.segments(own_stems=self._own_stems)

    def settle(self, segment: Segment) -> None:
        """Removes a segment whose every entry is safe elsewhere. Raises OSError: then it still waits."""
        self._backlog.settle(segment)

    def set_apart(self, segment: Segment) -> None:
        """Keeps a damaged segment as `.damaged`; its good entries are safe. Raises OSError: then it still waits."""
        self._backlog.set_apart(segment)

    @property
    def is_writable(self) -> bool:
        """Whether the last append or probe succeeded: for readiness."""
        return not self._disk.fault

    @property
    def free_bytes(self) -> int:
        """Free space of the journal's disk. Raises OSError."""
        return disk.free_bytes(self._folder)

    def mend(self) -> None:
        """After a fault: tries the disk, so that a process without traffic notices, too, that it is well again."""
        with self._turn:
            now = time.monotonic()
            if not self._disk.is_due(now):
                return
            try:
                self._disk.admit(0, now)
                disk.probe(self._held_owner().path)
            except JournalFault:
                return
            except OSError as fault:
                self._disk.failed(fault, now)
                return
            self._disk.well()

    def close(self) -> None:
        """Ends appending. What is not settled is adopted by another process, or by the next one of this host."""
        with self._turn:
            if self._writer is not None:
                self._close_segment(self._writer)
            if self._owner is not None:
                self._owner.release(is_done=not self._owner.segments())
                self._owner = None
            self._backlog.close()

    def _commit(self, entries: Sequence[Entry]) -> None:
        """One write and one fdatasync. Raises JournalFault."""
        with self._turn:
            now = time.monotonic()
            size_bytes = sum([len(entry.record) for entry in entries]) + _BESIDES_BYTES * len(entries)
            self._disk.admit(size_bytes, now)
            try:
                writer = self._writer_for(size_bytes, now)
                writer.append(encoded(entries, writer.mark))
            except OSError as fault:
                self._abandon()
                raise self._disk.failed(fault, now) from fault
            except BaseException:  # a signal in the middle: how much was written, nobody knows
                self._abandon()
                raise
            self._active.quiet_since = now
            if self._disk.fault:
                self._disk.well()

    def _writer_for(self, size_bytes: int, now: float) -> Writer:
        """The open segment, or a new one when that is full or old. Raises OSError."""
        if (writer := self._writer) is not None:
            if writer.size_bytes + size_bytes <= SEGMENT_BYTES and now - self._opened_at < SEGMENT_S:
                return writer
            self._close_segment(writer)
        owner = self._held_owner()
        path = self._folder / f"{owner.stem}-{next(self._numbers)}.seg"
        self._writer, self._opened_at = Writer(path, owner.mark), now
        self._active = Segment(path, has_unsent=False)
        return self._writer

    def _held_owner(self) -> Owner:
        """This process's lock, taken anew if somebody removed the file. Raises OSError."""
        if self._owner is not None and not self._owner.is_intact:
            self._owner.release(is_done=False)
            self._owner = None
        if self._owner is None:
            self._owner = new_owner(self._folder)
            self._own_stems.add(self._owner.stem)
        return self._owner

    def _close_segment(self, writer: Writer) -> None:
        self._writer = None
        self._active.is_whole = writer.close()
        self._backlog.add(self._active)

    def _abandon(self) -> None:
        """Nobody uses that file again. What was stored in it before stays good."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.abandon()
            if writer.size_bytes:
                self._backlog.add(self._active)
