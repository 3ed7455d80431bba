"""What can be turned while the world runs: its speed is the clock's, the rest is here."""

from dataclasses import dataclass, fields
from typing import Any


@dataclass
class Settings:
    """Seconds are the world's; rates go from 0 to 1 and concern status callbacks only.

    `message_step_s` lies between two states of a message, `recording_ready_s` between the end of a
    recording and `completed`, and `media_late_s` is how long its media then still answers 404.
    """

    message_step_s: float = 1.0
    recording_ready_s: float = 2.0
    media_late_s: float = 0.0
    drop_rate: float = 0.0
    duplicate_rate: float = 0.0

    def change(self, wishes: dict[str, Any]) -> None:
        """Raises ValueError for an unknown name or a value out of range; then nothing has changed."""
        known = {f.name for f in fields(self)}
        for name, value in wishes.items():
            if name not in known:
                raise ValueError(f"unknown key {name!r}")
            top = 1 if name.endswith("_rate") else 3600
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= top:
                raise ValueError(f"{name} must be a number from 0 to {top}")
        for name, value in wishes.items():
            setattr(self, name, float(value))
