"""May this call be recorded, and how must its parties learn of it?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from shared.domain.law import Law
from shared.domain.recipient import Recipient
from shared.domain.recording_rules import FEDERAL, UNKNOWN, Rule, is_abroad, places_of
from shared.domain.routing import RecordingPolicy

Way = Literal["none", "announce", "press"]
_WAYS: Final[Mapping[str, Way]] = {way: way for way in get_args(Way)}
_RULES: Final[Mapping[str, Rule]] = {rule: rule for rule in get_args(Rule)}


@dataclass(frozen=True, slots=True)
class Consent:
    """How the parties are to learn of a recording: not at all, by an announcement, or by being asked for a key.

    `states` are those whose law decided (USPS codes, `DE-country` abroad, "?" for an unknown one), `basis` their statutes,
    the federal one first where one of them is in the USA.
    """

    way: Way
    rule: Rule
    states: tuple[str, ...]
    basis: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """What is stored with the call (`calls.consent_rule`)."""
        return {"way": self.way, "rule": self.rule, "states": [*self.states], "basis": [*self.basis]}


def consent_for(policy: RecordingPolicy, law: Law, parties: Sequence[Recipient]) -> Consent:
    """The strictest law of all parties decides, and the number's policy where that is stricter.

    California applied its law to recordings made elsewhere of people who were there (Kearney v. Salomon Smith Barney, 2006):
    so the caller, the business and each phone that is rung count alike, in any order, and each state that an area code may
    lie in. Of nobody (no party is known) the answer is that of an unknown state.
    """
    places = sorted({place for party in parties for place in places_of(party)} or {UNKNOWN})
    looked_at = [*_federal(places), *places]
    strict = [place for place in looked_at if law.recording.named(place).rule == "all-party"]
    rule: Rule = "all-party" if strict else "one-party"
    return _consent(_way(policy, rule), rule, tuple(strict or places), law)


def _way(policy: RecordingPolicy, rule: Rule) -> Way:
    """`press` and `announce` are the least that the business wants; `law` leaves it to the rule."""
    if policy.consent == "law":
        return "announce" if rule == "all-party" else "none"
    return policy.consent


def _consent(way: Way, rule: Rule, places: tuple[str, ...], law: Law) -> Consent:
    told = (law.recording.named(place).basis for place in (*_federal(places), *places))
    return Consent(way, rule, places, tuple(dict.fromkeys(basis for basis in told if basis)))


def _federal(places: Sequence[str]) -> tuple[str, ...]:
    """Federal law counts wherever a party may be in the USA."""
    return () if all(is_abroad(place) for place in places) else (FEDERAL,)


def flags(consent: Consent) -> dict[str, str]:
    """The law's part of the note of an answer (`call_notes.build`): which rule, and whose."""
    return {"way": consent.way, "law": consent.rule, "states": ",".join(consent.states)}


def recall(noted: Mapping[str, str], law: Law) -> Consent | None:
    """The decision that a note's `flags` are of, with the statutes of `law`; None if they are of none."""
    way, rule = _WAYS.get(noted.get("way", "")), _RULES.get(noted.get("law", ""))
    places = noted.get("states", "")
    if way is None or rule is None or not places:
        return None
    return _consent(way, rule, tuple(places.split(",")), law)
