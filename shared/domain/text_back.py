"""Does a missed call bring its caller a text? Asked of as-call-service, or not, and why not.

as-call-service answers every missed call it hears of with a text, so who must not get one is not told there; all other
subscribers are told of the call with this word.
"""

from dataclasses import dataclass
from typing import Final, Literal

from shared.domain.phone import WITHHELD

TextBack = Literal[
    "wanted", "withheld", "invalid", "own", "blocked", "no-tenant", "opted-out", "landline", "unreachable", "stale", "cooldown",
]  # fmt: skip
# How Twilio spells a caller who does not show a number (docs, "Incoming calls from anonymous callers").
_NAMELESS: Final = frozenset(
    {"", "anonymous", "restricted", "unavailable", "unknown", "private", "blocked", "withheld"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextBackFacts:
    """What is known when the call was decided. `suppression`: why texts do not reach the caller, if that is known.

    `is_a_number`: a text to the caller could be asked for at all; carriers also pass on what only looks like a number.
    `is_own`: the caller is one of our numbers, or a phone that this one's calls are forwarded to. `is_stale`: the call is too
    long ago, and no operator wants it told all the same. `is_cooling`: for this caller and this business a text was asked
    within the cooldown.
    """

    caller: str
    is_a_number: bool
    tenant_id: str | None
    is_own: bool
    is_blocked: bool
    is_opted_out: bool
    suppression: str | None
    is_stale: bool
    is_cooling: bool


def decide(facts: TextBackFacts) -> TextBack:
    """The first reason against it, or `wanted`. Total."""
    caller = facts.caller.strip()
    if caller.lower() in _NAMELESS or caller in WITHHELD:
        return "withheld"
    if not facts.is_a_number:
        return "invalid"
    if facts.is_own:
        return "own"
    if facts.is_blocked:
        return "blocked"
    if facts.tenant_id is None:
        return "no-tenant"
    if facts.is_opted_out:
        return "opted-out"
    if facts.suppression is not None:
        return _SUPPRESSED.get(facts.suppression, "unreachable")
    if facts.is_stale:
        return "stale"
    return "cooldown" if facts.is_cooling else "wanted"


# By the reasons of `shared/data/error_codes.json`; the others pass, and mean that a text would not arrive now.
_SUPPRESSED: Final[dict[str, TextBack]] = {"landline": "landline", "invalid": "invalid"}
