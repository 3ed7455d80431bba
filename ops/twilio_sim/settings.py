"""What can be turned while the world runs: its speed is the clock's, the rest is here."""

from dataclasses import dataclass
from typing import Any

from ops.twilio_sim.kinds import checked, within


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
        values = checked(Settings, wishes)
        for name, value in values.items():
            within(name, value, 0, 1 if name.endswith("_rate") else 3600)
        for name, value in values.items():
            setattr(self, name, value)
