"""A Recording: how long, how many channels, and how far its media is."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ops.twilio_sim.clock import now
from ops.twilio_sim.resources.dates import rfc2822

SOON_READY = frozenset({"in-progress", "paused", "stopped", "processing"})


@dataclass
class Recording:
    """`ready_world_s` is the moment of the world's clock from which the media can be fetched."""

    sid: str
    account_sid: str
    call_sid: str
    source: str
    channels: int = 1
    track: str = "both"
    status: str = "in-progress"
    duration_s: int = -1
    ready_world_s: float | None = None
    deleted: bool = False
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)

    @property
    def path(self) -> str:
        return f"/2010-04-01/Accounts/{self.account_sid}/Recordings/{self.sid}"

    def move(self, status: str) -> None:
        self.status, self.updated_at = status, now()

    @property
    def reported_duration(self) -> str:
        return "-1" if self.status in SOON_READY else str(max(self.duration_s, 0))

    def as_json(self, api_url: str) -> dict[str, Any]:
        return self._common() | {
            "uri": self.path + ".json",
            "media_url": api_url + self.path,
            "subresource_uris": {
                "add_on_results": self.path + "/AddOnResults.json",
                "transcriptions": self.path + "/Transcriptions.json",
            },
        }

    def as_call_json(self) -> dict[str, Any]:
        """The shape under a call: a little different, as in Twilio's contract."""
        path = f"/2010-04-01/Accounts/{self.account_sid}/Calls/{self.call_sid}/Recordings/{self.sid}.json"
        status = "completed" if self.status == "deleted" else self.status
        return self._common() | {"uri": path, "track": self.track, "status": status}

    def _common(self) -> dict[str, Any]:
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "call_sid": self.call_sid,
            "conference_sid": None,
            "status": self.status,
            "source": self.source,
            "channels": self.channels,
            "duration": self.reported_duration,
            "start_time": rfc2822(self.created_at),
            "date_created": rfc2822(self.created_at),
            "date_updated": rfc2822(self.updated_at),
            "price": None,
            "price_unit": "USD",
            "error_code": None,
            "encryption_details": None,
            "api_version": "2010-04-01",
        }
