"""One run of one subject: fresh, warmed up, measured, and its store compared with what it has answered."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, cast

from redis import Redis, RedisError

from ops.benchmarks import machine
from ops.benchmarks.field import Bench, Running, started
from ops.benchmarks.line import BadAnswer
from ops.benchmarks.load import Answers, Generator
from ops.benchmarks.machine import Moment, Window
from ops.benchmarks.subjects import Subject
from ops.stack.supervisor import GaveUp

DISTURBED: Final = 0.15  # of the machine, used by others: ratios still hold within +-20 %, absolute figures do not
_REPEATS: Final = 2  # of a disturbed run; then it stands, marked
_WARM_UP_S: Final = 0.7
# Acknowledged while Redis was away or slow: the journal holds it, and the drainer brings it within seconds.
_SETTLED_WITHIN_S: Final = 30.0

Load = Callable[[Generator], Answers]
Spoil = Callable[[Running], None]


@dataclass(frozen=True)
class Trial:
    """What one run showed. `fault` says why it does not count; empty: it does."""

    subject: str
    answers: Answers = field(default_factory=Answers)
    window: Window = field(default_factory=lambda: Window(0.0, {"subject": 0.0, "redis": 0.0}, 0.0))
    calibration_ms: float = 0.0
    behind: int = 0
    """Acknowledged, but not yet in the store when the load ended: brought later from the journal."""
    fault: str = ""

    @property
    def is_disturbed(self) -> bool:
        """Others have used so much of the machine that absolute figures say little."""
        return self.window.others > DISTURBED

    def cpu_us(self, *groups: str) -> float:
        """CPU time per ack of these groups, in us."""
        return sum(self.window.by_group[name] for name in groups) / max(1, self.answers.acks) * 1e6

    @property
    def generator_share(self) -> float:
        """How much of one core the load generator itself has used."""
        return self.answers.cpu_s / self.answers.elapsed_s if self.answers.elapsed_s else 0.0


def measured(
    bench: Bench,
    subject: Subject,
    load: Load,
    *,
    connections: int,
    spoil: Spoil | None = None,
    mend: Spoil | None = None,
) -> Trial:
    """A run that nobody disturbed, or the last of three. `spoil` happens between warm-up and load, `mend` before counting."""
    trial = _once(bench, subject, load, connections, spoil, mend)
    _say(trial)
    for _ in range(0 if bench.asked.quick else _REPEATS):
        if trial.fault or not trial.is_disturbed or bench.is_late:
            break
        trial = _once(bench, subject, load, connections, spoil, mend)
        _say(trial)
    return trial


def _once(
    bench: Bench, subject: Subject, load: Load, connections: int, spoil: Spoil | None, mend: Spoil | None
) -> Trial:
    speed = machine.calibration_ms()
    try:
        with started(bench, subject) as running, _generator(bench, running, connections) as generator:
            warm = generator.closed(_WARM_UP_S)
            if spoil:
                spoil(running)
            first = _moment(bench, running)
            answers = load(generator)
            window = machine.between(first, _moment(bench, running))
            if mend:
                mend(running)
            behind, missing = _settled(running, warm.acks + answers.acks)
            fault = _fault(warm, answers, missing)
            if fault:
                print(running.supervisor.kept["subject"].child.tail(8), file=sys.stderr)
            return Trial(subject.name, answers, window, speed, behind, fault)
    except (GaveUp, OSError, BadAnswer, RedisError) as fault:
        return Trial(subject.name, calibration_ms=speed, fault=f"{type(fault).__name__}: {fault}")


@contextmanager
def _generator(bench: Bench, running: Running, connections: int) -> Iterator[Generator]:
    generator = Generator(running.address, connections, bench.requests, bench.holds)
    try:
        yield generator
    finally:
        generator.close()


def _moment(bench: Bench, running: Running) -> Moment:
    return machine.moment({**running.pids(), "postgres": bench.postgres_pids(), "generator": machine.own_pid()})


def _settled(running: Running, acked: int) -> tuple[int, int]:
    """(how many were behind when asked first, how many are missing in the end). Negative: more than were acknowledged."""
    if running.subject.stored is None:
        return 0, 0
    deadline = time.monotonic() + _SETTLED_WITHIN_S
    with Redis.from_url(running.redis.url, socket_timeout=5) as client:
        behind = missing = acked - running.subject.stored(client)
        while missing > 0 and time.monotonic() < deadline:
            time.sleep(0.2)
            missing = acked - cast("int", running.subject.stored(client))
    return max(0, behind), missing


def _fault(warm: Answers, answers: Answers, missing: int) -> str:
    if not answers.is_clean or not warm.is_clean:
        return f"answers: {dict(warm.statuses + answers.statuses)}"
    if missing:
        return f"{missing} acknowledged but not stored" if missing > 0 else f"{-missing} stored but not acknowledged"
    return ""


def _say(trial: Trial) -> None:
    mark = f"NOT ACCEPTED, {trial.fault}" if trial.fault else "disturbed" if trial.is_disturbed else ""
    app_us, redis_us = trial.cpu_us("subject"), trial.cpu_us("redis")
    print(
        f"  {trial.subject:<14} {trial.answers.rate:>8,.0f}/s  {app_us:>6.0f} + {redis_us:>3.0f} us"
        f"  generator {trial.generator_share:>4.0%}  others {trial.window.others:>4.0%}  loop {trial.calibration_ms:>4.1f} ms"
        f"  {mark}",
        file=sys.stderr,
        flush=True,
    )
