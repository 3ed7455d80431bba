"""What may be said of a business number and its calls: one schema for the HTTP API and the CLI, telling every fault at once."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final, cast, get_args
from zoneinfo import available_timezones

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from shared import recipients
from shared.domain import hours, routing
from shared.domain.hours import DAYS, Span, overlaps
from shared.domain.phone import is_e164
from shared.domain.routing import MOST_TARGETS, Routing, emergency_prompt
from shared.sms_job import Text, check_phone

LONGEST_GREETING: Final = 1000  # characters: more than a minute of speech
LONGEST_PROMPT: Final = 500  # half a minute, which is as long as anybody listens before they are asked
MOST_PATTERNS: Final = 1000  # they are looked through during a call: half a millisecond at worst
MOST_SPANS: Final = 12  # of one day
MOST_CLOSED_DAYS: Final = 366
KEYS: Final = "0123456789*#"
LONGEST_NOTE: Final = 200  # as the schema asks
_LONGEST_SIP: Final = 255  # Twilio docs, `<Sip>`
# Twilio docs, `<Client>`: letters, digits and underscores.
_CLIENT: Final = re.compile(r"client:[A-Za-z0-9_]{1,121}\Z")
_SIP: Final = re.compile(
    r"sips?:[A-Za-z0-9._~!$&'*+%-]+@(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+(?::\d{1,5})?(?:;[A-Za-z0-9=._~-]+)*\Z"
)
_PATTERN: Final = re.compile(r"\+[1-9][0-9]{0,13}\*\Z")
# BCP 47: language, script, region. Which of them Twilio speaks changes faster than we do.
_LANGUAGE: Final = r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?"
# Twilio docs, `<Say voice>`: its own three, Amazon Polly's, Google's.
_VOICE: Final = r"(man|woman|alice|(Polly|Google)\.[^\W_][\w-]{0,79})"
# XML 1.0 has no way to say these; one of them would make the whole answer to a call invalid (Twilio error 12100).
_UNSPEAKABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_CLOCK: Final = r"(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)"


def read(body: Any, phone_number: str) -> tuple[str | None, Routing, str | None]:
    """Tenant, routing and note of what was said of `phone_number`. Raises ValidationError with every fault."""
    faults: dict[Any, Any] = {}
    said: dict[str, Any] = {}
    try:
        said = cast("dict[str, Any]", NUMBER.load(body))
    except ValidationError as refused:
        faults = cast("dict[Any, Any]", refused.normalized_messages())
    for place, message in _riddles(_object(_object(body).get("routing")), phone_number):
        _add(faults, ("routing", *place), message)
    if faults:
        raise ValidationError(faults)
    return said["tenant_id"], routing.of(said["routing"]), said["note"]


def read_routing(document: Any, phone_number: str) -> Routing:
    """The routing alone; its faults as in a whole body. Raises ValidationError."""
    return read({"tenant_id": None, "routing": document}, phone_number)[1]


def check_target(text: str) -> None:
    """Somebody whom Twilio can ring, and nobody whom it costs dear to. Raises ValidationError."""
    if text.startswith("client:"):
        _must(_CLIENT.match(text), "must be client: and a name of letters, digits and _, at most 121")
    elif text.startswith(("sip:", "sips:")):
        _must(
            len(text) <= _LONGEST_SIP and _SIP.match(text), f"must be like sip:name@host, at most {_LONGEST_SIP} long"
        )
    else:
        # An emergency number is dialled as it is (911) and has no E.164; nothing in that form reaches one.
        check_phone(text)
        _must(recipients.of(text).kind != "premium", "must not be a premium-rate number")


def check_pattern(text: str) -> None:
    """A number in E.164, or a beginning of one and `*`. Raises ValidationError. Callers show numbers of no plan, too."""
    _must(is_e164(text) or _PATTERN.match(text), "must be in E.164, like +14155552671, or a beginning of it and *")


def check_speech(text: str) -> None:
    """Something that can be said. Raises ValidationError."""
    _must(any(letter.isalnum() for letter in text), "must have a word in it")
    _must(not _UNSPEAKABLE.search(text), "must not contain control characters")


def check_zone(name: str) -> None:
    """A time zone that this machine knows. Raises ValidationError."""
    _must(name in _zones(), "is no IANA time zone, like America/Los_Angeles")


def check_date(text: str) -> None:
    """A day of the calendar, in the plainest form of ISO 8601. Raises ValidationError."""
    try:
        is_one = date.fromisoformat(text).isoformat() == text
    except ValueError:
        is_one = False
    _must(is_one, "must be a day of the calendar, like 2026-12-24")


@lru_cache(maxsize=1)  # it looks through a folder
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _must(is_so: object, else_: str) -> None:
    if not is_so:
        raise ValidationError(else_)


Place = tuple[str | int, ...]


def _riddles(rules: Mapping[str, Any], phone_number: str) -> Iterator[tuple[Place, str]]:
    """What is well formed and cannot be meant. From what was said, not from what was read: places in a list do not shift."""
    seen: set[str] = set()
    for place, to in _rung(rules):
        if to == phone_number:
            yield place, "is the number itself"
        elif place[0] == "targets" and to in seen:
            yield place, "is there twice"
        seen.add(to)
    blocked = {each for _, each in _texts(rules.get("blocked"))}
    yield from (((("welcome", at)), "is blocked, too") for at, each in _texts(rules.get("welcome")) if each in blocked)
    offered = _object(rules.get("emergency"))
    others = [emergency_prompt(key) for key in KEYS if key != offered.get("key", "1")]  # no set: a prompt may be a list
    if offered.get("prompt") in others:
        yield ("emergency", "prompt"), "says another key"


def _rung(rules: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    targets = rules.get("targets")
    for at, target in enumerate(targets if isinstance(targets, list) else ()):
        yield ("targets", at, "to"), str(_object(target).get("to"))
    yield ("fallback_to",), str(rules.get("fallback_to"))
    yield ("emergency", "to"), str(_object(rules.get("emergency")).get("to"))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: Any) -> list[tuple[int, str]]:
    return [(at, each) for at, each in enumerate(value) if isinstance(each, str)] if isinstance(value, list) else []


def _add(faults: dict[Any, Any], place: Place, message: str) -> None:
    """One more fault; where the whole of something is wrong already, that says enough."""
    for name in place[:-1]:
        faults = faults.setdefault(name, {})
        if not isinstance(faults, dict):
            return
    told = faults.setdefault(place[-1], [])
    if isinstance(told, list):
        told.append(message)


class Strict(Schema):
    """Unknown fields are refused: a misspelt one would silently not count."""

    class Meta:
        unknown = RAISE


def _to(**more: Any) -> Text:
    return Text(
        validate=check_target,
        metadata={"description": "A phone in E.164, `sip:name@host`, or `client:name` of the Voice SDK."},
        **more,
    )


def _seconds(**more: Any) -> fields.Integer:
    shortest, longest = routing.SHORTEST_RING_S, routing.LONGEST_RING_S
    return fields.Integer(strict=True, validate=validate.Range(shortest, longest), **more)


def _word(known: Any, default: str, about: str) -> fields.String:
    return fields.String(
        load_default=default, validate=validate.OneOf(get_args(known)), metadata={"description": about}
    )  # fmt: skip


def _speech(default: str | None, longest: int = LONGEST_GREETING, **more: Any) -> Text:
    return Text(load_default=default, validate=[validate.Length(1, longest), check_speech], **more)


def _pattern(regex: str) -> dict[str, Any]:
    """What a client needs to know of a form, for the documentation."""
    return {"pattern": f"^{regex}$"}


class TargetSchema(Strict):
    """Whom to ring."""

    to = _to(required=True)
    ring_s = _seconds(
        load_default=None, allow_none=True, metadata={"description": "Null: as long as the number's own."}
    )


class SpanField(fields.List):
    """From and to, on the clock of the wall."""

    def __init__(self, **more: Any) -> None:
        clock = fields.String(
            validate=validate.Regexp(_CLOCK + r"\Z", error="must be a time between 00:00 and 24:00"),
            metadata=_pattern(_CLOCK),
        )
        super().__init__(clock, validate=[validate.Length(equal=2), _check_span], **more)


def _check_span(said: list[str]) -> None:
    if len(said) != 2:
        return  # is told already
    try:
        hours.span(*said)
    except ValueError as fault:
        raise ValidationError(str(fault)) from None


def _day() -> fields.List:
    return fields.List(SpanField(), load_default=list, validate=validate.Length(max=MOST_SPANS))


class WeekSchema(Strict):
    """The spans of each day, in order; a day that is left out is closed. `["18:00", "02:00"]` ends on the next day."""

    mon, tue, wed, thu, fri, sat, sun = (_day() for _ in DAYS)

    @validates_schema
    def in_order(self, data: Mapping[str, list[list[str]]], **_: Any) -> None:
        """No span begins before the one before it has ended, and the week is a circle."""
        week: list[list[Span]] = [[hours.span(*each) for each in data.get(day, ())] for day in DAYS]
        faults: dict[str, dict[int, list[str]]] = {}
        for day, at in overlaps(week):
            faults.setdefault(DAYS[day], {})[at] = ["begins before the span before it has ended"]
        if faults:
            raise ValidationError(cast("dict[str, Any]", faults))


class HoursSchema(Strict):
    """When the business takes calls."""

    zone = Text(required=True, validate=check_zone, metadata={"description": "IANA, like America/Los_Angeles."})
    week = fields.Nested(WeekSchema, required=True)
    us_holidays = fields.String(
        load_default="open",
        validate=validate.OneOf(["open", "closed"]),
        metadata={"description": "Whether the federal holidays, and the weekdays in their place, are as any day."},
    )
    closed_on = fields.List(
        fields.String(
            validate=check_date,
            metadata={"format": "date"},
        ),
        load_default=list,
        validate=validate.Length(max=MOST_CLOSED_DAYS),
    )


class EmergencySchema(Strict):
    """What a caller is offered while the business is closed."""

    to = _to(required=True)
    key = fields.String(load_default="1", validate=validate.Regexp(r"[0-9*#]\Z"), metadata=_pattern("[0-9*#]"))
    prompt = Text(
        validate=[validate.Length(1, LONGEST_PROMPT), check_speech],
        metadata={
            "description": "What the caller hears; without it, that the business is closed and which key to press."
        },
    )


class RecordingSchema(Strict):
    """Whether calls are recorded, and how callers learn of it."""

    mode = _word(routing.RecordingMode, "off", "Whether calls are recorded.")
    consent = _word(
        routing.ConsentWay, "announce",
        "Told before, asked to press a key, or as the strictest law of the parties wants it (`law`).",
    )  # fmt: skip
    notice = _speech(routing.RECORDING_NOTICE, LONGEST_PROMPT)


class RoutingSchema(Strict):
    """How a number's calls are handled. What is left out is as by default."""

    targets = fields.List(
        fields.Nested(TargetSchema),
        load_default=list,
        validate=validate.Length(max=MOST_TARGETS),
        metadata={"description": "Whom to ring; none: callers reach voicemail."},
    )
    strategy = _word(routing.Strategy, "sequence", "One target after the other, or all at once.")
    ring_s = _seconds(load_default=routing.RING_S, metadata={"description": "How long each is rung."})
    hours = fields.Nested(
        HoursSchema, load_default=None, allow_none=True, metadata={"description": "Null: always open."}
    )
    fallback_to = Text(
        load_default=None,
        allow_none=True,
        validate=check_target,
        metadata={"description": "Whom to ring when none of the targets took the call."},
    )
    caller_id = _word(routing.CallerId, "caller", "Whose number the rung phone shows.")
    screening = _word(
        routing.Screening, "none",
        "How a person is told from a carrier's voicemail: a key that must be pressed, or by how it sounds (`amd`).",
    )  # fmt: skip
    voicemail = fields.Boolean(load_default=True, metadata={"description": "After a call that nobody took."})
    greeting = _speech(routing.DEFAULT_GREETING)
    closed_greeting = _speech(None, allow_none=True, metadata={"description": "Null: the usual greeting."})
    language = fields.String(
        load_default="en-US",
        validate=validate.Regexp(_LANGUAGE + r"\Z", error="must be a language in BCP 47, like en-US"),
        metadata=_pattern(_LANGUAGE),
    )
    voice = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Regexp(_VOICE + r"\Z", error="must be a voice of Twilio's, like Polly.Joanna-Neural"),
        metadata={"description": "Null: Twilio's for the language."},
    )
    blocked = fields.List(
        Text(validate=check_pattern),
        load_default=list,
        validate=validate.Length(max=MOST_PATTERNS),
        metadata={
            "description": "Callers who are turned away: numbers, or `+1900*`. The more exact entry of two counts."
        },
    )
    welcome = fields.List(
        Text(validate=check_pattern),
        load_default=list,
        validate=validate.Length(max=MOST_PATTERNS),
        metadata={"description": "Callers who are put through whatever the hour, the verdict and the rules say."},
    )
    withheld = _word(routing.Withheld, "ring", "What becomes of callers who withhold their number.")
    suspect = _word(routing.Suspect, "ring", "What becomes of callers whose number failed its STIR/SHAKEN check.")
    emergency = fields.Nested(
        EmergencySchema,
        load_default=None,
        allow_none=True,
        metadata={"description": "A phone that callers can reach by a key while the business is closed."},
    )
    recording = fields.Nested(RecordingSchema, load_default=lambda: RecordingSchema().load({}))


class NumberSchema(Strict):
    """Whose a number is, and how its calls are handled: the whole of it."""

    tenant_id = Text(required=True, allow_none=True, validate=validate.Length(1, 64))
    routing = fields.Nested(RoutingSchema, required=True)
    note = Text(
        load_default=None,
        allow_none=True,
        validate=validate.Length(1, LONGEST_NOTE),
        metadata={"description": "Why it was changed, for whoever reads its versions."},
    )


NUMBER: Final = NumberSchema()
