"""Who calls whom, what the phones do, and what clients ask of a call meanwhile: drawn from a seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

TENANT: Final = "7b0f6f3e-2f0a-4c1e-9d56-0a4f4d1f0001"
CLIENT: Final = "lab"
# Of the world in a real one: a phone that rings for six seconds does so for one and a half.
SPEED: Final = 4.0
FOREVER_S: Final = 86_400.0
ANONYMOUS: Final = "anonymous"

Phone = Mapping[str, Any]
TAKES: Final[Phone] = {"answers": "answer", "answer_after_s": 2, "talk_s": 8}
STAYS: Final[Phone] = {"answers": "answer", "answer_after_s": 1, "talk_s": FOREVER_S}
SILENT: Final[Phone] = {"answers": "no-answer"}
# A carrier's voicemail. It is told from a human 2 s after the pick-up, which a conversation of 8 s outlasts.
MACHINE: Final[Phone] = {"answers": "machine", "answer_after_s": 2, "talk_s": 8}
CLOSED: Final = {"zone": "America/New_York", "week": {}}
RING: Final = {"ring_s": 6}


@dataclass(frozen=True)
class Kind:
    """One way that a call can go: the owner's phones, the number's routing beside them, the caller.

    `wish`: what a client asks of the call `wish_after_s` (real) after the first ring. `caller` says who calls where it is
    not a customer: `owner`, or somebody who shows no number. `is_slow`: without a dial's result the service waits for
    three quarters of a minute or more until it decides.
    """

    name: str
    phones: Sequence[Phone]
    routing: Mapping[str, Any] = field(default_factory=dict)
    calling: Mapping[str, Any] = field(default_factory=dict)
    caller: str = ""
    wish: str = ""
    wish_after_s: float = 2.5
    is_slow: bool = False

    @property
    def hears_machines(self) -> bool:
        """Whether the service has Twilio tell humans from machines, and a machine picks up."""
        return self.routing.get("screening") == "amd" and any(phone["answers"] == "machine" for phone in self.phones)


KINDS: Final = (
    Kind("answered", [TAKES]),
    Kind("nobody answers, voicemail", [SILENT], calling={"speaks_s": 4}),
    Kind("busy", [{"answers": "busy"}], {"voicemail": False}),
    Kind("caller hangs up while it rings", [SILENT], calling={"hangup_after_s": 3}),
    Kind("pressed", [{**TAKES, "digits": "1"}], {"screening": "press"}),
    Kind("pressed another key", [{**TAKES, "digits": "2"}], {"screening": "press", "voicemail": False}),
    Kind("a machine presses nothing", [MACHINE], {"screening": "press"}),
    Kind("the second phone takes it", [SILENT, TAKES]),
    Kind("two phones, and nobody", [SILENT, {"answers": "busy"}]),
    Kind("at once, one takes it", [SILENT, TAKES], {"strategy": "at_once"}),
    Kind("heard a human", [TAKES], {"screening": "amd"}),
    Kind("heard a machine", [MACHINE], {"screening": "amd"}),
    Kind("blocked", [TAKES], {"blocked": ["+1212*"]}),
    Kind("closed", [TAKES], {"hours": CLOSED}),
    Kind("an emergency", [TAKES], {"hours": CLOSED, "emergency": {"to": "", "key": "1"}}, {"digits": "1"}),
    Kind("shows no number", [SILENT], caller=ANONYMOUS),
    Kind("the owner himself", [SILENT], caller="owner"),
    Kind("ended by a client", [STAYS], wish="end"),
    Kind("calls again", [SILENT], {"voicemail": False}, wish="again", wish_after_s=6.0),
    Kind("sent elsewhere", [STAYS], wish="redirect", is_slow=True),
    Kind("ended while it rings", [SILENT], {"ring_s": 600}, wish="end", is_slow=True),
)
# Calls that a client has placed: what the callee's phone does.
CALLEES: Final[Sequence[Phone]] = (TAKES, SILENT, {"answers": "busy"}, MACHINE, {**TAKES, "talk_s": 2})
# The share of lives in which a client places a call.
PLACED: Final = 0.25


@dataclass(frozen=True)
class Life:
    """Number `place` is called at `at_s` of the run; without a kind, a client places a call from it."""

    at_s: float
    place: int
    kind: Kind | None
    callee: Phone = field(default_factory=dict)

    @property
    def business(self) -> str:
        """A number for each life, so that no sender's pace holds up another's text."""
        return f"+1415557{self.place:04}"

    @property
    def customer(self) -> str:
        """Who calls, as he shows himself; of a placed call who is called."""
        if self.kind and self.kind.caller:
            return ANONYMOUS if self.kind.caller == ANONYMOUS else self.phone(0)
        return f"+1212559{self.place:04}"

    def phone(self, number: int) -> str:
        """The owner's first or second."""
        return f"+14155{58 + number}{self.place:04}"

    def phones(self) -> dict[str, Phone]:
        """Every phone that this life rings."""
        if self.kind is None:
            return {self.customer: self.callee}
        return {self.phone(number): phone for number, phone in enumerate(self.kind.phones)}

    def routing(self) -> dict[str, Any]:
        """The business's routing document."""
        if self.kind is None:
            return {}
        told = {**RING, "targets": [{"to": to} for to in self.phones()], **self.kind.routing}
        if "emergency" in told:
            told["emergency"] = {**told["emergency"], "to": self.phone(0)}
        return told


def lives(seed: int, count: int, lasts_s: float, *, with_slow: bool = True) -> list[Life]:
    """Every kind in turn, at times drawn from the seed."""
    dice = Random(f"calls/{seed}")
    kinds = [kind for kind in KINDS if with_slow or not kind.is_slow]
    found = []
    for place in range(count):
        at_s, is_placed, callee = dice.uniform(0, lasts_s), dice.random() < PLACED, dice.choice(CALLEES)
        kind = None if is_placed else kinds[place % len(kinds)]
        found.append(Life(at_s, place, kind, callee))
    return sorted(found, key=lambda life: life.at_s)
