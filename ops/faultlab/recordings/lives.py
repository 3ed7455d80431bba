"""Which recording is made when, how long it is, and what is meant to become of it: a function of the seed alone."""

from dataclasses import dataclass
from random import Random
from typing import Final, Literal

Fate = Literal[
    "kept", "deleted", "held", "contested", "released", "held-released", "damaged", "damaged-released", "doomed", "long"
]
# In turn, so that a short run has all of them. `contested`: its deletion is asked for, and then it is held, for a while.
# `damaged-released`: when it is to leave Twilio it is damaged here. `doomed`: damaged when it has left Twilio.
FATES: Final[tuple[Fate, ...]] = (
    "kept", "deleted", "damaged", "released", "held", "deleted", "damaged", "doomed", "kept", "contested",
    "damaged-released", "held-released", "released", "damaged", "deleted",
)  # fmt: skip
_SHORTEST_S, _LONGEST_S = 4, 20
# Of two channels 17 MB: it goes to the store in parts.
_LONG_S: Final = 540
_MADE_IN: Final = 0.65
_EVERY_LONG: Final = 23
_FIRST_LONG: Final = 4


@dataclass(frozen=True, slots=True)
class Life:
    """One recording, made `at_s` into the run. `after_s` passes before whatever is meant to become of it."""

    place: int
    at_s: float
    fate: Fate
    duration_s: int
    channels: int
    after_s: float


def lives(seed: int, recordings: int, lasts_s: float) -> list[Life]:
    """Evenly over the first part of `lasts_s` seconds, so that fates have their time."""
    dice = Random(f"recordings/{seed}")
    return [_life(dice, place, place * lasts_s * _MADE_IN / recordings) for place in range(recordings)]


def _life(dice: Random, place: int, at_s: float) -> Life:
    duration_s, channels, after_s = dice.randint(_SHORTEST_S, _LONGEST_S), dice.choice((1, 2)), dice.uniform(0, 2)
    if place % _EVERY_LONG == _FIRST_LONG:
        return Life(place, at_s, "long", _LONG_S, 2, after_s)
    return Life(place, at_s, FATES[place % len(FATES)], duration_s, channels, after_s)
