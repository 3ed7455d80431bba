"""Is a live call being recorded, by which recording, and is that paused? From what was asked of us and what Twilio told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Wish(Protocol):
    """What somebody has asked for (`shared/db/call_controls.py`)."""

    @property
    def action(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def recording_sid(self) -> str | None: ...
    @property
    def created_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Taping:
    """How a call stands. `is_paused` only while it `is_on`."""

    is_on: bool = False
    is_paused: bool = False


def standing(wishes: Sequence[Wish], running: Sequence[tuple[datetime, str]]) -> Taping:
    """After these wishes, those included that are not fulfilled yet. `running`: since when which recordings run, as Twilio
    told: those of the number's own policy are among them, which nobody asked for here.
    """
    ours = {wish.recording_sid for wish in wishes}
    told = [(since, "record-start") for since, sid in running if sid not in ours]
    asked = [(wish.created_at, wish.action) for wish in wishes if wish.state in ("requested", "done")]
    taping = Taping()
    for _, action in sorted(told + asked, key=lambda each: each[0]):
        taping = _after(taping, action)
    return taping


def recording_to_change(wishes: Sequence[Wish], running: Sequence[tuple[datetime, str]]) -> str | None:
    """The SID of the newest recording that is known; None: Twilio has not told it."""
    started = [
        (wish.created_at, wish.recording_sid) for wish in wishes if wish.action == "record-start" and wish.recording_sid
    ]
    return max([*started, *running], default=(None, None), key=lambda each: each[0])[1]


def _after(taping: Taping, action: str) -> Taping:
    match action:
        case "record-start":
            return Taping(is_on=True, is_paused=taping.is_paused)
        case "record-pause":
            return Taping(taping.is_on, is_paused=taping.is_on)
        case "record-resume":
            return Taping(taping.is_on)
        case "record-stop":
            return Taping()
        case _:
            return taping
