"""Which fault comes when: drawn from the seed alone, so that a run can be had again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from ops.faultlab.faults import ALL
from ops.faultlab.faults.fault import Fault

CALM_S = (2.0, 5.0)  # between the end of one fault and the next
FIRST_S = 3.0  # some traffic before the first
LAST_CALM_S = 4.0  # and some after the last
TWO_AT_ONCE = 0.25
IS_LONG_S = 20.0  # such a fault comes only where the run is long enough for others beside it


@dataclass(frozen=True)
class Planned:
    """`dice` decides inside the fault what the schedule leaves open: which of two workers dies."""

    at_s: float
    hold_s: float
    name: str
    dice: int

    @property
    def ends_s(self) -> float:
        return self.at_s + self.hold_s


# The most telling faults in half a minute, for every change: each of them has lost events of lesser designs.
SHORT = (
    Planned(2.0, 0.5, "web-worker-kill", 1),
    Planned(4.0, 3.0, "events-kill", 2),
    Planned(7.0, 2.0, "redis-kill", 3),
    Planned(10.5, 3.0, "backlog-flush", 4),
    Planned(15.0, 4.0, "redis-freeze", 5),
    Planned(17.0, 0.5, "postgres-crash", 6),
    Planned(21.0, 2.5, "journal-full", 7),
    Planned(26.0, 1.0, "redis-power-cut", 8),
    Planned(26.5, 3.0, "ingress-kill", 9),
)
SHORT_S = 32.0


def schedule(seed: int, lasts_s: float, names: Sequence[str] = ()) -> list[Planned]:
    """The faults of a run of `lasts_s`; `names` restricts them. Every allowed fault comes once before any comes again."""
    dice = Random(f"faults/{seed}")
    planned: list[Planned] = []
    at_s = FIRST_S
    for fault in _bag([ALL[name] for name in names] or _usual(lasts_s), dice):
        first = _planned(fault, at_s, dice)
        if first.ends_s > lasts_s - LAST_CALM_S:
            break
        planned.append(first)
        if not names and (second := _beside(first, dice)):
            planned.append(second)
        at_s = max(p.ends_s for p in planned) + dice.uniform(*CALM_S)
    return sorted(planned, key=lambda p: p.at_s)


def _usual(lasts_s: float) -> list[Fault]:
    return [fault for fault in ALL.values() if lasts_s > 6 * IS_LONG_S or max(fault.holds_s) < IS_LONG_S]


def _bag(faults: list[Fault], dice: Random) -> Iterator[Fault]:
    while True:
        dice.shuffle(faults)
        yield from faults


def _beside(first: Planned, dice: Random) -> Planned | None:
    """Now and then another thing breaks while the first is broken."""
    others = [
        fault for fault in ALL.values() if _may_meet(fault, ALL[first.name]) and min(fault.holds_s) < IS_LONG_S
    ]  # fmt: skip
    if dice.random() >= TWO_AT_ONCE:
        return None
    return _planned(dice.choice(others), first.at_s + dice.uniform(0, first.hold_s), dice)


def _may_meet(one: Fault, other: Fault) -> bool:
    """Not two of the same thing. Nor a journal that is away and a Redis that forgets: that is the loss of both disks at
    once, the one thing against which nothing is promised."""
    forgetful = any(a.forgets and "journal" in b.hides for a, b in ((one, other), (other, one)))
    return not one.targets & other.targets and not forgetful


def _planned(fault: Fault, at_s: float, dice: Random) -> Planned:
    return Planned(round(at_s, 2), dice.choice(fault.holds_s), fault.name, dice.randrange(2**31))
