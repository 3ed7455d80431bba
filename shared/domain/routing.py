"""Where a call to one of our numbers goes: forwarded to the owner's phone, or to voicemail."""

from dataclasses import dataclass
from typing import Final, Literal

# As the platform's earlier server rang: long enough to reach for a phone, short enough to beat the carrier's voicemail.
RING_S: Final = 20
DEFAULT_GREETING: Final = "Sorry, we cannot take your call right now. Please leave a message after the tone."
RECORDING_NOTICE: Final = "This call may be recorded."


@dataclass(frozen=True, slots=True)
class Number:
    """One business number and how its calls are handled. Unknown numbers get `unknown_number()`."""

    phone_number: str
    tenant_id: str | None
    forward_to: str | None = None
    ring_timeout_s: int = RING_S
    record_calls: bool = False
    voicemail: bool = True
    greeting: str = DEFAULT_GREETING


@dataclass(frozen=True, slots=True)
class Route:
    """The decision for one call, as far as TwiML needs it."""

    kind: Literal["forward", "voicemail"]
    number: Number


def unknown_number(phone_number: str) -> Number:
    """A number nobody told us about is still somebody's business: its callers reach voicemail, never an error."""
    return Number(phone_number, tenant_id=None)


def route(number: Number, caller: str) -> Route:
    """Forward when there is a phone to forward to; a call from that very phone would only ring busy."""
    if number.forward_to and number.forward_to != caller:
        return Route("forward", number)
    return Route("voicemail", number)
