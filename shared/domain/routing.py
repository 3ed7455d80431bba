"""Where a call to one of our numbers goes: a document per number, and the decision for one call.

Twilio's `<Dial>`, `<Say>` and `<Gather>` (docs, "TwiML for Programmable Voice") set what can be asked for; the American
recording laws, whether a caller is told or asked (`recording_law`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, Final, Literal, get_args

from shared.domain.hours import Hours, hours_document, hours_of
from shared.domain.phone import WITHHELD

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
OUT_OF_SERVICE: Final = frozenset({"suspended", "released"})  # as pns-provisioning-service says
DEFAULT_GREETING: Final = "Sorry, we cannot take your call right now. Please leave a message after the tone."
RECORDING_NOTICE: Final = "This call may be recorded."


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to ring: a phone (E.164), a `sip:` address or a `client:` of the Voice SDK, whose legs may carry Opus (HD).

    `ring_s` None: as long as the number's own.
    """

    to: str
    ring_s: int | None = None


_SPOKEN: Final = {"*": "star", "#": "the pound key"}


def emergency_prompt(key: str) -> str:
    """What a caller hears while the business is closed and somebody can be reached by `key`."""
    pressed = _SPOKEN.get(key, key)
    return f"We are closed. If this is an emergency, press {pressed}. Otherwise stay on the line to leave a message."


@dataclass(frozen=True, slots=True)
class Emergency:
    """What a caller is offered while the business is closed: press `key`, and `to` is rung."""

    to: str
    key: str = "1"
    prompt: str = emergency_prompt("1")


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
    # pns-provisioning-service's: provisioning, provisioned, active, suspended, released; unknown (to it); None: not asked.
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the number as Twilio gave it, its STIR/SHAKEN verdict, and the phone that sent the call on to us.

    "" where nothing was given. `forwarded_from` (Twilio's `ForwardedFrom`): an owner lets his own phone pass on what he does
    not take, and such a call must not go back there.
    """

    number: str
    stir: str = ""
    forwarded_from: str = ""


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
    """The first rule that speaks decides: blocked, out of service, welcome, withheld, suspect, hours, whom to ring.

    Total; `now` is aware. A number that its provider has suspended or released rings nobody, for nobody pays for that and
    the phones may be those of the owner before; whoever calls it is still answered, by voicemail.
    """
    rules = number.routing
    if is_blocked(rules, caller.number):
        return Route("reject", number, "blocked")
    if number.status in OUT_OF_SERVICE:
        return Route("voicemail", number, "suspended")
    if matches(rules.welcome, caller.number):
        return ringing(number, caller)
    if is_withheld(caller.number) and rules.withheld != "ring":
        return Route(rules.withheld, number, "withheld")
    if is_suspect(caller.stir) and rules.suspect == "voicemail":
        return Route("voicemail", number, "suspect")
    if rules.hours is not None and not rules.hours.is_open(now):
        return _closed(number, caller)
    return ringing(number, caller)


def _closed(number: Number, caller: Caller) -> Route:
    """Whoever is on call is not offered to be rung by himself."""
    emergency = number.routing.emergency
    is_offered = emergency is not None and emergency.to not in (caller.number, caller.forwarded_from)
    return Route("menu" if is_offered else "voicemail", number, "closed")


def ringing(number: Number, caller: Caller) -> Route:
    """Forward when there is somebody to forward to; a call from that very phone would only ring busy."""
    if steps(number.routing, caller.number, caller.forwarded_from):
        return Route("forward", number)
    has_phones = bool(number.routing.targets or number.routing.fallback_to)
    return Route("voicemail", number, "own_phone" if has_phones else "nobody_to_ring")


def steps(rules: Routing, caller: str, forwarded_from: str = "") -> list[tuple[Target, ...]]:
    """Whom to ring, one group after the other: the targets by their strategy, then the fallback.

    Not the phone that the call comes from, nor the one that sent it on (`Caller`).
    """
    own = {caller, forwarded_from}
    targets = [target for target in rules.targets if target.to not in own]
    groups = [tuple(targets)] if rules.strategy == "at_once" and targets else [(target,) for target in targets]
    if rules.fallback_to and rules.fallback_to not in own:
        groups.append((Target(rules.fallback_to),))
    return groups


def is_blocked(rules: Routing, number: str) -> bool:
    """Whether its calls are turned away. Where both lists name it, the one that says it more exactly counts; else `blocked`."""
    blocked = _exactness(rules.blocked, number)
    return blocked > 0 and blocked >= _exactness(rules.welcome, number)


def matches(patterns: Iterable[str], number: str) -> bool:
    """Whether a list of numbers (E.164, or a beginning and `*`) names this one."""
    return _exactness(patterns, number) > 0


def _exactness(patterns: Iterable[str], number: str) -> int:
    """How much of the number that pattern says which says the most of it; more for all of it than for a beginning. 0: none."""
    if not number:
        return 0
    whole = [len(each) + 2 for each in patterns if each == number]
    begun = [len(each) for each in patterns if each.endswith("*") and number.startswith(each[:-1])]
    return max(whole + begun, default=0)


def is_withheld(number: str) -> bool:
    """Whether the caller does not say who he is: a word (`anonymous`, `Restricted`, none at all), or one spelt on the keypad.

    SIP addresses and clients of the Voice SDK do say it, and so does a national number.
    """
    shown = number.strip()  # a `+` that was not percent-encoded is a blank
    if shown.startswith(("sip:", "sips:", "client:")):
        return "anonymous" in shown.casefold()  # RFC 3323: sip:anonymous@anonymous.invalid
    digits = shown.removeprefix("+")
    return not (digits.isascii() and digits.isdigit()) or f"+{digits}" in WITHHELD


def is_suspect(stir: str) -> bool:
    """Whether the verdict says that the number shown is not the caller's (Twilio docs, `StirVerstat`). None is no verdict.

    The class (`-A`, `-B`, `-C`) and how the call came (`-Diverted`, `-Passthrough`) follow it.
    """
    return stir.startswith("TN-Validation-Failed")


# The document. ----------------------------------------------------------------------------------------------------------


def of(document: Mapping[str, Any]) -> Routing:
    """The routing in a parsed JSON document. What is left out is as by default. Raises ValueError that says where it is wrong.

    It was checked when it was written (`shared/number_document.py` says every fault at once); this reads what is stored.
    Names that it does not know are a newer release's, and left alone: a release that is taken back must not lose the phones.
    """
    try:
        return _of(document)
    except (KeyError, TypeError, AttributeError) as fault:
        raise ValueError(f"no routing document: {type(fault).__name__} {fault}") from fault


def _of(document: Mapping[str, Any]) -> Routing:
    given = _known(Routing, document)
    if "targets" in given:
        given["targets"] = tuple(Target(**_known(Target, each)) for each in given["targets"])
    if given.get("hours") is not None:
        given["hours"] = hours_of(given["hours"])
    if given.get("emergency") is not None:
        given["emergency"] = _emergency(given["emergency"])
    if "recording" in given:
        given["recording"] = RecordingPolicy(**_known(RecordingPolicy, given["recording"]))
    for name in ("blocked", "welcome"):
        if name in given:
            given[name] = frozenset(given[name])
    return _sound(Routing(**given))


def _known(shape: type[Any], document: Mapping[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(shape)}
    return {name: value for name, value in document.items() if name in names}


def _emergency(said: Mapping[str, Any]) -> Emergency:
    given = _known(Emergency, said)
    return Emergency(**{"prompt": emergency_prompt(given.get("key", "1"))} | given)


def _sound(rules: Routing) -> Routing:
    """What every call relies on. Raises ValueError, TypeError."""
    words: dict[str, tuple[object, Any]] = {
        "strategy": (rules.strategy, Strategy), "caller_id": (rules.caller_id, CallerId),
        "screening": (rules.screening, Screening), "withheld": (rules.withheld, Withheld),
        "suspect": (rules.suspect, Suspect), "recording.mode": (rules.recording.mode, RecordingMode),
        "recording.consent": (rules.recording.consent, ConsentWay),
    }  # fmt: skip
    if wrong := [name for name, (word, known) in words.items() if word not in get_args(known)]:
        raise ValueError(f"not one of the words of {', '.join(wrong)}")
    texts = [target.to for target in rules.targets] + [rules.greeting, rules.language, *rules.blocked, *rules.welcome]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("what must be a text is none")
    times = [rules.ring_s, *(target.ring_s for target in rules.targets if target.ring_s is not None)]
    if not all(SHORTEST_RING_S <= time <= LONGEST_RING_S for time in times):
        raise ValueError("ring_s is out of range")
    return rules


def document(rules: Routing) -> dict[str, Any]:
    """The whole document of a routing, defaults and all: what `of` reads back as the same."""
    return {
        **{each.name: getattr(rules, each.name) for each in fields(Routing)},
        "targets": [asdict(each) for each in rules.targets],
        "hours": None if rules.hours is None else hours_document(rules.hours),
        "blocked": sorted(rules.blocked),
        "welcome": sorted(rules.welcome),
        "emergency": None if rules.emergency is None else asdict(rules.emergency),
        "recording": asdict(rules.recording),
    }
