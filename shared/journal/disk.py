"""How the journal's disk does: whether an append may be tried, and what to say when it may not."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared import log
from shared.errors import NotStored

# After a fault the disk is left alone this long: a storm of new files would not heal it, and Redis takes the events.
REFUSE_S: Final = 1.0
# Asking for the free space is cheap but no gift, and hangs with the mount: ten times a second, or once a MiB.
LOOK_S: Final = 0.1
LOOK_BYTES: Final = 1024 * 1024
_FULL: Final = {errno.ENOSPC, errno.EDQUOT}
_PROBE: Final = bytes(4096)  # a block of its own: an empty file fits on a full disk


class JournalUnwritable(Exception):
    """The folder cannot be written: the process must not start. The text says what to do."""


class JournalFault(NotStored):
    """This append is not on disk, or nobody knows: the journal is no reason to acknowledge it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A journal's folder as operators see it, all processes together."""

    segments: int
    damaged: int
    size_bytes: int
    free_bytes: int


class Disk:
    """The disk under one folder. Not locked: the journal asks it in its turn."""

    def __init__(self, folder: Path, min_free_bytes: int) -> None:
        self._folder, self._min_free_bytes = folder, min_free_bytes
        self.fault = ""  # why the last append or probe failed; empty when it did not
        self._refuse_until = self._look_at = 0.0
        self._free_bytes = self._unlooked_bytes = 0

    def admit(self, size_bytes: int, now: float) -> None:
        """Raises JournalFault: a fault is less than a second old, or the append would leave too little space."""
        if now < self._refuse_until:
            raise JournalFault(self.fault)
        self._unlooked_bytes += size_bytes
        if now >= self._look_at or self._unlooked_bytes >= LOOK_BYTES:
            try:
                self._free_bytes = free_bytes(self._folder)
            except OSError as fault:
                raise self.failed(fault, now) from fault
            self._look_at, self._unlooked_bytes = now + LOOK_S, size_bytes
        if self._free_bytes - self._unlooked_bytes < self._min_free_bytes:
            self._note("journal: too little free space")
            raise JournalFault(self.fault)

    def is_due(self, now: float) -> bool:
        """Whether there was a fault and it is time to look again."""
        return bool(self.fault) and now >= self._refuse_until

    def failed(self, fault: OSError, now: float) -> JournalFault:
        """What to raise for this fault; for a second nothing is tried."""
        self._refuse_until = now + REFUSE_S
        self._note(f"journal: {errno.errorcode.get(fault.errno or 0, type(fault).__name__)}")
        return JournalFault(self.fault)

    def well(self) -> None:
        """An append or a probe succeeded."""
        if self.fault:
            log.get().info("journal_recovered", after=self.fault)
        self.fault = ""

    def _note(self, reason: str) -> None:
        if reason != self.fault:  # once an outage, not once a webhook
            log.get().error("journal_faulted", reason=reason)
        self.fault = reason


def probe(path: Path) -> None:
    """Writes a block and makes it last. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        if os.write(fd, _PROBE) < len(_PROBE):
            raise OSError(errno.ENOSPC, "no room for one block")
        os.fdatasync(fd)
    finally:
        os.close(fd)


def is_full(fault: OSError) -> bool:
    """Whether only room is wanting."""
    return fault.errno in _FULL


def advice(folder: Path, fault: OSError) -> str:
    """What a person needs who must mend it."""
    name = errno.errorcode.get(fault.errno or 0, "unknown")
    return (
        f"the journal's folder {folder} cannot be written ({name}: {fault.strerror}). Every webhook is stored there before "
        f"it is acknowledged: give the folder to user {os.geteuid()} (chown), mount its disk writable, or name another "
        "folder on a disk of this host in TS_JOURNAL_DIR."
    )


def free_bytes(folder: Path) -> int:
    """What a process without privileges may still write. Raises OSError."""
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize


def facts(folder: Path) -> Facts:
    """Counts what lies in the folder. Raises OSError."""
    with os.scandir(folder) as listed:
        names = [entry for entry in listed if entry.name.endswith((".seg", ".damaged"))]
    damaged = sum(entry.name.endswith(".damaged") for entry in names)
    return Facts(len(names) - damaged, damaged, sum(_size(entry) for entry in names), free_bytes(folder))


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except FileNotFoundError:  # settled since it was listed
        return 0
