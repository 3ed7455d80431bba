"""Who asks for which text when, and who says STOP: a function of the seed alone."""

from dataclasses import dataclass, replace
from math import ceil
from random import Random
from typing import Final

from ops.faultlab.sends.told import Door

TENANT: Final = "lab"
CLIENT: Final = "lab"

# Segments a second. Long codes and toll-free numbers as Twilio's page on rate limits has them, and one that was given more.
LONG_CODE, TOLL_FREE, RAISED = 1.0, 3.0, 10.0
_LOADED: Final = 0.6  # of its rate: queues form and go again
_FEWEST: Final = 4  # long codes
_SEGMENTS_A_TEXT: Final = 1.1
_THROUGH_QUEUE: Final = 0.15
_BULKS: Final = 0.02  # of the texts begin a bulk ...
_IN_A_BULK: Final = 8  # ... of so many
_TWINS: Final = 0.02  # the same words to the same person, wanted twice: each is a text of its own
_LEAVERS: Final = 0.15  # of the texts go to people who will say STOP
_TEXTS_OF_A_LEAVER: Final = 8

_SHORT: Final = "Lab {number}: we have seen your call and will ring you back."
_LONG: Final = (  # two segments
    "Lab {number}: thank you for calling. All of us are on a roof at the moment. We read this number in the evening, so tell "
    "us what you need and when we can reach you, and we shall ring you back tomorrow."
)
_ACCENTED: Final = "Lab {number}: Grüß Gott, wir melden uns heute noch 😀"


@dataclass(frozen=True, slots=True)
class Sender:
    """One number of ours. `is_raised`: its rate is written in its row, not its kind's."""

    number: str
    rate: float
    is_raised: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """One text to be asked for, `at_s` into the run."""

    at_s: float
    key: str
    door: Door
    sender: str
    to: str
    body: str


@dataclass(frozen=True, slots=True)
class Bulk:
    """Texts that are asked for at once, from one sender; each has its own key and words."""

    at_s: float
    key: str
    asks: list[Ask]


@dataclass(frozen=True, slots=True)
class Stop:
    """`person` says STOP to `sender`, `at_s` into the run."""

    at_s: float
    person: str
    sender: str


@dataclass(frozen=True)
class Load:
    """All of a run."""

    senders: list[Sender]
    asks: list[Ask]
    stops: list[Stop]
    bulks: list[Bulk]


def load(seed: int, texts: int, lasts_s: float, *, is_naive: bool = False) -> Load:
    """`texts` texts, evenly over `lasts_s` seconds. For a naive sender: over HTTP only, and nobody says STOP."""
    dice = Random(f"sends/{seed}")
    senders = senders_for(texts / lasts_s)
    leavers = [_leaver(dice, place, senders) for place in range(ceil(texts * _LEAVERS / _TEXTS_OF_A_LEAVER))]
    asks: list[Ask] = []
    for number in range(texts):
        at_s = number * lasts_s / texts
        if asks and dice.random() < _TWINS:
            asks.append(Ask(at_s, f"{seed}-{number}", "http", asks[-1].sender, asks[-1].to, asks[-1].body))
        else:
            asks.append(_ask(dice, f"{seed}-{number}", at_s, number, senders, leavers))
    if is_naive:
        return Load(senders, [replace(ask, door="http") for ask in asks], [], [])
    single, bulks = _in_bulks(Random(f"sends/bulks/{seed}"), asks)
    stops = [Stop(dice.uniform(0.2, 0.7) * lasts_s, person, sender) for person, sender in leavers]
    return Load(senders, single, sorted(stops, key=lambda stop: stop.at_s), bulks)


def _in_bulks(dice: Random, asks: list[Ask]) -> tuple[list[Ask], list[Bulk]]:
    """Some neighbours are asked for together, by the sender of the first. Nobody is twice in a bulk: it would be refused."""
    single: list[Ask] = []
    bulks: list[Bulk] = []
    place = 0
    while place < len(asks):
        first, those = asks[place], asks[place : place + _IN_A_BULK]
        if dice.random() < _BULKS and len({ask.to for ask in those}) == _IN_A_BULK:
            together = [replace(ask, door="bulk", sender=first.sender, at_s=first.at_s) for ask in those]
            bulks.append(Bulk(first.at_s, f"bulk-{first.key}", together))
            place += _IN_A_BULK
        else:
            single.append(first)
            place += 1
    return single, bulks


def senders_for(rate: float) -> list[Sender]:
    """Enough numbers for `rate` texts a second: one with a rate of its own, two toll-free ones, the rest long codes."""
    fixed = [Sender("+14155550001", RAISED, is_raised=True)]
    fixed += [Sender(f"+1800555000{place}", TOLL_FREE) for place in (1, 2)]
    needed = rate * _SEGMENTS_A_TEXT / _LOADED - sum(sender.rate for sender in fixed)
    count = max(_FEWEST, ceil(needed / LONG_CODE))
    return fixed + [Sender(f"+1415556{place:04}", LONG_CODE) for place in range(count)]


def _ask(
    dice: Random, key: str, at_s: float, number: int, senders: list[Sender], leavers: list[tuple[str, str]]
) -> Ask:
    door: Door = "queue" if dice.random() < _THROUGH_QUEUE else "http"
    body = dice.choices((_SHORT, _LONG, _ACCENTED), (0.8, 0.1, 0.1))[0].format(number=number)
    if dice.random() < _LEAVERS:
        to, sender = dice.choice(leavers)
    else:
        to = f"+1212{2000000 + number:07}"
        sender = dice.choices(senders, [sender.rate for sender in senders])[0].number
    return Ask(at_s, key, door, sender, to, body)


def _leaver(dice: Random, place: int, senders: list[Sender]) -> tuple[str, str]:
    """A person and the number that texts him."""
    return f"+1312{2000000 + place:07}", dice.choice(senders).number
