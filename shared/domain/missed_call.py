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


def decide(facts: CallFacts, *, settled: bool = False) -> Decision | None:
    """`missed`, `answered`, or None while it is open. `settled`: nothing more is expected, decide on what there is.

    Only calls from customers can be missed. A dial that is `completed` without having bridged rang into nothing
    (Twilio docs, `<Dial>` action, DialBridged).
    """
    if facts.direction != "inbound":
        return None
    if facts.dial_status in MISSED_DIALS:
        return "missed"
    if facts.dial_status in ANSWERED_DIALS:
        return "missed" if facts.bridged is False else "answered"
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
