"""Which fault comes when while texts are sent: mostly a worker that is killed, now and then a store."""

from dataclasses import dataclass
from random import Random
from typing import Final

from ops.faultlab.faults import ALL
from ops.faultlab.plan import Planned

RATE: Final = 45.0  # texts a second: 10,000 in less than four minutes
SHORT_TEXTS, SHORT_S = 300, 30.0

# The most telling faults in half a minute. The last kill is early: what a killed worker holds is held for its lease.
SHORT: Final = (
    Planned(3.0, 1.0, "sms-kill", 1),
    Planned(5.0, 1.0, "sms-kill", 2),
    Planned(6.0, 0.1, "redis-flushall", 8),  # early: what is on the queue when Redis forgets is not judged
    Planned(8.0, 2.0, "redis-kill", 3),
    Planned(11.0, 1.0, "sms-kill", 4),
    Planned(12.0, 1.0, "postgres-crash", 5),
    Planned(16.0, 1.0, "sms-kill", 6),
    Planned(17.0, 3.0, "redis-freeze", 7),
    Planned(22.0, 1.0, "sms-kill", 9),
    Planned(24.0, 1.0, "events-kill", 10),
)

# Lost answers, and one killed worker: a sender that knows no doubt sends twice.
NAIVE_TEXTS, NAIVE_S = 200, 12.0
NAIVE: Final = (Planned(5.0, 1.0, "sms-kill", 1),)

_KILLS_S: Final = (3.0, 6.0)  # between two killed workers: a new one needs about two seconds until it sends
_OTHERS_S: Final = (12.0, 25.0)
_OTHERS: Final = (
    "redis-kill", "redis-freeze", "redis-flushall", "redis-slow", "postgres-crash", "postgres-freeze", "postgres-read-only",
    "sms-freeze", "events-kill", "beat-kill", "web-worker-kill", "ingress-kill",
)  # fmt: skip
_LAST_S: Final = 5.0  # of the load see no new fault


@dataclass(frozen=True)
class Wanted:
    """What is asked of a run."""

    seed: int
    texts: int
    lasts_s: float
    schedule: list[Planned]
    is_naive: bool = False


def wanted(seed: int, texts: int, *, is_short: bool, is_naive: bool = False) -> Wanted:
    """The short run has always the same faults; in another the seed decides. The naive sender needs few to fail."""
    if is_naive:
        return Wanted(seed, NAIVE_TEXTS, NAIVE_S, [*NAIVE], is_naive=True)
    if is_short:
        return Wanted(seed, SHORT_TEXTS, SHORT_S, [*SHORT])
    lasts_s = texts / RATE
    return Wanted(seed, texts, lasts_s, schedule(seed, lasts_s))


def schedule(seed: int, lasts_s: float) -> list[Planned]:
    """Killed workers all the time, and beside them one thing after the other."""
    dice = Random(f"sends/faults/{seed}")
    planned: list[Planned] = []
    at_s = dice.uniform(*_KILLS_S)
    while at_s < lasts_s - _LAST_S:
        planned.append(Planned(round(at_s, 2), 1.0, "sms-kill", dice.randrange(2**31)))
        at_s += dice.uniform(*_KILLS_S)
    at_s = dice.uniform(*_KILLS_S)
    while at_s < lasts_s - _LAST_S:
        name = dice.choice(_OTHERS)
        planned.append(Planned(round(at_s, 2), min(ALL[name].holds_s), name, dice.randrange(2**31)))
        at_s += min(ALL[name].holds_s) + dice.uniform(*_OTHERS_S)
    return sorted(planned, key=lambda p: p.at_s)
