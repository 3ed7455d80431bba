"""The witness: one line a try at a webhook, written by the sending side and on disk before anybody is judged by it.

ok = a complete 2xx was read: the service has promised. fail = 4xx: it has refused. info = no whole answer, or a 5xx:
nobody can know whether it counted.
"""

import json
import os
import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Outcome = Literal["ok", "fail", "info"]
GATHER_S = 0.1  # one fsync for all that came in meanwhile: at 50 tries a second, five of them


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt at one webhook (`op`). Times are time.time_ns(); `facts` are those of its fields that are judged."""

    op: int
    attempt: int
    kind: str
    key: str
    token: str
    body_sha256: str
    sent_ns: int
    done_ns: int
    outcome: Outcome
    http_status: int | None
    is_forged: bool = False
    poison: str = ""
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def took_ms(self) -> float:
        return (self.done_ns - self.sent_ns) / 1e6


def outcome_of(http_status: int | None) -> Outcome:
    """`http_status` None: no whole answer was read."""
    if http_status is None or http_status >= 500:
        return "info"
    return "ok" if 200 <= http_status < 300 else "fail"


class Writer:
    """Appends tries, or what another witness notes, to a file. A thread of its own writes and syncs, so that the sender
    never waits for the disk.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._queue: queue.SimpleQueue[DataclassInstance] = queue.SimpleQueue()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)
        self._thread.start()

    def add(self, entry: "DataclassInstance") -> None:
        self._queue.put(entry)

    def close(self) -> None:
        """Returns when everything is on disk."""
        self._is_over.set()
        self._thread.join()
        self._file.close()

    def _run(self) -> None:
        while not self._is_over.wait(GATHER_S):
            self._write()
        self._write()

    def _write(self) -> None:
        lines = [json.dumps(asdict(entry), separators=(",", ":")) + "\n" for entry in self._waiting()]
        if lines:
            self._file.writelines(lines)
            self._file.flush()
            os.fsync(self._file.fileno())

    def _waiting(self) -> Iterator["DataclassInstance"]:
        while not self._queue.empty():
            yield self._queue.get()


def read(path: Path) -> list[Try]:
    """All tries in `path`, in the order in which they ended."""
    return [Try(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def shas_by_key(tries: Iterable[Try]) -> dict[str, set[str]]:
    """The bodies that were sent under each key, refused or not, but for forged ones."""
    found: dict[str, set[str]] = {}
    for entry in tries:
        if not entry.is_forged:
            found.setdefault(entry.key, set()).add(entry.body_sha256)
    return found
