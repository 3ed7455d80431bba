"""Which fault comes when while people call: workers that are killed all the time, and one store after the other."""

from dataclasses import dataclass
from random import Random
from typing import Final

from ops.faultlab.faults import ALL
from ops.faultlab.plan import Planned

RATE: Final = 1.6  # calls a second: what two cores play with all phones and doubles beside it
SHORT_CALLS, SHORT_S = 44, 18.0

# The most telling faults, while calls ring. What Redis forgets comes back from the journal
# after three quarters of a minute, and what a killed worker had in hand is held for its lease: these are early.
SHORT: Final = (
    Planned(2.0, 1.0, "events-kill", 1),
    Planned(3.5, 0.1, "redis-flushall", 2),
    Planned(5.0, 1.0, "notify-kill", 3),
    Planned(6.0, 1.0, "calls-kill", 4),
    Planned(7.0, 0.5, "postgres-crash", 5),
    Planned(8.5, 1.0, "events-kill", 6),
    Planned(9.5, 1.0, "notify-kill", 7),
    Planned(11.0, 2.0, "redis-kill", 8),
    Planned(13.5, 0.5, "web-worker-kill", 9),
    Planned(14.5, 3.0, "redis-freeze", 10),
)

# Answers of Twilio's that are lost are enough for a service that knows no doubt.
NAIVE_CALLS, NAIVE_S = 60, 10.0

_KILLS: Final = ("calls-kill", "events-kill", "notify-kill", "sms-kill", "web-worker-kill", "fallback-kill")
_KILLS_S: Final = (3.0, 6.0)
_OTHERS_S: Final = (10.0, 18.0)
_OTHERS: Final = (
    "redis-kill", "redis-freeze", "redis-flushall", "redis-slow", "redis-power-cut", "postgres-crash", "postgres-freeze",
    "postgres-read-only", "ingress-kill", "ingress-reload", "beat-kill", "worker-freeze", "web-worker-freeze",
)  # fmt: skip
_LAST_S: Final = 5.0  # of the load see no new fault


@dataclass(frozen=True)
class Wanted:
    """What is asked of a run."""

    seed: int
    calls: int
    lasts_s: float
    schedule: list[Planned]
    is_naive: bool = False
    with_slow: bool = True
    """With what takes a minute: a decision when nothing more is expected, a request that perhaps never arrived."""


def wanted(seed: int, calls: int, *, is_short: bool, is_naive: bool = False) -> Wanted:
    """The short run has always the same faults; in another the seed decides. The naive service needs none to fail."""
    if is_naive:
        return Wanted(seed, NAIVE_CALLS, NAIVE_S, [], is_naive=True, with_slow=False)
    if is_short:
        return Wanted(seed, SHORT_CALLS, SHORT_S, [*SHORT], with_slow=False)
    lasts_s = calls / RATE
    return Wanted(seed, calls, lasts_s, schedule(seed, lasts_s))


def schedule(seed: int, lasts_s: float) -> list[Planned]:
    """Something of ours is killed every few seconds, and beside that one thing after the other breaks."""
    dice = Random(f"calls/faults/{seed}")
    planned = [*_drawn(dice, lasts_s, _KILLS, _KILLS_S), *_drawn(dice, lasts_s, _OTHERS, _OTHERS_S)]
    return sorted(planned, key=lambda p: p.at_s)


def _drawn(dice: Random, lasts_s: float, names: tuple[str, ...], pause_s: tuple[float, float]) -> list[Planned]:
    planned: list[Planned] = []
    at_s = dice.uniform(*_KILLS_S)
    while at_s < lasts_s - _LAST_S:
        name = dice.choice(names)
        hold_s = min(ALL[name].holds_s)
        planned.append(Planned(round(at_s, 2), hold_s, name, dice.randrange(2**31)))
        at_s += hold_s + dice.uniform(*pause_s)
    return planned
