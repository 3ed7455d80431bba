"""Which fault comes when while recordings are made and heard: mostly a worker that is killed, now and then a store."""

from dataclasses import dataclass
from random import Random
from typing import Final

from ops.faultlab.plan import Planned
from ops.faultlab.recordings.faults import ALL

RATE: Final = 1.5  # recordings a second: what two cores fetch, store and read back while they are broken
SHORT_RECORDINGS, SHORT_S = 46, 30.0
CALM_RECORDINGS, CALM_S = 24, 8.0

# The most telling faults in half a minute. The events worker dies early: what it had claimed is claimed again 40 s later.
SHORT: Final = (
    Planned(1.5, 0.3, "events-kill", 1),
    Planned(3.0, 0.3, "recordings-kill", 2),
    Planned(5.0, 2.0, "s3-errors", 3),
    Planned(7.0, 0.3, "recordings-kill", 4),
    Planned(9.5, 1.5, "s3-kill", 5),
    Planned(12.0, 0.3, "recordings-kill", 6),
    Planned(14.0, 2.5, "redis-freeze", 7),
    Planned(17.0, 1.0, "postgres-crash", 8),
    Planned(19.5, 0.3, "recordings-kill", 9),
    Planned(21.0, 2.0, "s3-slow", 10),
    Planned(23.0, 0.3, "notify-kill", 11),
    Planned(24.0, 0.3, "recordings-kill", 12),
    Planned(26.5, 1.5, "s3-errors", 13),
    Planned(27.5, 0.3, "recordings-kill", 14),
)

_KILLS_S: Final = (2.5, 5.0)  # between two killed workers: a new one needs about two seconds until it fetches
_OTHERS_S: Final = (6.0, 15.0)
_OTHERS: Final = (
    "s3-kill", "s3-freeze", "s3-errors", "s3-slow", "redis-kill", "redis-freeze", "redis-flushall", "redis-slow",
    "postgres-crash", "postgres-freeze", "postgres-read-only", "events-kill", "notify-kill", "recordings-freeze",
    "beat-kill", "web-worker-kill", "ingress-kill",
)  # fmt: skip
_LAST_S: Final = 5.0  # of the load see no new fault


@dataclass(frozen=True)
class Wanted:
    """What is asked of a run. `is_calm`: nothing breaks and nothing goes wrong."""

    seed: int
    recordings: int
    lasts_s: float
    schedule: list[Planned]
    is_calm: bool = False


def wanted(seed: int, recordings: int, *, is_short: bool, is_calm: bool = False) -> Wanted:
    """The short run has always the same faults; in another the seed decides."""
    if is_calm:
        return Wanted(seed, CALM_RECORDINGS, CALM_S, [], is_calm=True)
    if is_short:
        return Wanted(seed, SHORT_RECORDINGS, SHORT_S, [*SHORT])
    lasts_s = max(SHORT_S, recordings / RATE)
    return Wanted(seed, recordings, lasts_s, schedule(seed, lasts_s))


def schedule(seed: int, lasts_s: float) -> list[Planned]:
    """Killed workers all the time, and beside them one thing after the other."""
    dice = Random(f"recordings/faults/{seed}")
    planned: list[Planned] = []
    at_s = dice.uniform(*_KILLS_S)
    while at_s < lasts_s - _LAST_S:
        planned.append(Planned(round(at_s, 2), 0.3, "recordings-kill", dice.randrange(2**31)))
        at_s += dice.uniform(*_KILLS_S)
    at_s = dice.uniform(*_KILLS_S)
    while at_s < lasts_s - _LAST_S:
        name = dice.choice(_OTHERS)
        hold_s = min(ALL[name].holds_s)
        planned.append(Planned(round(at_s, 2), hold_s, name, dice.randrange(2**31)))
        at_s += hold_s + dice.uniform(*_OTHERS_S)
    return sorted(planned, key=lambda p: p.at_s)
