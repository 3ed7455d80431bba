"""What Twilio complains of: kept for readers, and posted to the debugger's address if there is one."""

import json
import threading
from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ops.twilio_sim.clock import now
from ops.twilio_sim.voice.params import in_twilio_order
from ops.twilio_sim.webhooks.letter import Letter

if TYPE_CHECKING:
    from ops.twilio_sim.world import World

KEPT = 1000  # somebody who reads them does so soon


@dataclass(frozen=True)
class Alert:
    """`code` is Twilio's; `level` is ERROR or WARNING; `url` is what was asked when it happened."""

    sid: str
    code: int
    level: str
    why: str
    resource_sid: str
    url: str
    at: datetime

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"at": self.at.isoformat(timespec="milliseconds")}


class Alerts:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Alert] = deque(maxlen=KEPT)

    def add(
        self, world: "World", code: int, why: str, *, resource_sid: str, url: str = "", level: str = "ERROR"
    ) -> None:
        alert = Alert(world.sids.new("NO"), code, level, why, resource_sid, url, now())
        with self._lock:
            self._kept.append(alert)
        if address := world.settings.debugger_url:
            letter = _letter(world, alert, address)
            world.agenda.after(0, lambda: world.post(letter))

    def kept(self) -> list[Alert]:
        with self._lock:
            return list(self._kept)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()


def _letter(world: "World", alert: Alert, address: str) -> Letter:
    payload = {
        "resource_sid": alert.resource_sid,
        "service_sid": None,
        "error_code": str(alert.code),
        "more_info": {"Msg": alert.why, "ErrorCode": str(alert.code), "LogLevel": alert.level, "url": alert.url},
        "webhook": {"type": "application/json", "request": {"url": alert.url, "method": "POST"}, "response": {}},
    }
    params = {
        "Sid": alert.sid,
        "AccountSid": world.account.sid,
        "ParentAccountSid": "",
        "Timestamp": f"{alert.at:%Y-%m-%dT%H:%M:%SZ}",
        "Level": alert.level,
        "PayloadType": "application/json",
        "Payload": json.dumps(payload),
    }
    return Letter("debugger", alert.sid, address, in_twilio_order(params), world.sids.token())
