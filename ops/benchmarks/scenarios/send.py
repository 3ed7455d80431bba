"""How many texts a minute, how soon is one accepted, and what does each cost, against what others would have written?"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ops.benchmarks import machine, sending
from ops.benchmarks.field import Bench
from ops.benchmarks.house import wait_for
from ops.benchmarks.load import Answers, Generator
from ops.benchmarks.machine import Window
from ops.benchmarks.numbers import percentile, spread
from ops.benchmarks.report import Goal, Section, Table, goal
from ops.benchmarks.rounds import middle
from ops.benchmarks.sending import Sending
from ops.benchmarks.trial import DISTURBED

CONNECTIONS: Final = 16
OFFERED: Final = 200.0  # texts a second: a fifth more than the goal, so that it can be reached
CALM: Final = 20.0  # texts a second while nothing else is going on
A_MINUTE: Final = 10_000.0
P95_MS: Final = 25.0
SENT_WITHIN_S: Final = 60.0  # a backlog that needs longer is one: it is said, not waited for
_WARM_UP: Final = 40


@dataclass(frozen=True)
class Run:
    """One house: how long answers took, when the simulator took the texts, and what it cost until the last callback."""

    calm: Answers
    answers: Answers
    window: Window
    taken_ns: Sequence[int]
    asked: int

    @property
    def a_minute(self) -> float:
        """From the first text that the simulator took to the last."""
        lasted_s = (self.taken_ns[-1] - self.taken_ns[0]) / 1e9 if len(self.taken_ns) > 1 else 0.0
        return (len(self.taken_ns) - 1) / lasted_s * 60 if lasted_s else 0.0

    def cpu_ms(self, *but: str) -> float:
        """CPU of all programs but these for each text that was taken."""
        used = sum(used for name, used in self.window.by_group.items() if name not in but)
        return used / max(1, len(self.taken_ns)) * 1e3


def measure(bench: Bench) -> Section:
    """The whole house, ours and a naive one in turns; every text goes to another person."""
    runs: dict[str, list[Run]] = {"ours": [], "naive": []}
    for number in range(bench.asked.rounds):
        for name in runs if number % 2 == 0 else reversed(runs):
            runs[name].append(_run(bench, name))
    return Section(
        "send",
        f"Texts through the simulator, {OFFERED:.0f} asked for a second",
        [Table(_COLUMNS, [_row(name, found, runs["ours"]) for name, found in runs.items()]), _cpu(runs)],
        _goals(runs["ours"]),
        [
            f"Open loop over {CONNECTIONS} connections for {bench.asked.seconds:g} s: a text's time counts from the moment "
            f"it was due. Calm: {CALM:.0f} a second. Everything shares the cores: the service, its stores, the simulator "
            "with its callbacks, and the generator.",
            "Texts a minute: from the first that the simulator took to the last, the backlog after the load included.",
            "CPU is user and system time from /proc until the last text was taken. Neither the simulator nor the generator "
            "is counted in the sum.",
            f"{sending.SENDERS} long codes: no sender's own rate is in the way.",
            "**naive**: Flask and one insert, Celery's .delay(), a task per text with a Twilio client of its own, sent again "
            "after any fault. Over loopback without TLS, which would cost it a handshake a text.",
        ],
    )


_COLUMNS: Final = (
    "house", "texts", "a minute", "accepted p50 / p95 / p99 ms", "calm p50 / p95 ms", "CPU ms a text", "ours/it: a minute",
    "ours/it: CPU", "remarks",
)  # fmt: skip
_NOT_OURS: Final = ("generator", "simulator")


def _run(bench: Bench, name: str) -> Run:
    with sending.opened(bench, name) as house:
        loud, quiet = int(OFFERED * bench.asked.seconds), int(CALM * min(5.0, bench.asked.seconds))
        load = Generator(house.address, CONNECTIONS, house.texts(0, _WARM_UP + quiet + loud))
        try:
            load.paced(_WARM_UP, CALM)
            calm = load.paced(quiet, CALM)
            wait_for(lambda: len(house.taken_ns()) >= _WARM_UP + quiet, SENT_WITHIN_S)
            run = _loud(house, load, calm, loud)
        finally:
            load.close()
    print(f"  {name}: {len(run.taken_ns)} of {loud} sent, {run.a_minute:,.0f} a minute", file=sys.stderr, flush=True)
    return run


def _loud(house: Sending, load: Generator, calm: Answers, count: int) -> Run:
    before = len(house.taken_ns())
    first = machine.moment({**house.pids(), "generator": machine.own_pid()})
    answers = load.paced(count, OFFERED)
    wait_for(lambda: len(house.taken_ns()) >= before + answers.acks, SENT_WITHIN_S)
    window = machine.between(first, machine.moment({**house.pids(), "generator": machine.own_pid()}))
    return Run(calm, answers, window, house.taken_ns()[before:], count)


def _row(name: str, runs: Sequence[Run], ours: Sequence[Run]) -> list[str]:
    is_other = runs is not ours
    pairs = [*zip(ours, runs, strict=True)] if is_other else []
    return [
        name,
        f"{sum(len(run.taken_ns) for run in runs):,}",
        spread([run.a_minute for run in runs], 0),
        " / ".join(f"{middle([_took_ms(run.answers, p) for run in runs]):.1f}" for p in (50, 95, 99)),
        " / ".join(f"{middle([_took_ms(run.calm, p) for run in runs]):.1f}" for p in (50, 95)),
        spread([run.cpu_ms(*_NOT_OURS) for run in runs], 1),
        spread([one.a_minute / other.a_minute for one, other in pairs if other.a_minute], 2),
        spread([one.cpu_ms(*_NOT_OURS) / other.cpu_ms(*_NOT_OURS) for one, other in pairs if other.taken_ns], 2),
        _remarks(runs),
    ]


def _took_ms(answers: Answers, percent: float) -> float:
    return percentile(sorted(answers.took_ns), percent) / 1e6


def _remarks(runs: Sequence[Run]) -> str:
    missing = sum(run.asked - len(run.taken_ns) for run in runs)
    said = [f"{missing} not sent {SENT_WITHIN_S:.0f} s after the load"] if missing else []
    said += [f"answers {dict(run.answers.statuses)}" for run in runs if not run.answers.is_clean]
    said += ["disturbed" for run in runs if run.window.others > DISTURBED]
    return "; ".join(said)


def _cpu(runs: dict[str, list[Run]]) -> Table:
    """Where the CPU goes, program by program."""
    programs = sorted({name for found in runs.values() for name in found[0].window.by_group})
    rows = [
        [name]
        + [
            f"{middle([run.window.by_group[p] / max(1, len(run.taken_ns)) * 1e3 for run in found]):.2f}"
            if p in found[0].window.by_group
            else "-"
            for p in programs
        ]
        for name, found in runs.items()
    ]
    return Table(["CPU ms a text", *programs], rows)


def _goals(ours: Sequence[Run]) -> list[Goal]:
    a_minute = middle([run.a_minute for run in ours])
    calm = middle([_took_ms(run.calm, 95) for run in ours])
    return [
        goal(f"texts a minute: at least {A_MINUTE:,.0f}", a_minute, f"{a_minute:,.0f}", a_minute >= A_MINUTE),
        goal(f"accepted, calm: p95 at most {P95_MS:g} ms", calm, f"{calm:.1f} ms", calm <= P95_MS),
    ]
