"""Starts services, waits until they are ready, restarts those that die, and ends all of them in order."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ops.stack.child import Child
from ops.stack.service import Service

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1, 30
DEATHS, WITHIN_S = 5, 60  # so many deaths of one service in so many seconds: restarting does not help
POLL_S = 0.05


class GaveUp(Exception):
    """A service did not get ready, or dies again and again. The text ends with the tail of its log."""


@dataclass
class Kept:
    """One service and its present run."""

    service: Service
    child: Child
    pause_s: float = FIRST_PAUSE_S
    start_again_at: float | None = None
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=DEATHS))


class Supervisor:
    """All services of one stack. Used by the main thread only: the kernel ties children to the thread that starts them."""

    def __init__(self, *, env: Mapping[str, str], cwd: Path, logs: Path, say: Callable[[str], None]):
        self.env, self.cwd, self.logs, self.say = dict(env), cwd, logs, say
        self.kept: dict[str, Kept] = {}

    def start(self, service: Service) -> None:
        """Start `service`; it is watched from now on."""
        self.kept[service.name] = Kept(service, self._child(service))

    def pids(self) -> dict[str, int]:
        """The pid of every service that runs now."""
        return {name: kept.child.pid for name, kept in self.kept.items() if not kept.child.has_ended()}

    def missing(self, name: str) -> str:
        """What its probe still misses; empty when it is ready."""
        kept = self.kept[name]
        return kept.service.probe(kept.child.pid)

    def wait_ready(self, names: Iterable[str], limit_s: float) -> None:
        """Return when all of `names` are ready. Raises GaveUp at the limit, or at once when one of them ends."""
        waiting = dict.fromkeys(names, "not asked yet")
        deadline = time.monotonic() + limit_s
        while waiting:
            for name in list(waiting):
                kept = self.kept[name]
                if kept.child.has_ended():
                    raise GaveUp(f"{name} ended while starting ({kept.child.exit_words()}).{_log_of(kept.child)}")
                waiting[name] = self.missing(name)
                if not waiting[name]:
                    del waiting[name]
            if waiting and time.monotonic() > deadline:
                name, missing = next(iter(waiting.items()))
                child = self.kept[name].child
                raise GaveUp(f"{name} was not ready after {limit_s:.0f} s: {missing}.{_log_of(child)}")
            if waiting:
                time.sleep(POLL_S)

    def watch(self, now: float) -> list[str]:
        """Look after every service once; returns the names of those started again now. `now` is monotonic.

        Raises GaveUp when one cannot be kept alive.
        """
        started: list[str] = []
        for kept in self.kept.values():
            if kept.start_again_at is None and kept.child.has_ended():
                self._note_death(kept, now)
            elif kept.start_again_at is not None and now >= kept.start_again_at:
                kept.start_again_at = None
                kept.child = self._child(kept.service)
                self.say(f"{kept.service.name} runs again (pid {kept.child.pid})")
                started.append(kept.service.name)
        return started

    def stop(self, order: Sequence[Sequence[str]]) -> None:
        """End everything: group by group as in `order`, the members of a group together; then whatever is left."""
        named = {name for group in order for name in group}
        for group in [*order, [name for name in self.kept if name not in named]]:
            self._stop_together([self.kept[name] for name in group if name in self.kept])

    def kill(self) -> None:
        """End everything now, by pid and session."""
        for kept in self.kept.values():
            if not kept.child.has_ended():
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

    def _note_death(self, kept: Kept, now: float) -> None:
        name, how = kept.service.name, kept.child.exit_words()
        kept.deaths.append(now)
        if len(kept.deaths) == DEATHS and now - kept.deaths[0] <= WITHIN_S:
            raise GaveUp(f"{name} died {DEATHS} times within {WITHIN_S} s ({how}).{_log_of(kept.child)}")
        if time.monotonic() - kept.child.started_at > WITHIN_S:
            kept.pause_s = FIRST_PAUSE_S
        self.say(f"{name} died ({how}); starting it again in {kept.pause_s:.0f} s, log: {kept.child.log}")
        kept.child.kill()  # what it left behind in its session would hold its port
        kept.start_again_at = now + kept.pause_s
        kept.pause_s = min(kept.pause_s * 2, LONGEST_PAUSE_S)

    def _stop_together(self, group: Sequence[Kept]) -> None:
        for kept in group:
            kept.child.send(kept.service.stop_signal)
        asked_at = time.monotonic()
        for kept in group:
            while not kept.child.has_ended() and time.monotonic() - asked_at < kept.service.stop_grace_s:
                time.sleep(POLL_S)
            if not kept.child.has_ended():
                self.say(f"{kept.service.name} did not stop within {kept.service.stop_grace_s:.0f} s: killed")
            kept.child.kill()  # also what is left in its session


def _log_of(child: Child) -> str:
    return f" Its log, {child.log}, ends with:\n{child.tail()}"
