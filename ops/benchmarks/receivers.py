"""The subscribers of a house that is measured: where each listens, how it is started, and what it has noted."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from ops.benchmarks.subscriber import TOLD, Note, notes_in
from ops.stack import probes
from ops.stack.ports import free_port
from ops.stack.service import Service


@dataclass(frozen=True)
class Receiver:
    """One subscriber, in a process of its own that has its name. It answers 503 while there is a file `down`."""

    name: str
    port: int
    folder: Path

    @property
    def url(self) -> str:
        """Where it is told."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def down(self) -> Path:
        """While this file exists it refuses."""
        return self.folder / f"{self.name}-is-down"

    @property
    def _notes(self) -> Path:
        return self.folder / f"{self.name}-notes"

    def service(self) -> Service:
        """Its process."""
        argv = [sys.executable, "-m", "ops.benchmarks.subscriber", f"127.0.0.1:{self.port}", str(self._notes)]
        return Service(self.name, [*argv, str(self.down)], probe=lambda _pid: probes.http_ok(self.url))

    def heard(self) -> list[Note]:
        """What was asked of it, whatever it answered, in the order in which it came."""
        return notes_in(self._text())

    def count(self) -> int:
        """How many requests have come."""
        return self._text().count(b"\n")

    def told_ns(self) -> dict[str, int]:
        """When it was first told of each call, ns since 1970, by CallSid."""
        told = [note for note in reversed(self.heard()) if note.status == TOLD]
        return {json.loads(note.body)["data"]["call_sid"]: note.at_ns for note in told}

    def _text(self) -> bytes:
        return self._notes.read_bytes() if self._notes.exists() else b""


def made(names: list[str], folder: Path) -> list[Receiver]:
    """One for each name, on ports of their own."""
    ports: set[int] = set()
    while len(ports) < len(names):
        ports.add(free_port())
    return [Receiver(name, port, folder) for name, port in zip(names, sorted(ports), strict=True)]
