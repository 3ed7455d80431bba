"""The live feed: what the processes log from now on, one short line an event."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# Everything the ingress does for a health check or a scrape, and what the nets say every few seconds.
QUIET = {"worker_started", "worker_stopped"}
WHOSE = ("message_sid", "call_sid", "recording_sid", "sid", "message_id", "call_id", "route", "task")
MORE = ("outcome", "status", "kind", "error_type")


class Feed:
    """Follows the logs of a folder from where they end now."""

    def __init__(self, logs: Path):
        self.logs = logs
        self.places = {path: path.stat().st_size for path in logs.glob("*.log")}
        self.rests: dict[Path, bytes] = {}

    def lines(self) -> Iterator[str]:
        """What came since the last call, in the order of the files."""
        for path in sorted(self.logs.glob("*.log")):
            for raw in self._new_lines(path):
                if said := told(raw):
                    yield said

    def _new_lines(self, path: Path) -> list[bytes]:
        size, place = path.stat().st_size, self.places.get(path, 0)
        if size < place:
            place = 0  # moved aside and begun anew
        with path.open("rb") as file:
            file.seek(place)
            found = file.read()
        self.places[path] = place + len(found)
        *whole, self.rests[path] = (self.rests.get(path, b"") + found).split(b"\n")
        return whole


def told(raw: bytes) -> str:
    """The line for people, or nothing for what is no event of ours or not worth a line."""
    try:
        event: Any = json.loads(raw)
    except ValueError:
        return ""
    if not isinstance(event, dict) or "event" not in event or event["event"] in QUIET or event.get("level") == "debug":
        return ""
    clock = str(event.get("ts", ""))[11:19]
    words = [
        clock,
        str(event["event"]),
        _whose(event),
        *(str(event[key]) for key in MORE if event.get(key)),
        _took(event),
    ]
    line = " ".join(word for word in words if word)
    return f"{line}  ({event['level']})" if event.get("level") in {"warning", "error", "critical"} else line


def _whose(event: Mapping[str, Any]) -> str:
    value = next((str(event[key]) for key in WHOSE if event.get(key)), "")
    is_sid = len(value) == 34 and value[:2].isupper()
    return f"{value[:2]}…{value[-4:]}" if is_sid else value


def _took(event: Mapping[str, Any]) -> str:
    if "took_ms" in event:
        return f"{event['took_ms']:.0f} ms"
    return f"{event['duration_s'] * 1000:.0f} ms" if "duration_s" in event else ""
