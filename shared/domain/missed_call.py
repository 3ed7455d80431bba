"""Was the call missed? One decision per call, from whatever of its facts have arrived."""

from dataclasses import dataclass
from typing import Final, Literal

from shared.domain.status import CALL_FINAL

Decision = Literal["answered", "missed"]
MISSED_DIALS: Final = frozenset({"no-answer", "busy", "failed", "canceled"})
ANSWERED_DIALS: Final = frozenset({"completed", "answered"})
# A final call status may overtake the dial result of the same call: Twilio promises no order, and what Redis has lost comes
# back from the journal within three quarters of a minute. Wait this long for it.
SETTLE_S: Final = 60


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What is known of one call. `dial_status` None: no dial result has arrived; `bridged` None: Twilio did not say."""

    direction: str
    route: str | None
    status: str
    dial_status: str | None = None
    bridged: bool | None = None


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


def decide(facts: CallFacts, *, settled: bool = False) -> Decision | None:
    """`missed`, `answered`, or None while it is open. `settled`: nothing more is expected, decide on what there is.

    Only calls from customers can be missed.
    """
    if facts.direction != "inbound":
        return None
    if (taken := was_taken(facts.dial_status, facts.bridged)) is not None:
        return "answered" if taken else "missed"
    if facts.status not in CALL_FINAL:
        return None
    # The whole call ended without the owner: rejected, hung up while ringing, or voicemail only.
    if facts.status != "completed" or facts.route == "voicemail":
        return "missed"
    return "missed" if settled else None


def platform_status(facts: CallFacts) -> str:
    """The call's status in the words of as-call-service's `/calls/missed`: no-answer, busy, failed or canceled."""
    for status in (facts.dial_status, facts.status):
        if status in MISSED_DIALS:
            return status
    return "no-answer"
