"""A Message: one text, in or out, and the state it has reached."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ops.twilio_sim.clock import now
from ops.twilio_sim.resources.dates import rfc2822
from ops.twilio_sim.resources.media import Media
from ops.twilio_sim.sms.segments import segment_count

FINAL = frozenset({"delivered", "undelivered", "failed", "canceled", "received", "read"})
UNSENT = frozenset({"accepted", "scheduled", "queued", "sending"})


@dataclass
class Message:
    sid: str
    account_sid: str
    to: str
    from_: str | None
    body: str
    direction: str
    status: str
    messaging_service_sid: str | None = None
    status_callback: str = ""
    is_silent: bool = False
    born_s: float = 0.0  # by the world's clock
    media: list[Media] = field(default_factory=list)
    error_code: int | None = None
    price: str | None = None
    sent_at: datetime | None = None
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)

    def __post_init__(self) -> None:
        self.segments = segment_count(self.body)  # billed once: redaction does not change it

    def move(self, status: str) -> None:
        """The date of sending is set once, when the message leaves."""
        self.status, self.updated_at = status, now()
        if self.sent_at is None and status not in UNSENT and status != "canceled":
            self.sent_at = self.updated_at

    @property
    def num_segments(self) -> str:
        return "0" if self.status in ("accepted", "scheduled") else str(self.segments)

    def as_json(self) -> dict[str, Any]:
        path = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{self.sid}"
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "messaging_service_sid": self.messaging_service_sid,
            "from": self.from_,
            "to": self.to,
            "body": self.body,
            "direction": self.direction,
            "status": self.status,
            "num_segments": self.num_segments,
            "num_media": str(len(self.media)),
            "error_code": self.error_code,
            "error_message": None,
            "price": self.price,
            "price_unit": "USD",
            "api_version": "2010-04-01",
            "date_created": rfc2822(self.created_at),
            "date_updated": rfc2822(self.updated_at),
            "date_sent": rfc2822(self.sent_at),
            "uri": path + ".json",
            "subresource_uris": {"media": path + "/Media.json", "feedback": path + "/Feedback.json"},
        }
