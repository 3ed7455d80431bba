"""Twilio's side of the story for checkers: each request to create a message, and what came of it."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ops.twilio_sim.clock import Clock
from ops.twilio_sim.sms.segments import segment_count


@dataclass
class Line:
    """`arrived_s` and `made_s` are real seconds since 1970, `world_s` those of the world.

    `sid` is None when no message was made. `answer` is given, lost (the connection was cut), broken (half a
    document) or pending (nothing was said yet), and `delayed_s` how long it was kept back on purpose.
    `opted_out` is how it was when the request arrived, for this sender or its service.
    """

    n: int
    arrived_s: float
    world_s: float
    to: str
    from_: str
    service: str
    body_sha256: str
    message_id: str
    segments: int
    opted_out: bool
    sid: str | None = None
    sender: str | None = None
    made_s: float | None = None
    answer: str = "pending"
    http_status: int | None = None
    code: int | None = None
    delayed_s: float = 0.0

    @property
    def outcome(self) -> str:
        """As counted in the summary: `201`, `400 21610`, `lost, made`, `503 20503, made`."""
        said = " ".join(str(part) for part in (self.http_status, self.code) if part)
        said = said if self.answer == "given" else f"{said} {self.answer}".strip()
        return f"{said}, made" if self.sid and said != "201" else said

    def as_json(self) -> dict[str, Any]:
        line = asdict(self)
        line["from"] = line.pop("from_")
        return line | {"arrived_at": _iso(self.arrived_s), "made_at": _iso(self.made_s)}


class Ledger:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._lines: list[Line] = []
        self.peak_requests = 0

    def open(self, form: dict[str, str], *, opted_out: bool) -> Line:
        """A create has arrived."""
        body = form.get("Body", "")
        line = Line(
            0, time.time(), self._clock.world_s(), form.get("To", ""), form.get("From", ""),
            form.get("MessagingServiceSid", ""), sha256(body.encode("utf-8", "replace")).hexdigest(),
            _message_id(form.get("StatusCallback", "")), segment_count(body), opted_out,
        )  # fmt: skip
        with self._lock:
            self._lines.append(line)
            line.n = len(self._lines)
        return line

    def lines(self, after: int = 0, limit: int | None = None) -> list[Line]:
        """In the order of arrival, those after the `after`-th."""
        with self._lock:
            return self._lines[after : None if limit is None else after + limit]

    def clear(self) -> None:
        with self._lock:
            self._lines = []
            self.peak_requests = 0

    def summary(self, windows_s: Iterable[float], *, clock: str = "real") -> dict[str, Any]:
        """Counts by outcome, what must not be, and each sender's largest bursts by the real or the world's clock."""
        lines = self.lines()
        made = [line for line in lines if line.sid]
        sids_of: dict[str, list[str]] = defaultdict(list)
        for line in made:
            sids_of[line.message_id].append(line.sid or "")
        sids_of.pop("", None)
        return {
            "requests": len(lines),
            "made": len(made),
            "segments": sum(line.segments for line in made),
            "outcomes": dict(Counter(line.outcome for line in lines)),
            "made_twice": {name: sids for name, sids in sids_of.items() if len(sids) > 1},
            "made_though_opted_out": [line.sid for line in made if line.opted_out],
            "peak_requests": self.peak_requests,
            "senders": {name: _bursts(rows, windows_s, CLOCKS[clock]) for name, rows in _by_sender(made)},
        }


CLOCKS: dict[str, Callable[[Line], float]] = {"real": lambda line: line.arrived_s, "world": lambda line: line.world_s}


def largest_burst(moments: list[tuple[float, int]], window_s: float) -> int:
    """The most segments in any half-open window; `moments` are (second, segments) in order."""
    most = inside = first = 0
    for second, segments in moments:
        inside += segments
        while moments[first][0] <= second - window_s:
            inside -= moments[first][1]
            first += 1
        most = max(most, inside)
    return most


def _by_sender(made: list[Line]) -> Iterator[tuple[str, list[Line]]]:
    """Who was asked to send: a number, or a service where Twilio chose."""
    senders: dict[str, list[Line]] = defaultdict(list)
    for line in made:
        senders[line.from_ or line.service].append(line)
    yield from senders.items()


def _bursts(lines: list[Line], windows_s: Iterable[float], second_of: Callable[[Line], float]) -> dict[str, Any]:
    moments = sorted((second_of(line), line.segments) for line in lines)
    most = {f"{window_s:g}": largest_burst(moments, window_s) for window_s in windows_s}
    return {"messages": len(lines), "segments": sum(s for _, s in moments), "most_in_s": most}


def _message_id(callback: str) -> str:
    try:
        return parse_qs(urlsplit(callback).query).get("message_id", [""])[0]
    except ValueError:
        return ""


def _iso(second: float | None) -> str | None:
    return None if second is None else datetime.fromtimestamp(second, UTC).isoformat(timespec="milliseconds")
