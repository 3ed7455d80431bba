"""The journal's disk is full, or its folder is gone."""

import resource
from random import Random

from ops.faultlab.faults.fault import Fault, Heal, Lab, Target
from ops.faultlab.house import ingress_workers


def _full(lab: Lab, _dice: Random) -> Heal:
    """No file of the ingress may grow by a byte (EFBIG): what a full disk does, for any user, and only to them."""
    limited = [pid for pid in ingress_workers(lab.house) if _limit(pid, 0)]

    def heal() -> None:
        for pid in limited:
            _limit(pid, None)

    return heal


def _limit(pid: int, size_bytes: int | None) -> bool:
    """Sets the soft limit only; None lifts it. False when the process is gone."""
    try:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if size_bytes is None else size_bytes, hard))
    except ProcessLookupError:
        return False
    return True


def _gone(lab: Lab, _dice: Random) -> Heal:
    """A file lies where the folder was: open segments can be written, new ones cannot be made. Works against root too."""
    folder = lab.house.journal
    aside = folder.with_name("journal.aside")
    if not folder.is_dir():
        return lambda: None  # this house has no journal
    folder.rename(aside)
    folder.touch()

    def heal() -> None:
        folder.unlink()
        aside.rename(folder)

    return heal


JOURNAL: frozenset[Target] = frozenset({"journal"})
FAULTS = (
    Fault("journal-full", JOURNAL, (4.0,), _full, hides=JOURNAL),
    Fault("journal-gone", JOURNAL, (14.0,), _gone, hides=JOURNAL),  # longer than a segment lives
)
