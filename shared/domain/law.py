"""The law as data: when a text may arrive, how many a day, what consent each purpose needs; who must know of a recording.

Not legal advice. The built-in values are `shared/data/law_us.json`; a file of the same form takes their place (`TS_LAW_FILE`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from shared.domain import recording_rules
from shared.domain.recipient import Recipient
from shared.domain.recording_rules import RecordingLaw

Purpose = Literal["conversation", "transactional", "marketing"]
ConsentKind = Literal["express", "written", "inquiry"]
PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)
CONSENT_KINDS: Final[tuple[ConsentKind, ...]] = get_args(ConsentKind)
Span = tuple[int, int]  # minutes of the wall clock: from, up to and not including

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY_MIN: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class CallingRule:
    """Of one jurisdiction: the hours of each day of the week (Monday first; None: closed), and how many texts in 24 h."""

    name: str
    week: tuple[Span | None, ...]
    is_open_on_holidays: bool = True
    most_in_24h: int | None = None
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Law:
    """All that `permission.decide` and `recording_law` need. `binds`: the purposes that hours and daily counts are for."""

    federal: CallingRule
    unknown_state: CallingRule
    elsewhere: CallingRule
    states: Mapping[str, CallingRule]
    binds: frozenset[str]
    consent_kinds: Mapping[str, frozenset[str]]
    inquiry_days: int
    is_transactional_consent_required: bool = False
    recording: RecordingLaw = field(default_factory=RecordingLaw)

    def rules_for(self, recipient: Recipient) -> tuple[CallingRule, ...]:
        """The rules that count for somebody there, all at once: of each candidate state, beside the federal one."""
        if not recipient.is_american:
            return (self.elsewhere,)
        if not recipient.states:
            return (self.federal, self.unknown_state)
        return (self.federal, *(self.states[state] for state in recipient.states if state in self.states))


def read(document: Any) -> Law:
    """The law in a parsed JSON document. Raises ValueError that says where it is wrong."""
    try:
        return _law(document)
    except (KeyError, TypeError, AttributeError) as fault:
        raise ValueError(f"the law is not of the form of the built-in one: {type(fault).__name__} {fault}") from fault


def _law(document: Any) -> Law:
    if document["format"] != 1:
        raise ValueError("the law has another format than 1")
    hours, consent = document["calling_hours"], document["consent"]
    return Law(
        federal=_rule("federal", hours["federal"]),
        unknown_state=_rule("unknown_state", hours["unknown_state"]),
        elsewhere=_rule("elsewhere", hours["elsewhere"]),
        states={state: _rule(state, rule) for state, rule in hours["states"].items()},
        binds=_words("binds", hours["binds"], PURPOSES),
        consent_kinds={purpose: _words(purpose, consent[purpose]["kinds"], CONSENT_KINDS) for purpose in PURPOSES},
        inquiry_days=_count("inquiry", document["inquiry"]["days"]),
        recording=recording_rules.read(document.get("recording_consent")),
    )


def _rule(name: str, said: Mapping[str, Any]) -> CallingRule:
    days = said.get("days", {})
    if unknown := set(days) - set(_DAYS):
        raise ValueError(f"{name}: no such day as {', '.join(sorted(unknown))}")
    usual = _span(name, said["hours"])
    return CallingRule(
        name=name,
        week=tuple(_span(name, days[day]) if day in days else usual for day in _DAYS),
        is_open_on_holidays=_typed(name, said.get("holidays", True), bool),
        most_in_24h=_count(name, said["most_in_24h"]) if "most_in_24h" in said else None,
        basis=_typed(name, said.get("basis", ""), str),
    )


def _span(name: str, said: Any) -> Span | None:
    if said is None:
        return None
    opens, closes = (_minutes(name, word) for word in said)
    if not opens < closes:
        raise ValueError(f"{name}: {said[0]} is not before {said[1]}")
    return opens, closes


def _minutes(name: str, word: str) -> int:
    hour, _, minute = word.partition(":")
    minutes = int(hour) * 60 + int(minute) if hour.isdigit() and minute.isdigit() and len(minute) == 2 else -1
    if not 0 <= minutes <= _DAY_MIN:
        raise ValueError(f"{name}: {word!r} is no time between 00:00 and 24:00")
    return minutes


def _words(name: str, said: Any, allowed: tuple[str, ...]) -> frozenset[str]:
    if unknown := set(said) - set(allowed):
        raise ValueError(f"{name}: must be of {', '.join(allowed)}, not {', '.join(sorted(unknown))}")
    return frozenset(said)


def _count(name: str, said: Any) -> int:
    if not isinstance(said, int) or isinstance(said, bool) or said < 1:
        raise ValueError(f"{name}: {said!r} is no count from 1")
    return said


def _typed(name: str, said: Any, type_: Callable[..., Any]) -> Any:
    if not isinstance(said, type_):  # type: ignore[arg-type]
        raise ValueError(f"{name}: {said!r} is no {type_.__name__}")
    return said
