"""The law on recording calls as data: whose consent it takes, by the place of each party. Not legal advice."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from shared.domain.recipient import Recipient

Rule = Literal["one-party", "all-party"]
# What a table may say of a place. Of all but the first two it must say what they count as.
Word = Literal["one-party", "all-party", "mixed", "disputed", "notice", "none"]
FEDERAL: Final = "US"
UNKNOWN: Final = "?"
_ABROAD: Final = "-country"  # CA is California, CA-country is Canada
_UNSAID: Final = "the law file says nothing of recording"


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """Of one place: whose consent a recording takes. `name` is a USPS code, `CA-country` abroad, `?` where nobody knows."""

    name: str
    rule: Rule
    basis: str = ""


@dataclass(frozen=True, slots=True)
class RecordingLaw:
    """What `recording_law.consent_for` needs. As it stands without a table: all parties must consent, everywhere."""

    federal: RecordingRule = RecordingRule(FEDERAL, "all-party", _UNSAID)
    unknown_state: RecordingRule = RecordingRule(UNKNOWN, "all-party", _UNSAID)
    elsewhere: RecordingRule = RecordingRule("elsewhere", "all-party", _UNSAID)
    countries: Mapping[str, RecordingRule] = field(default_factory=dict)
    states: Mapping[str, RecordingRule] = field(default_factory=dict)

    def named(self, place: str) -> RecordingRule:
        """The rule of one place. A state or a country that the table leaves out counts as an unknown one."""
        if place in (FEDERAL, UNKNOWN):
            return self.federal if place == FEDERAL else self.unknown_state
        if is_abroad(place):
            return self.countries.get(place, self.elsewhere)
        return self.states.get(place, self.unknown_state)


def places_of(party: Recipient) -> tuple[str, ...]:
    """Where this party may be. A number that tells no place (withheld, toll-free, of a satellite, none) may be anybody's."""
    if party.is_american or party.region is None:
        return party.states or (UNKNOWN,)
    return (f"{party.region}{_ABROAD}",)


def is_abroad(place: str) -> bool:
    """Whether the place is a country other than the USA."""
    return place.endswith(_ABROAD)


def read(said: Any) -> RecordingLaw:
    """The law in the part `recording_consent` of a law file; None: it has none.

    Raises ValueError that says where it is wrong, or what a document of another shape makes Python raise.
    """
    if said is None:
        return RecordingLaw()
    return RecordingLaw(
        federal=_rule(FEDERAL, said["federal"]),
        unknown_state=_rule(UNKNOWN, said["unknown_state"]),
        elsewhere=_rule("elsewhere", said["elsewhere"]),
        countries={code + _ABROAD: _rule(code + _ABROAD, rule) for code, rule in said["outside_us"].items()},
        states={state: _rule(state, rule) for state, rule in said["states"].items()},
    )


def _rule(name: str, said: Mapping[str, Any]) -> RecordingRule:
    word, counts_as = said["rule"], said.get("counts_as", said["rule"])
    if word not in get_args(Word):
        raise ValueError(f"recording in {name}: must be of {', '.join(get_args(Word))}, not {word!r}")
    if counts_as not in get_args(Rule):
        raise ValueError(f"recording in {name}: {word} must say what it counts as: {' or '.join(get_args(Rule))}")
    basis = said.get("basis", "")
    if not isinstance(basis, str):
        raise ValueError(f"recording in {name}: {basis!r} is no text")
    return RecordingRule(name, counts_as, basis)
