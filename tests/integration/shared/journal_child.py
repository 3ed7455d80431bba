"""A process with a journal, for tests that kill it or take its disk away: `python -m … folder command`.

It says what happened line by line: `acked N` only after the append of entry N has returned.
"""

import encodings.ascii  # noqa: F401 - the unprivileged may not be able to read the interpreter's files any more
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from shared import log
from shared.journal import Entry, Journal, JournalFault, JournalUnwritable
from shared.journal import journal as active

NOBODY = 65534
DEADLINE_S = 15.0


def entry(number: int) -> Entry:
    """The same for the same number, of many lengths."""
    return Entry(f"{number:032x}", b"%d," % number * (number % 700 + 1))


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # one write a line, also from several threads


def append(journal: Journal, number: int) -> bool:
    try:
        journal.append_many([entry(number)])
    except JournalFault as fault:
        say(f"refused {number} {fault.reason}")
        return False
    say(f"acked {number}")
    return True


def write(folder: Path) -> None:
    """Appends for ever from three threads and rotates often."""
    journal = Journal(folder, min_free_bytes=0)
    active.SEGMENT_BYTES = 200_000  # type: ignore[misc]  # several segments in a moment

    def run(first: int) -> None:
        for number in range(first, 10**9, 3):
            append(journal, number)

    for first in range(3):
        threading.Thread(target=run, args=(first,), daemon=True).start()
    threading.Event().wait()


def start(folder: Path) -> None:
    """Only starts, as a user without privileges."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        Journal(folder, min_free_bytes=0)
    except JournalUnwritable as fault:
        say(f"unwritable {fault}")
    else:
        say("started")


def until_refused(journal: Journal, number: int) -> int:
    while append(journal, number):
        number += 1
    return number


def until_acked(journal: Journal, number: int) -> int:
    deadline = time.monotonic() + DEADLINE_S
    while not append(journal, number):
        assert time.monotonic() < deadline
        number += 1
    return number


def heals(folder: Path, wound: Callable[[], None], heal: Callable[[], None]) -> None:
    """Some entries before, some refused while the wound is open, some after it."""
    journal = Journal(folder, min_free_bytes=0)
    for number in range(50):
        append(journal, number)
    wound()
    number = until_refused(journal, 50)
    say(f"writable {journal.is_writable}")
    append(journal, number + 1)
    heal()
    number = until_acked(journal, number + 2)
    say(f"writable {journal.is_writable}")
    for later in range(number + 1, number + 20):
        append(journal, later)
    journal.rotate()
    say(f"segments {len(journal.closed_segments())}")


def limit(folder: Path) -> None:
    """A file may not grow beyond what a few entries need: SIGXFSZ where it is not ignored."""

    def set_limit(size_bytes: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))

    heals(folder, lambda: set_limit(40_000), lambda: set_limit(resource.RLIM_INFINITY))


def fill(folder: Path) -> None:
    """A disk of 512 KiB that others fill. Needs a mount namespace of its own."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], check=True)
    filler = folder / "filler"

    def wound() -> None:
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)) == 4096:
                    pass
            except OSError:
                return

    heals(folder, wound, filler.unlink)
    kept(folder)


def read_only(folder: Path) -> None:
    """A disk that turns read-only, as ext4 does after an error. Needs a mount namespace of its own."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=True)

    journal = Journal(folder, min_free_bytes=0)
    append(journal, 0)
    journal.rotate()
    # Open files forbid a read-only remount; a read-only view of the same disk on top of it does for all that follow.
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
    say(f"writable {append(journal, 1)}")
    append(journal, 2)
    started_again(folder)
    subprocess.run(["umount", folder], check=True)
    until_acked(journal, 3)
    journal.rotate()
    kept(folder)


def started_again(folder: Path) -> None:
    try:
        Journal(folder, min_free_bytes=0)
    except JournalUnwritable as fault:
        say(f"unwritable {fault}")
    Journal(folder, min_free_bytes=0, must_start=True).close()
    say("started all the same")


def watermark(folder: Path) -> None:
    """Less than 64 KiB are never left by us, and a full disk is no reason not to start. Needs a mount namespace."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], check=True)
    journal = Journal(folder, min_free_bytes=65_536)
    number = until_refused(journal, 0)
    stat = os.statvfs(folder)
    say(f"free {stat.f_bavail * stat.f_frsize}")
    say(f"writable {journal.is_writable}")
    second = Journal(folder, min_free_bytes=65_536)
    append(second, number + 1)
    journal.rotate()
    for segment in journal.closed_segments():
        journal.settle(segment)
    deadline = time.monotonic() + DEADLINE_S
    while not journal.is_writable:
        assert time.monotonic() < deadline
        journal.mend()
    say(f"writable {journal.is_writable}")
    append(journal, number + 2)


def full_start(folder: Path) -> None:
    """Not one block is free at the start. Needs a mount namespace of its own."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", folder], check=True)
    (folder / "filler").write_bytes(bytes(16_384))
    journal = Journal(folder, min_free_bytes=0)
    say(f"writable {journal.is_writable}")
    append(journal, 0)
    (folder / "filler").unlink()
    until_acked(journal, 1)


def kept(folder: Path) -> None:
    """Copies what is on the namespace's disk to where the test can see it."""
    beside = folder.with_name("kept")
    beside.mkdir()
    for path in folder.glob("*.seg"):
        (beside / path.name).write_bytes(path.read_bytes())


def adopt(folder: Path) -> None:
    """Adopts whatever it can as soon as it is told to, and says what it got."""
    journal = Journal(folder, min_free_bytes=0)
    say("ready")
    sys.stdin.readline()
    segments = journal.closed_segments()
    say("got " + " ".join(segment.path.name for segment in segments))
    sys.stdin.readline()


COMMANDS = {
    "write": write, "start": start, "limit": limit, "fill": fill, "read_only": read_only, "watermark": watermark,
    "full_start": full_start, "adopt": adopt,
}  # fmt: skip

if __name__ == "__main__":
    log.configure(service="test", version="0", out=sys.stderr)
    COMMANDS[sys.argv[2]](Path(sys.argv[1]))
