"""What we tell other services: the types of our notifications and the shape of their data."""

from collections.abc import Mapping
from typing import Final

TYPES: Final = frozenset({
    "call.incoming", "call.status", "call.completed", "call.missed",
    "sms.received", "sms.queued", "sms.sent", "sms.delivered", "sms.undelivered", "sms.failed",
    "recording.available", "recording.failed", "recording.deleted",
    "transcription.completed", "transcription.failed",
    "consent.opted_out", "consent.opted_in",
    "endpoint.disabled", "endpoint.test",
    "report.hourly",
})  # fmt: skip

# What as-call-service has a door for.
FOR_AS_CALL: Final = ("call.incoming", "call.missed", "sms.received")

# Message states that subscribers are told of; the others are steps on the way.
OF_MESSAGE_STATUS: Final[Mapping[str, str]] = {
    "sent": "sms.sent",
    "delivered": "sms.delivered",
    "undelivered": "sms.undelivered",
    "failed": "sms.failed",
}


def order_key(*, business: str, other: str, subject: str) -> str:
    """Notifications with one order key reach a subscriber in order: all that passes between a business and a customer.

    That is coarser than per call on purpose: a customer's reply needs the conversation that the missed call before it
    opens. Where the other party is no phone number (withheld callers), only the subject itself is in order.
    """
    return f"{business}|{other}" if other.startswith("+") else subject
