"""Two at once, where the one makes the other certain to hurt."""

from random import Random

from ops.faultlab.faults.fault import Fault, Heal, Lab
from ops.faultlab.faults.postgres import POSTGRES, freeze
from ops.faultlab.faults.redis import REDIS, flush


def _flush_a_backlog(lab: Lab, dice: Random) -> Heal:
    """PostgreSQL stands still, so that everything acknowledged waits in Redis; then Redis forgets all of it."""
    thaw = freeze(lab, dice)

    def heal() -> None:
        flush(lab, dice)
        thaw()

    return heal


FAULTS = (Fault("backlog-flush", REDIS | POSTGRES, (3.0,), _flush_a_backlog, hides=REDIS, forgets=True),)
