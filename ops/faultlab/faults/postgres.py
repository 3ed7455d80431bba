"""PostgreSQL crashes or freezes."""

import signal
from random import Random

from ops.faultlab.faults.fault import Fault, Heal, Lab, Target
from ops.faultlab.keeper import descendants, send


def _crash(lab: Lab, _dice: Random) -> Heal:
    """An immediate shutdown: nothing is written any more, and the next start recovers from the log."""
    lab.house.keeper.down("postgres", signal.SIGQUIT)
    return lambda: lab.house.keeper.up("postgres")


def freeze(lab: Lab, _dice: Random) -> Heal:
    """The server and every session of it stand still."""
    master = lab.house.keeper.pid("postgres")
    stopped = [master, *descendants(master)]
    for pid in stopped:
        send(pid, signal.SIGSTOP)

    def heal() -> None:
        for pid in reversed(stopped):
            send(pid, signal.SIGCONT)

    return heal


POSTGRES: frozenset[Target] = frozenset({"postgres"})
FAULTS = (
    Fault("postgres-crash", POSTGRES, (0.5, 3.0), _crash),
    Fault("postgres-freeze", POSTGRES, (10.0,), freeze),
)
