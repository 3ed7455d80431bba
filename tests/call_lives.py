"""Lives of calls as their webhooks tell them, and what the rules make of them in pure code: the oracle of the handlers."""

from dataclasses import dataclass, field
from typing import Final, Literal

from hypothesis import strategies as st

from shared.domain import call_notes, missed_call
from shared.domain.missed_call import CallFacts, Decision
from shared.domain.status import ANSWERED_BY_RANK, CALL_RANK, CALL_UNANSWERED, ROUTE_RANK, later, standing


@dataclass(frozen=True, slots=True)
class Heard:
    """One webhook. `leg` 0: none is named. `note`: what we answered."""

    kind: Literal["incoming", "status", "leg", "dial", "amd", "accept", "choice", "voicemail"]
    status: str | None = None
    note: str = ""
    leg: int = 0
    bridged: bool | None = None
    who: str | None = None


@dataclass(slots=True)
class Leg:
    status: str | None = None
    who: str | None = None
    accepted: bool = False


@dataclass(slots=True)
class Life:
    """All that was heard, merged by rank."""

    status: str = "ringing"
    route: str | None = None
    screening: str | None = None
    is_unanswered: bool = False
    dial: tuple[bool, str | None, bool | None] = (False, None, None)
    dial_leg: int = 0
    legs: dict[int, Leg] = field(default_factory=dict)  # 0: what was said of the call itself
    decision: Decision | None = None
    has_waited: bool = False

    def hear(self, heard: Heard) -> None:
        """Merges one webhook, and decides what can be decided on sight."""
        leg = self.legs.setdefault(heard.leg if heard.kind in ("leg", "amd", "accept") else 0, Leg())
        note = call_notes.read(heard.note)
        if note.kind in ROUTE_RANK:
            self.route = later(ROUTE_RANK, self.route, note.kind)
        self.screening = max(filter(None, (self.screening, note.flags.get("screen"))), default=None)
        if heard.who:
            leg.who = max((leg.who, heard.who), key=lambda who: standing(ANSWERED_BY_RANK, who or ""))
        leg.accepted = leg.accepted or note.kind == "accepted"
        match heard.kind:
            case "status":
                self.is_unanswered = self.is_unanswered or heard.status in CALL_UNANSWERED
                self._call_is(heard.status)
            case "leg":
                leg.status = later(CALL_RANK, leg.status, heard.status or "")
            case "dial":
                self._call_is("in-progress")
                self._dialled((note.kind != "forward", heard.status, heard.bridged), heard.leg)
            case "accept":
                leg.status = later(CALL_RANK, leg.status, "in-progress")
            case _:
                pass
        self._decide()

    def _call_is(self, status: str | None) -> None:
        self.status = later(CALL_RANK, self.status, status or "ringing")

    def _dialled(self, dial: tuple[bool, str | None, bool | None], leg: int) -> None:
        new, old = missed_call.dial_weight(*dial), missed_call.dial_weight(*self.dial)
        self.dial_leg = leg if new > old else max(leg, self.dial_leg) if new == old else self.dial_leg
        self.dial = dial if new > old else self.dial

    @property
    def facts(self) -> CallFacts:
        is_last, result, bridged = self.dial
        named = {0, self.dial_leg} if is_last and self.dial_leg else set(self.legs)
        legs = {number: leg for number, leg in self.legs.items() if number in named}
        who = max((leg.who or "" for leg in legs.values()), key=lambda who: standing(ANSWERED_BY_RANK, who), default="")
        return CallFacts(
            "inbound", self.route, self.status, result, bridged, is_last, self.is_unanswered, self.screening, who or None,
            any(leg.accepted for leg in legs.values()),
            any(leg.status in ("in-progress", "completed") for number, leg in legs.items() if number),
        )  # fmt: skip

    def _decide(self, *, settled: bool = False) -> None:
        decision = missed_call.decide(self.facts, settled=settled)
        if missed_call.rises(self.decision, decision):
            self.decision = decision
        expected = missed_call.decide(self.facts, settled=True)
        self.has_waited = self.has_waited or (
            missed_call.is_over(self.facts) and missed_call.rises(self.decision, expected)
        )

    def settle(self) -> None:
        """The waiting time is over, if anything was promised."""
        if self.has_waited:
            self._decide(settled=True)


def ending(heard: list[Heard]) -> Decision | None:
    """The decision once all was heard and the waiting time is over."""
    life = Life()
    for one in heard:
        life.hear(one)
    life.settle()
    return life.decision


def at_once(heard: list[Heard]) -> Decision | None:
    """The decision as soon as all was heard, before any waiting."""
    life = Life()
    for one in heard:
        life.hear(one)
    return life.decision


def incoming(note: str = "forward") -> Heard:
    return Heard("incoming", note=note)


def dialled(status: str, bridged: bool | None = None, *, note: str = "", leg: int = 1) -> Heard:
    return Heard("dial", status, note, leg, bridged)


def ended(status: str = "completed") -> Heard:
    return Heard("status", status)


def leg(status: str, number: int = 1, who: str | None = None) -> Heard:
    return Heard("leg", status, leg=number, who=who)


def detected(who: str, number: int = 1) -> Heard:
    return Heard("amd", who=who, leg=number)


def key(note: str, number: int = 1) -> Heard:
    return Heard("accept", note=note, leg=number)


PRESS, AMD = "forward;screen=press", "forward;screen=amd"
# Each with its decision, and whether it can be taken as soon as all was heard.
LIVES: Final[dict[str, tuple[list[Heard], Decision, bool]]] = {
    "the owner does not answer": (
        [incoming(), leg("no-answer"), dialled("no-answer", note="voicemail"), ended()], "missed", True),
    "the owner's line is busy, and the older note of it says nothing": ([incoming(), dialled("busy"), ended()], "missed", True),
    "the owner takes it": (
        [incoming(), leg("in-progress"), leg("completed"), dialled("completed", True, note="taken"), ended()],
        "answered", True),
    "a conference takes it": ([incoming(), dialled("answered", note="taken", leg=0), ended()], "answered", True),
    "it was taken and never connected": (
        [incoming(), dialled("completed", False, note="voicemail"), ended()], "missed", True),
    "the caller hangs up while it rings": (
        [incoming(), leg("canceled"), dialled("canceled", note="over"), ended()], "missed", True),
    "the caller hangs up while it rings, before anything was answered": ([incoming(), ended("no-answer")], "missed", True),
    "the caller hangs up, and the dial's result never comes": ([incoming(), leg("canceled"), ended()], "missed", False),
    "it was taken, and the dial's result never comes": (
        [incoming(), leg("in-progress"), leg("completed"), ended()], "answered", False),
    "a machine took it, and the dial's result never comes": (
        [incoming(AMD), leg("completed"), detected("machine_start"), ended()], "missed", False),
    "the second phone takes it": (
        [incoming(), dialled("no-answer", note="forward;step=2"), dialled("completed", True, note="taken", leg=2), ended()],
        "answered", True),
    "neither phone is taken": (
        [incoming(), dialled("busy", note="forward;step=2"), dialled("no-answer", note="voicemail", leg=2), ended()],
        "missed", True),
    "the caller hangs up while the second phone rings, whose result never comes": (
        [incoming(), dialled("busy", note="forward;step=2"), ended()], "missed", False),
    "a carrier's voicemail answers, and presses no key": (
        [incoming(PRESS), leg("completed"), dialled("completed", False, note="voicemail"), ended()], "missed", True),
    "somebody presses the key": (
        [incoming(PRESS), key("accepted"), dialled("completed", True, note="taken"), leg("completed"), ended()],
        "answered", True),
    "another key is pressed": (
        [incoming(PRESS), key("declined"), dialled("completed", True, note="taken"), ended()], "missed", False),
    "the first phone's voicemail answers, the second one's owner presses": (
        [incoming(PRESS), dialled("completed", False, note="forward;step=2;screen=press"), key("accepted", 2),
         dialled("completed", True, note="taken", leg=2), ended()], "answered", True),
    "a human is heard": (
        [incoming(AMD), detected("human"), dialled("completed", True, note="taken"), ended()], "answered", True),
    "a carrier's voicemail is heard": (
        [incoming(AMD), detected("machine_end_beep"), dialled("completed", True, note="taken"), ended()], "missed", True),
    "a fax is heard, of which the leg tells": (
        [incoming(AMD), leg("completed", who="fax"), dialled("completed", True, note="taken"), ended()], "missed", True),
    "nothing is known of who answered": (
        [incoming(AMD), dialled("completed", True, note="taken"), ended()], "answered", False),
    "Twilio does not know who answered": (
        [incoming(AMD), detected("unknown"), dialled("completed", True, note="taken"), ended()], "answered", False),
    "a machine is heard though nobody asked": (
        [incoming(), dialled("completed", True, note="taken"), detected("machine_start"), ended()], "missed", True),
    "voicemail only": ([incoming("voicemail:closed"), Heard("voicemail"), ended()], "missed", True),
    "hung up in the emergency menu": ([incoming("menu:closed"), ended()], "missed", False),
    "no emergency": ([incoming("menu:closed"), Heard("choice", note="voicemail:closed"), ended()], "missed", True),
    "an emergency that is taken": (
        [incoming("menu:closed"), Heard("choice", note="forward;emergency=1"), dialled("completed", True, note="taken"),
         ended()], "answered", True),
    "an emergency that nobody takes": (
        [incoming("menu:closed"), Heard("choice", note="forward;emergency=1"), dialled("no-answer", note="voicemail"),
         ended()], "missed", True),
    "hung up when asked for consent": ([incoming("consent"), ended()], "missed", False),
    "consent given, and taken": (
        [incoming("consent;consent=asked;way=press"), Heard("choice", note="forward;rec=1;consent=given;way=press"),
         dialled("completed", True, note="taken"), ended()], "answered", True),
    "a blocked caller": ([incoming("reject:blocked"), ended("busy")], "screened", True),
    "a blocked caller, of whom nothing more is heard": ([incoming("reject:blocked")], "screened", True),
    "a call whose own webhook is lost": ([dialled("completed", True), ended()], "answered", True),
    "a call whose own webhook is lost, and nobody took it": ([dialled("no-answer"), ended()], "missed", True),
    "a call of which only the end is heard": ([ended()], "missed", False),
    "two results of one dial that contradict each other": (
        [incoming(), dialled("no-answer"), dialled("completed", True), ended()], "missed", True),
    "two ends that contradict each other": (
        [incoming(), dialled("completed", True, note="taken"), ended("canceled"), ended()], "missed", True),
}  # fmt: skip


@st.composite
def lives(draw: st.DrawFn) -> list[Heard]:
    """Any webhooks of one call, contradictions included, with what can be said of one call: a caller whom we have sent to
    voicemail has no dial taken, and the last dial has one leg.
    """
    leg_of_last = draw(st.sampled_from([0, 2]))
    notes = ["reject:blocked", "menu:closed", "consent", "forward", PRESS, AMD]
    voicemail = draw(st.booleans())
    routes = st.sampled_from([*notes, "voicemail"] if voicemail else notes)
    results = st.sampled_from(["no-answer", "busy", "failed", "canceled"] if voicemail else
                              ["no-answer", "canceled", "completed", "answered"])  # fmt: skip
    bridged = st.sampled_from([None, False, True])
    one = st.one_of(
        st.builds(incoming, routes),
        st.builds(lambda note: Heard("choice", note=note), routes),
        st.builds(
            ended, st.sampled_from(["ringing", "in-progress", "completed", "completed", "no-answer", "canceled"])
        ),
        st.builds(leg, st.sampled_from(["ringing", "in-progress", "completed", "no-answer"]), st.sampled_from([1, 2])),
        st.builds(lambda status, took: dialled(status, took, note="forward;step=2"), results, bridged),
        st.builds(lambda status, took: dialled(status, took, leg=leg_of_last), results, bridged),
        st.builds(detected, st.sampled_from(sorted(ANSWERED_BY_RANK)), st.sampled_from([0, 1, 2])),
        st.builds(key, st.sampled_from(["accepted", "declined"]), st.sampled_from([1, 2])),
    )
    heard = draw(st.lists(one, min_size=1, max_size=8, unique=True))
    # A caller who was turned away by one answer and not by another is decided about when the call has ended.
    is_torn = any("reject" in each.note for each in heard) and ended() not in heard
    return [*heard, ended()] if is_torn else heard
