"""How long does an answer take at a given rate, whether or not the server keeps up?"""

from dataclasses import dataclass
from typing import Final

from ops.benchmarks import subjects
from ops.benchmarks.field import Bench
from ops.benchmarks.report import Section, Table, goal
from ops.benchmarks.rounds import middle, values
from ops.benchmarks.scenarios.ack import CONNECTIONS, columns, p99_ms
from ops.benchmarks.subjects import Subject
from ops.benchmarks.trial import Trial, measured

GOAL_RATE: Final = 500.0
P99_MS: Final = 5.0


@dataclass(frozen=True)
class Case:
    """One subject at one rate."""

    subject: Subject
    rate: float


_NAIVE_AT_500: Final = Case(subjects.NAIVE, GOAL_RATE)
OURS_AT_500: Final = Case(subjects.OURS, GOAL_RATE)
CASES: Final = (
    Case(subjects.OURS, 100.0), OURS_AT_500, Case(subjects.OURS, 2_000.0), Case(subjects.OURS, 5_000.0),
    Case(subjects.NAIVE, 100.0), _NAIVE_AT_500,
)  # fmt: skip
QUICK: Final = (OURS_AT_500, _NAIVE_AT_500)


def measure(bench: Bench) -> Section:
    """Every rate with a fresh server, over 32 connections."""
    cases = QUICK if bench.asked.quick else CASES
    trials: dict[Case, list[Trial]] = {case: [] for case in cases}
    for number in range(bench.asked.rounds):
        for case in cases if number % 2 == 0 else reversed(cases):
            trials[case].append(_run(bench, case))
    p99 = p99_ms(trials[OURS_AT_500])
    return Section(
        "open",
        "Open loop: time to the answer at a given rate",
        [Table(_COLUMNS, [_row(case, found) for case, found in trials.items()])],
        [goal(f"{GOAL_RATE:.0f}/s: p99 at most {P99_MS:g} ms", p99, f"{p99:.1f} ms", p99 <= P99_MS)],
        ["Counted from the moment a webhook was due, over 32 connections. CPU is the app's and Redis's per ack."],
    )


_COLUMNS: Final = (
    "subject", "rate/s", "answered/s", "CPU us", "n", "p50 ms", "p99 ms", "p99.9 ms", "longest ms", "remarks",
)  # fmt: skip


def _run(bench: Bench, case: Case) -> Trial:
    count = int(case.rate * bench.asked.seconds)
    return measured(bench, case.subject, lambda load: load.paced(count, case.rate), connections=CONNECTIONS)


def _row(case: Case, trials: list[Trial]) -> list[str]:
    return [
        case.subject.name,
        f"{case.rate:,.0f}",
        f"{middle(values(trials, lambda trial: trial.answers.rate)):,.0f}",
        f"{middle(values(trials, lambda trial: trial.cpu_us('subject', 'redis'))):.0f}",
        *columns(trials),
    ]
