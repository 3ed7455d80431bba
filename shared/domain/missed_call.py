"""Was the call missed? One decision per call, from whatever of its facts have arrived.

Webhooks come doubled and out of order, so two things hold. A decision only rises (`DECISION_RANK`): `missed`, which others
act on, is never taken back. And what makes a call `missed` before all is heard stays true whatever is heard later. Together
they make every order of the same webhooks end the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from shared.domain.status import CALL_FINAL, CALL_UNANSWERED, DECISION_RANK, DIAL_RANK

Decision = Literal["screened", "answered", "missed"]
MISSED_DIALS: Final = CALL_UNANSWERED  # Twilio has the same words for a call and for a leg that was dialled
ANSWERED_DIALS: Final = frozenset({"completed", "answered"})
# Who is no person (Twilio docs, answering machine detection).
MACHINES: Final = frozenset({"machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other", "fax"})
# A final call status may overtake the dial result of the same call: Twilio promises no order, and what Redis has lost comes
# back from the journal within three quarters of a minute. Wait this long for it.
SETTLE_S: Final = 60


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What is known of one call. None: not heard of, or Twilio did not say.

    `is_unanswered`: an end was heard that no connection comes before. `dial_ended`: `dial_status` is the result after which no
    other phone was rung. Of the dialled leg: `answered_by`; `accepted`, whether somebody pressed the key that takes the call;
    `is_picked_up`, for when the dial's result never comes.
    """

    direction: str
    route: str | None
    status: str
    dial_status: str | None = None
    bridged: bool | None = None
    dial_ended: bool = True
    is_unanswered: bool = False
    screening: str | None = None
    answered_by: str | None = None
    accepted: bool | None = None
    is_picked_up: bool = False


# What the table looks at.
Dial = Literal["none", "not-taken", "taken"]
Who = Literal["unknown", "human", "machine"]
End = Literal["open", "completed", "unanswered"]
Leg = Literal["picked-up", "-"]


class Case(NamedTuple):
    """One combination of what the table looks at. `route` and `screening` are "unknown" until the call itself was heard of."""

    route: str
    dial: Dial
    screening: str
    who: Who
    end: End
    leg: Leg


class Row(NamedTuple):
    """Of each column the words that fit, "" being any. `now`: the decision on sight; `settled`: when no more is expected."""

    route: str
    dial: str
    screening: str
    who: str
    end: str
    leg: str
    now: Decision | None
    settled: Decision | None
    why: str

    def fits(self, case: Case) -> bool:
        """Whether this row is about the case."""
        return all(not words or word in words.split() for words, word in zip(self[:6], case, strict=True))


_KNOWN: Final = "reject menu consent voicemail forward"
# The first row that fits decides. ops/docs/states.md shows it; a test compares, and another looks at every case.
TABLE: Final = (
    Row("reject", "none", "", "", "", "", "screened", "screened", "our own rules turned the caller away"),
    Row("", "not-taken", "", "", "", "", "missed", "missed", "the last phone that was rung was not taken"),
    Row(_KNOWN, "", "", "", "unanswered", "", "missed", "missed", "the caller was never connected"),
    Row("", "", "", "", "unanswered", "", None, "missed", "the same, but it may have been turned away"),
    Row("", "taken", "", "machine", "", "", "missed", "missed", "a carrier's voicemail or a fax took it"),
    Row("", "taken", "press", "human", "", "", "answered", "answered", "somebody pressed the key"),
    Row("", "taken", "press", "", "", "", None, "missed", "nobody is known to have pressed the key"),
    Row("", "taken", "amd", "human", "", "", "answered", "answered", "Twilio heard a human"),
    Row("", "taken", "amd", "", "", "", None, "answered", "Twilio may yet say who it was"),
    Row("", "taken", "", "", "", "", "answered", "answered", "the phone was taken"),
    Row("voicemail", "none", "", "", "completed", "", "missed", "missed", "nobody was rung; voicemail at most"),
    Row("", "none", "", "", "open", "", None, None, "the call goes on"),
    Row(
        "",
        "none",
        "",
        "machine",
        "completed",
        "picked-up",
        None,
        "missed",
        "without a dial result the leg tells: a machine",
    ),
    Row("", "none", "press", "human", "completed", "picked-up", None, "answered", "the leg tells: the key was pressed"),
    Row("", "none", "press", "", "completed", "picked-up", None, "missed", "the leg tells: nobody pressed the key"),
    Row("", "none", "", "", "completed", "picked-up", None, "answered", "the leg tells: somebody took it"),
    Row("", "none", "", "", "completed", "-", None, "missed", "hung up in a menu, or while it rang"),
)


def decide(facts: CallFacts, *, settled: bool = False) -> Decision | None:
    """What the table says, or None while it is open. `settled`: nothing more is expected, decide on what there is.

    Only calls from customers can be missed.
    """
    if facts.direction != "inbound":
        return None
    row = row_of(case_of(facts))
    return row.settled if settled else row.now


def row_of(case: Case) -> Row:
    """The row that decides. Total: a test asks for every case."""
    return next(row for row in TABLE if row.fits(case))


def case_of(facts: CallFacts) -> Case:
    """The facts as the table looks at them. A screening is only known with the route that asked for it."""
    is_unanswered = facts.is_unanswered or facts.status in CALL_UNANSWERED
    end: End = "unanswered" if is_unanswered else "completed" if facts.status in CALL_FINAL else "open"
    screening = facts.screening or ("none" if facts.route else "unknown")
    leg: Leg = "picked-up" if facts.is_picked_up else "-"
    return Case(facts.route or "unknown", _dial(facts), screening, _who(facts), end, leg)


def _dial(facts: CallFacts) -> Dial:
    """Of the last phone that was rung; after another result somebody else was rung, whose result will come."""
    taken = was_taken(facts.dial_status, facts.bridged) if facts.dial_ended else None
    return "none" if taken is None else "taken" if taken else "not-taken"


def _who(facts: CallFacts) -> Who:
    """With `press` only the key proves a human, and whatever Twilio heard as a machine is one."""
    if facts.answered_by in MACHINES:
        return "machine"
    if facts.screening == "press":
        return "human" if facts.accepted else "unknown"
    return "human" if facts.answered_by == "human" or facts.accepted else "unknown"


def was_taken(dial_status: str | None, bridged: bool | None) -> bool | None:
    """Whether the owner took the dialled call; None: this does not tell.

    `completed` without having bridged rang into nothing; `answered` is a conference, where nothing is bridged (Twilio docs,
    `<Dial>` action). With a word that Twilio has invented since, bridging alone tells.
    """
    if dial_status in MISSED_DIALS:
        return False
    if dial_status == "completed":
        return bridged is not False
    return True if dial_status == "answered" else bridged


def dial_weight(is_last: bool, dial_status: str | None, bridged: bool | None) -> int:
    """Which of several dial results of a call stands: the heaviest. The schema repeats this.

    One after which no other phone was rung stands before the others, and of several such (our own documents lead to one) one
    that nobody took: else it would depend on the order whether the call was missed.
    """
    if dial_status is None:
        return -1
    head = 0 if not is_last else 100 if was_taken(dial_status, bridged) else 200
    return head + DIAL_RANK.get(dial_status, -1) * 3 + (0 if bridged is None else 1 + bridged)


def rises(old: Decision | None, new: Decision | None) -> bool:
    """Whether `new` takes the place of `old`."""
    return new is not None and (old is None or DECISION_RANK[new] > DECISION_RANK[old])


def is_over(facts: CallFacts) -> bool:
    """Whether the call, or the ringing for it, has ended: what is still open then is settled in a while."""
    return facts.status in CALL_FINAL or _dial(facts) != "none"


def platform_status(dial_status: str | None, status: str) -> str:
    """The call's status in the words of as-call-service's `/calls/missed`: no-answer, busy, failed or canceled."""
    return next((word for word in (dial_status, status) if word in MISSED_DIALS), "no-answer")


def cases() -> Iterator[Case]:
    """Every combination of what the table looks at."""
    for route in (*_KNOWN.split(), "unknown"):
        for dial in ("none", "not-taken", "taken"):
            for screening in ("none", "press", "amd", "unknown"):
                for who in ("unknown", "human", "machine"):
                    for end in ("open", "completed", "unanswered"):
                        yield Case(route, dial, screening, who, end, "-")
                        yield Case(route, dial, screening, who, end, "picked-up")
