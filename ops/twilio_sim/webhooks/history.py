"""Every attempt at a webhook and how it ended: bounded in memory, complete in a file if one is asked for."""

import hashlib
import json
import os
import queue
import threading
from collections import deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.twilio_sim.webhooks.letter import Answer, Letter

# A day of demo traffic; about 1.5 kB each, so 30 MB at most.
KEPT = 20_000


@dataclass(frozen=True)
class Entry:
    id: int
    kind: str
    sid: str
    url: str
    method: str
    params: dict[str, Any]
    token: str
    attempt: int
    sent_at: str
    done_at: str
    sent_ns: int
    done_ns: int
    http_status: int | None
    outcome: str
    error: str | None
    body_sha256: str
    voice: bool
    tamper: str


class History:
    """Ids grow by one in the order in which attempts ended, so `after` never misses one."""

    def __init__(self, file: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._last_id = 0
        self.era = 0
        self._file = None if file is None else HistoryFile(file)

    def add(
        self, letter: Letter, answer: Answer, *, attempt: int, body: bytes, sent_ns: int, done_ns: int, era: int
    ) -> int:
        """`era` is what `self.era` was when the attempt began: one that was under way at a `clear` is forgotten too."""
        with self._lock:
            self._last_id += 1
            entry = _entry(self._last_id, letter, answer, attempt, body, sent_ns, done_ns)
            if era == self.era:
                self._entries.append(entry)
            if self._file:
                self._file.write(entry)
        return entry.id

    def get(self, entry_id: int) -> Entry | None:
        with self._lock:
            return next((e for e in reversed(self._entries) if e.id == entry_id), None)

    def entries(self, *, sid: str = "", kind: str = "", after: int = 0) -> list[Entry]:
        with self._lock:
            found = [e for e in self._entries if e.id > after]
        return [e for e in found if sid in ("", e.sid) and kind in ("", e.kind)]

    @property
    def last_id(self) -> int:
        return self._last_id

    def clear(self) -> None:
        """The file keeps what it has: it is the witness. Ids go on, so that nobody's `after` misleads."""
        with self._lock:
            self.era += 1
            self._entries.clear()

    def close(self) -> None:
        if self._file:
            self._file.close()


class HistoryFile:
    """JSON lines, written by one thread that calls fsync once for all that came in meanwhile."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._queue: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)
        self._thread.start()

    def write(self, entry: Entry) -> None:
        self._queue.put(entry)

    def close(self) -> None:
        """Returns when everything is on disk."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        going_on = True
        while going_on:
            batch = [self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get())
            going_on = None not in batch
            self._file.writelines(_line(e) for e in batch if e is not None)
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()


def _line(entry: Entry) -> str:
    """Parameters stay out, their hash and the one status that names the event are enough for the checker."""
    left_out = {"params", "sent_at", "done_at", "method", "voice"}
    line = {name: value for name, value in asdict(entry).items() if name not in left_out}
    return json.dumps({"op": line.pop("id"), **line, "status": _status(entry.params)}) + "\n"


def _status(params: dict[str, Any]) -> str:
    names = ("MessageStatus", "RecordingStatus", "DialCallStatus", "CallStatus", "SmsStatus")
    return next((str(params[n]) for n in names if params.get(n)), "")


def _entry(
    entry_id: int, letter: Letter, answer: Answer, attempt: int, body: bytes, sent_ns: int, done_ns: int
) -> Entry:
    return Entry(
        id=entry_id,
        kind=letter.kind,
        sid=letter.sid,
        url=letter.url,
        method=letter.method,
        params=_as_dict(letter),
        token=letter.token,
        attempt=attempt,
        sent_at=_iso(sent_ns),
        done_at=_iso(done_ns),
        sent_ns=sent_ns,
        done_ns=done_ns,
        http_status=answer.http_status,
        outcome=answer.outcome,
        error=answer.error or None,
        body_sha256=hashlib.sha256(body).hexdigest(),
        voice=letter.voice,
        tamper=letter.tamper,
    )


def _as_dict(letter: Letter) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for name, value in letter.params:
        if name in params:
            seen = params[name]
            params[name] = [*seen, value] if isinstance(seen, list) else [seen, value]
        else:
            params[name] = value
    return params


def _iso(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat(timespec="milliseconds")
