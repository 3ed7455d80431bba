"""What can go wrong in a house that keeps recordings: what can elsewhere, and its store; and who is killed leaves no lease."""

import signal
from collections.abc import Callable
from random import Random
from typing import Final

import requests

from ops.faultlab import faults
from ops.faultlab.faults.fault import Fault, Heal, Lab, Target
from ops.faultlab.keeper import send
from ops.faultlab.recordings import waits
from ops.faultlab.recordings.front import PATH

FRONT_URL: Final = "LAB_FRONT_URL"
BADLY: Final = {"error_before": 0.25, "error_after": 0.25, "cut": 0.15}
SLOWLY: Final = {"slow_s": 1.5}
WITHIN_S: Final = 10.0


def _killing(program: str) -> Callable[[Lab, Random], Heal]:
    """At whatever line it is. It stays away until its leases have ended, as time would end them."""

    def begin(lab: Lab, _dice: Random) -> Heal:
        lab.house.keeper.down(program)

        def heal() -> None:
            waits.leases_end(lab.house, program)
            lab.house.keeper.up(program)

        return heal

    return begin


def _freezing(program: str) -> Callable[[Lab, Random], Heal]:
    def begin(lab: Lab, _dice: Random) -> Heal:
        pid = lab.house.keeper.pid(program)
        send(pid, signal.SIGSTOP)
        return lambda: send(pid, signal.SIGCONT)

    return begin


def _s3_kill(lab: Lab, _dice: Random) -> Heal:
    lab.house.keeper.down("s3")
    return lambda: lab.house.keeper.up("s3")


def _s3_odds(odds: dict[str, float]) -> Callable[[Lab, Random], Heal]:
    def begin(lab: Lab, _dice: Random) -> Heal:
        tell(lab.house.env[FRONT_URL], odds)
        return lambda: tell(lab.house.env[FRONT_URL], {})

    return begin


def tell(front_url: str, odds: dict[str, float]) -> None:
    """The front of the store behaves so from now on."""
    requests.put(f"{front_url}{PATH}", json=odds, timeout=WITHIN_S).raise_for_status()


STORE: Final[frozenset[Target]] = frozenset({"store"})
WORKERS: Final[frozenset[Target]] = frozenset({"workers"})
FAULTS: Final = (
    Fault("recordings-kill", WORKERS, (0.3,), _killing("recordings")),
    Fault("events-kill", WORKERS, (0.3,), _killing("events")),
    Fault("notify-kill", WORKERS, (0.3,), _killing("notify")),
    Fault("recordings-freeze", WORKERS, (6.0,), _freezing("recordings")),
    Fault("s3-kill", STORE, (2.0,), _s3_kill),
    Fault("s3-freeze", STORE, (5.0,), _freezing("s3")),
    Fault("s3-errors", STORE, (4.0,), _s3_odds(BADLY)),
    Fault("s3-slow", STORE, (4.0,), _s3_odds(SLOWLY)),
)
ALL: Final = faults.ALL | {fault.name: fault for fault in FAULTS}
