"""Was a call to be recorded, and is its recording missing?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from shared.domain.missed_call import ANSWERED_DIALS

Missing = Literal["none", "absent"]  # nothing was heard of a recording; Twilio says that there is no sound
# When the check first looks: by then most recordings are there (Twilio tells of them within seconds of the end).
FIRST_LOOK_S: Final = 60.0
_HAD: Final = frozenset({"available", "fetched", "verified", "stored", "provider-deleted", "deleted"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one call from a customer, or placed by us; never of one of its legs.

    `is_wanted`: it was to be recorded from the moment it was connected, and nobody declined. `has_recording`: Twilio has
    named one, of the call or of a leg: a voicemail's too, or one that was started by the API.
    """

    is_over: bool
    is_wanted: bool
    dial_status: str | None
    dial_bridged: bool | None
    screening: str | None
    accepted: bool | None
    has_recording: bool


@dataclass(frozen=True, slots=True)
class Named:
    """One recording of the call, as far as it has come."""

    recording_sid: str
    state: str
    duration_s: int | None
    error_code: int | None


def is_due(facts: Facts) -> bool:
    """Whether a recording of this call has to come, so that somebody must look whether it did.

    A caller who reaches the voicemail and hangs up before the tone leaves none, and nobody has lost anything: a voicemail is
    due once Twilio has named it, as every recording is. Rises only: no later webhook takes it back.
    """
    return facts.is_over and (facts.has_recording or is_owed(facts))


def is_owed(facts: Facts) -> bool:
    """Whether `<Dial record>` must have made one: it was asked for, and somebody spoke with the caller.

    With `press` the other leg is connected by its key alone: before that, a carrier's voicemail may be all that answered.
    """
    if facts.screening == "press" and facts.accepted is not True:
        return False
    is_connected = facts.dial_status in ANSWERED_DIALS and facts.dial_bridged is not False
    return facts.is_wanted and (is_connected or facts.dial_bridged is True)


def missing(facts: Facts, named: Sequence[Named]) -> Missing | None:
    """Why a person has to look; None: it is there, it is on its way, nobody said anything, or its failure has been told.

    `absent` never becomes `completed` (Twilio docs, Recordings). Of a voicemail it is a caller who stayed silent, unless
    Twilio has counted seconds of it.
    """
    if not is_due(facts) or any(each.state != "absent" for each in named):
        return None
    if is_owed(facts):
        return "absent" if named else "none"
    return "absent" if any(each.duration_s for each in named) else None


def is_whole(named: Sequence[Named]) -> bool:
    """Whether nothing more has to come: every recording that was named is had."""
    return bool(named) and all(each.state in _HAD for each in named)


def on_their_way(named: Sequence[Named]) -> list[str]:
    """The SIDs of those that were announced and never said to be complete: they can be asked for all the same."""
    return [each.recording_sid for each in named if each.state == "announced"]
