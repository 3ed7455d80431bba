"""What a fault is, and what it may touch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from ops.faultlab.aof import AofSizes
from ops.faultlab.house import House

Target = Literal["ingress", "workers", "redis", "postgres", "journal", "network", "store"]
Heal = Callable[[], None]


@dataclass
class Lab:
    """The house, and what is known of Redis's files while it runs."""

    house: House
    aof: AofSizes


@dataclass(frozen=True)
class Fault:
    """`begin` breaks something and returns what mends it; the dice are the schedule's, so a replay breaks the same.

    `holds_s` are the durations to choose from. `hides` names the stores behind an acknowledgement that it takes away,
    `forgets` says that such a store loses what it had.
    """

    name: str
    targets: frozenset[Target]
    holds_s: Sequence[float]
    begin: Callable[[Lab, Random], Heal]
    hides: frozenset[Target] = frozenset()
    forgets: bool = False


def nothing_to_heal() -> None:
    """What was killed is started again by the keeper."""
