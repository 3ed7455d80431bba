"""Keeps the processes of the laboratory's house alive, as a process manager does, but for those that a fault holds down."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ops.stack.child import Child
from ops.stack.service import Service

# A usual process manager waits about this long. It never gives up: here a process dies often because it is killed often.
RESTART_AFTER_S = 0.5


@dataclass
class Kept:
    """One process: `is_held` while a fault wants it to stay away."""

    service: Service
    child: Child
    is_held: bool = False
    died_at: float | None = None
    restarts: int = 0


class Keeper:
    """All processes. Used by the main thread only, as `Child` demands."""

    def __init__(self, env: Mapping[str, str], cwd: Path, logs: Path) -> None:
        self.env, self.cwd, self.logs = dict(env), cwd, logs
        self.kept: dict[str, Kept] = {}

    def start(self, service: Service) -> None:
        # SIGKILL: a frozen process would never act on a politer signal, should we ourselves be killed.
        doomed = replace(service, death_signal=signal.SIGKILL)
        self.kept[service.name] = Kept(doomed, self._child(doomed))

    def keep(self) -> None:
        """Looks after all once: whoever has died and is not held is started again, RESTART_AFTER_S later."""
        now = time.monotonic()
        for name, kept in self.kept.items():
            if kept.is_held or not kept.child.has_ended():
                continue
            kept.died_at = kept.died_at or now
            if now - kept.died_at >= RESTART_AFTER_S:
                self.up(name)

    def down(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Ends it with `number` and keeps it away until `up`. Killed: with everything in its session."""
        kept = self.kept[name]
        kept.is_held = True
        if number == signal.SIGKILL:
            kept.child.kill()
        else:
            kept.child.send(number)
            kept.child.process.wait(10)

    def up(self, name: str) -> None:
        """Starts it, whatever it was before."""
        kept = self.kept[name]
        kept.child.kill()  # what it left in its session would hold its port
        kept.child, kept.is_held, kept.died_at = self._child(kept.service), False, None
        kept.restarts += 1

    def signal(self, name: str, number: signal.Signals) -> None:
        """Sends `number` to the process alone; nothing happens when it is not there."""
        self.kept[name].child.send(number)

    def pid(self, name: str) -> int:
        return self.kept[name].child.pid

    def wait(self, fact: Callable[[], str], limit_s: float) -> str:
        """Looks after all until `fact` says "" (nothing is missing). Returns what is missing at the limit."""
        deadline = time.monotonic() + limit_s
        while missing := fact():
            if time.monotonic() > deadline:
                return missing
            self.keep()
            time.sleep(0.1)
        return ""

    def missing(self, *names: str) -> str:
        """What the first unready one of `names` still misses, for people; "" when all are ready."""
        for name in names:
            kept = self.kept[name]
            if missing := "it has ended" if kept.child.has_ended() else kept.service.probe(kept.child.pid):
                return f"{name}: {missing}"
        return ""

    def end(self, *, politely: bool = False) -> None:
        """Ends everything; `politely` gives SIGTERM and five seconds first."""
        for kept in reversed(self.kept.values()):
            if politely and not kept.child.has_ended():
                kept.child.send(kept.service.stop_signal)
        deadline = time.monotonic() + 5
        while politely and time.monotonic() < deadline and not all(k.child.has_ended() for k in self.kept.values()):
            time.sleep(0.05)
        for name, kept in self.kept.items():
            for pid in descendants(self.pid(name)):
                send(pid, signal.SIGKILL)  # PostgreSQL's backends have sessions of their own
            kept.child.kill()

    def _child(self, service: Service) -> Child:
        return Child(
            service.name,
            service.argv,
            env={**self.env, **service.env},
            cwd=self.cwd,
            log=self.logs / f"{service.name}.log",
            death_signal=service.death_signal,
            before_exec=service.before_exec,
        )


def descendants(pid: int) -> list[int]:
    """Children and theirs, oldest first; empty when there is no such process (Linux)."""
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [found for child in children for found in (child, *descendants(child))]


def send(pid: int, number: signal.Signals) -> None:
    """Signals one process that may be gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
