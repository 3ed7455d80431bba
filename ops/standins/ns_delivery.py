"""Knows what ns-delivery-service keeps of every text: the state that stands, and each step that led there.

It takes a step forward or the same once more, and refuses one that goes backwards: then somebody told it out of order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

# How far a text has come, by Twilio's words, the furthest last; each replaces those before it.
STATES = (
    "accepted", "scheduled", "receiving", "queued", "sending", "sent", "partially_delivered", "received", "failed", "canceled",
    "undelivered", "delivered", "read",
)  # fmt: skip
TYPES = ("sms.queued", "sms.sent", "sms.delivered", "sms.undelivered", "sms.failed")


@dataclass
class Fate:
    """One text. `steps` are the types it was told, in order; `refused` those that came too late to be true."""

    message_id: str
    status: str
    is_final: bool = False
    message_sid: str | None = None
    error_code: int | None = None
    error_class: str | None = None
    attempt: int = 1
    retried_as: str | None = None
    steps: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@dataclass
class Fates:
    """Of all texts, by our id of them."""

    known: dict[str, Fate] = field(default_factory=dict)

    def hear(self, event_type: str, data: object) -> str | None:
        """Why this is refused; None when it is taken. What is about no text is none of its business."""
        if event_type not in TYPES or not isinstance(data, dict) or "message_id" not in data:
            return None
        status = str(data["status"])
        fate = self.known.setdefault(str(data["message_id"]), Fate(str(data["message_id"]), status))
        if _place(status) < _place(fate.status):
            fate.refused.append(event_type)
            return f"{fate.message_id} is {fate.status} and does not become {status}"
        _advance(fate, event_type, data)
        return None


def _place(status: str) -> int:
    """A word that is not known stands before all others."""
    return STATES.index(status) if status in STATES else -1


def _advance(fate: Fate, event_type: str, data: Mapping[str, object]) -> None:
    fate.steps.append(event_type)
    for name in ("status", "is_final", "message_sid", "error_code", "error_class", "attempt", "retried_as"):
        if name in data:
            setattr(fate, name, data[name])
