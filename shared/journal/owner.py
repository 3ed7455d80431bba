"""Whose segments these are: each process holds a locked file for as long as it lives, and the kernel lets go when it dies.

So "dead" means "the lock can be had": no pid is guessed, whatever killed the process, in whatever container it ran.
"""

import fcntl
import os
import re
import secrets
import socket
import time
from pathlib import Path
from typing import Final

from shared.journal.segment import owner_of
from shared.journal.writer import sync_folder

_LOCK: Final = re.compile(r"[\w.-]+-[0-9a-f]{16}\.lock")
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
# Segments whose lock file is gone (a person, or a power cut before its name was safe) may still be written: an active
# segment is never older than 10 s, so after a minute of silence they are nobody's.
_UNLOCKED_QUIET_S: Final = 60.0


class Owner:
    """The right to the segments named `stem`, held until `release` or this process's end."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path, self._fd = path, fd

    @property
    def stem(self) -> str:
        """What the names of the owner's segments begin with."""
        return self.path.stem

    @property
    def mark(self) -> bytes:
        """The bytes every record of this owner begins with."""
        return bytes.fromhex(self.stem.rpartition("-")[2])

    @property
    def is_intact(self) -> bool:
        """Whether the locked file is still the one that others find."""
        return _is_same(self._fd, self.path)

    def segments(self) -> list[Path]:
        """The owner's segments that are not settled. Raises OSError."""
        return sorted(self.path.parent.glob(f"{self.stem}-*.seg"))

    def release(self, *, is_done: bool) -> None:
        """Lets others have the segments; with `is_done` there are none, and the lock file goes first."""
        try:
            if is_done and self.is_intact:
                self.path.unlink()
        except OSError:
            pass  # an empty lock file is taken away by the next process that looks
        finally:
            os.close(self._fd)


def new_owner(folder: Path) -> Owner:
    """A name that no other process has, and its lock, both on the disk. Raises OSError."""
    while True:  # a drainer that sweeps may hold, or have removed, a file that is a moment old
        owner = _locked(folder / f"{_host()}-{_boot()}-{os.getpid()}-{secrets.token_hex(8)}.lock")
        if owner is not None:
            sync_folder(folder)
            return owner


def stems(folder: Path) -> set[str]:
    """All who have, or had, segments here."""
    locks = {path.stem for path in folder.glob("*.lock") if _LOCK.fullmatch(path.name)}
    return locks | {stem for path in folder.glob("*.seg") if (stem := owner_of(path))}


def adopted(folder: Path, stem: str) -> Owner | None:
    """A dead process's rights, if it is dead and left anything to do; its lock file alone is swept away. Raises OSError."""
    path = folder / f"{stem}.lock"
    if not path.exists() and not _is_quiet(path):
        return None
    owner = _locked(path)
    if owner is not None and not owner.segments():
        owner.release(is_done=True)
        return None
    return owner


def _locked(path: Path) -> Owner | None:
    """The lock, or None if another process has it or took the file away meanwhile."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_same(fd, path):
            return Owner(path, fd)
    except BlockingIOError:
        pass
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return None


def _is_same(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _is_quiet(lock: Path) -> bool:
    written = [path.stat().st_mtime for path in lock.parent.glob(f"{lock.stem}-*.seg")]
    return not written or abs(time.time() - max(written)) > _UNLOCKED_QUIET_S


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname())[:64] or "host"


def _boot() -> str:
    return _BOOT_ID.read_text(encoding="ascii")[:8] if _BOOT_ID.exists() else "boot"
