"""Where a call to one of our numbers goes: a document per number, and the decision for one call.

Twilio's `<Dial>`, `<Say>` and `<Gather>` (docs, "TwiML for Programmable Voice") set what can be asked for; the American
recording laws, whether a caller is told or asked (`recording_law`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Literal, get_args
from zoneinfo import ZoneInfo

from shared.domain.holidays import is_holiday
from shared.domain.phone import is_reachable

Strategy = Literal["sequence", "at_once"]
Screening = Literal["none", "press", "amd"]
CallerId = Literal["caller", "business"]
Withheld = Literal["ring", "voicemail", "reject"]
# A failed STIR verdict is a hint, never ground enough to refuse a call: genuine calls fail it, too.
Suspect = Literal["ring", "voicemail"]
RecordingMode = Literal["off", "on"]
ConsentWay = Literal["announce", "press", "law"]
RouteKind = Literal["forward", "menu", "consent", "voicemail", "reject"]
Reason = Literal[
    "", "blocked", "withheld", "suspect", "closed", "own_phone", "nobody_to_ring", "suspended", "unknown_number",
]  # fmt: skip

# As the platform's earlier server rang: long enough to reach for a phone, short enough to beat the carrier's voicemail.
RING_S: Final = 20
SHORTEST_RING_S, LONGEST_RING_S = 5, 600  # Twilio's `timeout` allows 1 to 600; in 5 s nobody can pick up
MOST_TARGETS: Final = 10  # `<Dial>` rings ten at once (Twilio error 13245 beyond)
DEFAULT_GREETING: Final = "Sorry, we cannot take your call right now. Please leave a message after the tone."
RECORDING_NOTICE: Final = "This call may be recorded."
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MIN: Final = 24 * 60
Span = tuple[int, int]  # minutes of the wall clock: from, up to and not including


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to ring: a phone (E.164), a `sip:` address or a `client:` of the Voice SDK, whose legs may carry Opus (HD).

    `ring_s` None: as long as the number's own.
    """

    to: str
    ring_s: int | None = None


@dataclass(frozen=True, slots=True)
class Hours:
    """When the business takes calls: spans of each day (Monday first) on the wall clock of `zone` (IANA)."""

    zone: str
    week: tuple[tuple[Span, ...], ...]
    is_open_on_us_holidays: bool = True
    closed_on: frozenset[date] = frozenset()

    def is_open(self, now: datetime) -> bool:
        """Whether `now` (aware) is within them. Raises ZoneInfoNotFoundError (a KeyError) for an unknown zone."""
        local = now.astimezone(ZoneInfo(self.zone))
        day = local.date()
        if day in self.closed_on or (not self.is_open_on_us_holidays and is_holiday(day)):
            return False
        minute = local.hour * 60 + local.minute
        return any(opens <= minute < closes for opens, closes in self.week[day.weekday()])


@dataclass(frozen=True, slots=True)
class Emergency:
    """What a caller is offered while the business is closed: press `key`, and `to` is rung."""

    to: str
    key: str = "1"
    prompt: str = "We are closed. If this is an emergency, press 1. Otherwise stay on the line to leave a message."


@dataclass(frozen=True, slots=True)
class RecordingPolicy:
    """Whether calls are recorded, and how callers learn of it. `law`: no more than the strictest law of the parties asks."""

    mode: RecordingMode = "off"
    consent: ConsentWay = "announce"
    notice: str = RECORDING_NOTICE

    @property
    def is_on(self) -> bool:
        """Whether calls are to be recorded."""
        return self.mode == "on"


@dataclass(frozen=True, slots=True)
class Routing:
    """How a number's calls are handled. The defaults are those of a number of which nothing is said."""

    targets: tuple[Target, ...] = ()
    strategy: Strategy = "sequence"
    ring_s: int = RING_S
    hours: Hours | None = None  # None: always open
    fallback_to: str | None = None  # rung when none of the targets took the call
    caller_id: CallerId = "caller"
    screening: Screening = "none"
    voicemail: bool = True
    greeting: str = DEFAULT_GREETING
    closed_greeting: str | None = None  # None: the usual one
    language: str = "en-US"
    voice: str | None = None  # None: Twilio's default of the language
    blocked: frozenset[str] = frozenset()  # E.164, or a beginning of it and `*`
    welcome: frozenset[str] = frozenset()  # the same; they ring whatever the hour, the verdict and the rules say
    withheld: Withheld = "ring"
    suspect: Suspect = "ring"
    emergency: Emergency | None = None
    recording: RecordingPolicy = field(default_factory=RecordingPolicy)


@dataclass(frozen=True, slots=True)
class Number:
    """One business number. `version` counts the changes of its routing; unknown numbers get `unknown_number()`."""

    phone_number: str
    tenant_id: str | None
    routing: Routing = field(default_factory=Routing)
    version: int = 1
    status: str | None = (
        None  # what pns-provisioning-service says: provisioning, provisioned, active, suspended, released
    )


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the number as Twilio gave it, and its STIR/SHAKEN verdict ("" where none was given)."""

    number: str
    stir: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """The decision for one call. `reason` says why it is not forwarded (or, for a menu, why it is offered)."""

    kind: RouteKind
    number: Number
    reason: Reason = ""


def forwards(to: str, **rest: Any) -> Routing:
    """The routing that rings one phone; `rest` as in Routing."""
    return Routing(targets=(Target(to),), **rest)


def unknown_number(phone_number: str) -> Number:
    """A number nobody told us about is still somebody's business: its callers reach voicemail, never an error."""
    return Number(phone_number, tenant_id=None, version=0)


def route(number: Number, caller: Caller, now: datetime) -> Route:
    """The first rule that speaks decides: blocked, welcome, withheld, suspect, hours, whom to ring. Total; `now` is aware."""
    rules = number.routing
    if matches(rules.blocked, caller.number):
        return Route("reject", number, "blocked")
    if not matches(rules.welcome, caller.number):
        if not is_reachable(caller.number) and rules.withheld != "ring":
            return Route("reject" if rules.withheld == "reject" else "voicemail", number, "withheld")
        if is_suspect(caller.stir) and rules.suspect == "voicemail":
            return Route("voicemail", number, "suspect")
        if rules.hours is not None and not rules.hours.is_open(now):
            return Route("menu" if rules.emergency else "voicemail", number, "closed")
    return ringing(number, caller)


def ringing(number: Number, caller: Caller) -> Route:
    """Forward when there is somebody to forward to; a call from that very phone would only ring busy."""
    if not steps(number.routing, caller.number):
        is_own = any(target.to == caller.number for target in number.routing.targets)
        return Route("voicemail", number, "own_phone" if is_own else "nobody_to_ring")
    return Route("forward", number)


def steps(rules: Routing, caller: str) -> list[tuple[Target, ...]]:
    """Whom to ring, one group after the other: the targets by their strategy, then the fallback; the caller's own phone not."""
    targets = [target for target in rules.targets if target.to != caller]
    groups = [tuple(targets)] if rules.strategy == "at_once" and targets else [(target,) for target in targets]
    if rules.fallback_to and rules.fallback_to != caller:
        groups.append((Target(rules.fallback_to),))
    return groups


def matches(patterns: frozenset[str], number: str) -> bool:
    """Whether a list of numbers (E.164, or a beginning and `*`) names this one."""
    if not patterns or not number:
        return False
    return number in patterns or any(each[-1] == "*" and number.startswith(each[:-1]) for each in patterns)


def is_suspect(stir: str) -> bool:
    """Whether the verdict says that the number shown is not the caller's (Twilio docs, `StirVerstat`). None is no verdict."""
    return stir.startswith("TN-Validation-Failed")


# The document. ----------------------------------------------------------------------------------------------------------


def of(document: Mapping[str, Any]) -> Routing:
    """The routing in a parsed JSON document. What is left out is as by default. Raises ValueError that says where it is wrong.

    It was checked when it was written (`shared/number_document.py` says every fault at once); this reads what is stored.
    """
    try:
        return _of(document)
    except (KeyError, TypeError, AttributeError) as fault:
        raise ValueError(f"no routing document: {type(fault).__name__} {fault}") from fault


def _of(document: Mapping[str, Any]) -> Routing:
    given = dict(document)
    made: dict[str, Any] = {}
    if "targets" in given:
        made["targets"] = tuple(Target(each["to"], each.get("ring_s")) for each in given.pop("targets"))
    if hours := given.pop("hours", None):
        made["hours"] = _hours(hours)
    if emergency := given.pop("emergency", None):
        made["emergency"] = Emergency(**emergency)
    if "recording" in given:
        made["recording"] = RecordingPolicy(**given.pop("recording"))
    for name in ("blocked", "welcome"):
        if name in given:
            made[name] = frozenset(given.pop(name))
    return Routing(**made, **given)


def _hours(said: Mapping[str, Any]) -> Hours:
    week = said["week"]
    return Hours(
        zone=said["zone"],
        week=tuple(tuple(_span(span) for span in week.get(day, ())) for day in DAYS),
        is_open_on_us_holidays=said.get("us_holidays", "open") == "open",
        closed_on=frozenset(date.fromisoformat(day) for day in said.get("closed_on", ())),
    )


def _span(said: Sequence[str]) -> Span:
    opens, closes = (minutes(word) for word in said)
    if not opens < closes:
        raise ValueError(f"{said[0]} is not before {said[1]}")
    return opens, closes


def minutes(word: str) -> int:
    """The minute of the day that `HH:MM` is, 0 to 1,440. Raises ValueError."""
    hour, _, minute = word.partition(":")
    found = int(hour) * 60 + int(minute) if hour.isdigit() and len(minute) == 2 and minute.isdigit() else -1
    if not 0 <= found <= _DAY_MIN or int(minute) > 59:
        raise ValueError(f"{word!r} is no time between 00:00 and 24:00")
    return found


def document(rules: Routing) -> dict[str, Any]:
    """The whole document of a routing, defaults and all: what `of` reads back as the same."""
    hours = rules.hours
    return {
        "targets": [{"to": each.to, "ring_s": each.ring_s} for each in rules.targets],
        "strategy": rules.strategy,
        "ring_s": rules.ring_s,
        "hours": None
        if hours is None
        else {
            "zone": hours.zone,
            "week": {
                day: [[_clock(opens), _clock(closes)] for opens, closes in spans]
                for day, spans in zip(DAYS, hours.week, strict=True)
            },
            "us_holidays": "open" if hours.is_open_on_us_holidays else "closed",
            "closed_on": sorted(day.isoformat() for day in hours.closed_on),
        },
        "fallback_to": rules.fallback_to,
        "caller_id": rules.caller_id,
        "screening": rules.screening,
        "voicemail": rules.voicemail,
        "greeting": rules.greeting,
        "closed_greeting": rules.closed_greeting,
        "language": rules.language,
        "voice": rules.voice,
        "blocked": sorted(rules.blocked),
        "welcome": sorted(rules.welcome),
        "withheld": rules.withheld,
        "suspect": rules.suspect,
        "emergency": None
        if rules.emergency is None
        else {"to": rules.emergency.to, "key": rules.emergency.key, "prompt": rules.emergency.prompt},
        "recording": {
            "mode": rules.recording.mode,
            "consent": rules.recording.consent,
            "notice": rules.recording.notice,
        },
    }


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


STRATEGIES: Final = get_args(Strategy)
