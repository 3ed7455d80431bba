"""A picture or sound that belongs to a message; the bytes stay where they were, Twilio points there."""

import mimetypes
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from ops.twilio_sim.clock import now
from ops.twilio_sim.resources.dates import rfc2822


@dataclass
class Media:
    sid: str
    account_sid: str
    parent_sid: str
    source_url: str
    created_at: datetime = field(default_factory=now)

    @property
    def content_type(self) -> str:
        return mimetypes.guess_type(urlsplit(self.source_url).path)[0] or "image/jpeg"

    @property
    def path(self) -> str:
        return f"/2010-04-01/Accounts/{self.account_sid}/Messages/{self.parent_sid}/Media/{self.sid}"

    def as_json(self) -> dict[str, Any]:
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "parent_sid": self.parent_sid,
            "content_type": self.content_type,
            "date_created": rfc2822(self.created_at),
            "date_updated": rfc2822(self.created_at),
            "uri": self.path + ".json",
        }
