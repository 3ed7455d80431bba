"""Twilio's side of the story for checkers: each request to place a call, and what came of it."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ops.twilio_sim.clock import Clock


@dataclass
class Placed:
    """`arrived_s` and `made_s` are real seconds since 1970, `world_s` those of the world.

    `call_id` is what the StatusCallback's query says (the service's own name for the call). `sid` is None when
    no call was made; `answer` is given, lost, broken or pending, as in the ledger of messages.
    """

    n: int
    arrived_s: float
    world_s: float
    to: str
    from_: str
    call_id: str
    sid: str | None = None
    made_s: float | None = None
    answer: str = "pending"
    http_status: int | None = None
    code: int | None = None
    delayed_s: float = 0.0

    @property
    def outcome(self) -> str:
        """As counted in the summary: `201`, `400 21217`, `lost, made`, `503 20503, made`."""
        said = " ".join(str(part) for part in (self.http_status, self.code) if part)
        said = said if self.answer == "given" else f"{said} {self.answer}".strip()
        return f"{said}, made" if self.sid and said != "201" else said

    def as_json(self) -> dict[str, Any]:
        line = asdict(self)
        line["from"] = line.pop("from_")
        return line | {"arrived_at": _iso(self.arrived_s), "made_at": _iso(self.made_s)}


class CallLedger:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._lines: list[Placed] = []

    def open(self, form: Mapping[str, str]) -> Placed:
        """A create has arrived."""
        call_id = _call_id(form.get("StatusCallback", ""))
        line = Placed(0, time.time(), self._clock.world_s(), form.get("To", ""), form.get("From", ""), call_id)
        with self._lock:
            self._lines.append(line)
            line.n = len(self._lines)
        return line

    def lines(self, after: int = 0, limit: int | None = None) -> list[Placed]:
        """In the order of arrival, those after the `after`-th."""
        with self._lock:
            return self._lines[after : None if limit is None else after + limit]

    def summary(self) -> dict[str, Any]:
        """Counts by outcome, and which of the service's calls were made more than once."""
        lines = self.lines()
        sids_of: dict[str, list[str]] = defaultdict(list)
        for line in lines:
            if line.sid and line.call_id:
                sids_of[line.call_id].append(line.sid)
        return {
            "requests": len(lines),
            "made": sum(line.sid is not None for line in lines),
            "outcomes": dict(Counter(line.outcome for line in lines)),
            "made_twice": {name: sids for name, sids in sids_of.items() if len(sids) > 1},
        }

    def clear(self) -> None:
        with self._lock:
            self._lines = []


def _call_id(callback: str) -> str:
    try:
        return parse_qs(urlsplit(callback).query).get("call_id", [""])[0]
    except ValueError:
        return ""


def _iso(second: float | None) -> str | None:
    return None if second is None else datetime.fromtimestamp(second, UTC).isoformat(timespec="milliseconds")
