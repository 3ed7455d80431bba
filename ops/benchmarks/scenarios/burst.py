"""A thousand webhooks within a tenth of a second: a hundred calls that all change at once."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

from ops.benchmarks import subjects
from ops.benchmarks.field import Bench
from ops.benchmarks.load import Answers, Generator
from ops.benchmarks.numbers import latencies_ms, spread
from ops.benchmarks.report import Section, Table, goal
from ops.benchmarks.rounds import accepted, interleaved, middle, remarks
from ops.benchmarks.subjects import Subject
from ops.benchmarks.trial import Trial, measured

COUNT: Final = 1_000
WITHIN_S: Final = 0.1
CONNECTIONS: Final = 64
BURSTS: Final = 3  # in each run
PAUSE_S: Final = 0.5
P99_MS: Final = 15.0


def measure(bench: Bench) -> Section:
    """Three bursts a run over 64 kept connections."""
    chosen = [subjects.OURS, subjects.NAIVE]
    trials = interleaved(chosen, bench.asked.rounds, lambda subject: _run(bench, subject))
    ours = middle([ms[1] for ms in _bursts(trials[subjects.OURS.name])])
    return Section(
        "burst",
        "A burst: 1,000 webhooks in 100 ms over 64 connections",
        [Table(_COLUMNS, [_row(subject, trials[subject.name]) for subject in chosen])],
        [goal(f"p99 of the ack at most {P99_MS:g} ms", ours, f"{ours:.1f} ms", ours <= P99_MS)],
        ["Counted from the moment a webhook was due; one every 0.1 ms. Median (least-most) of all bursts."],
    )


_COLUMNS: Final = ("subject", "bursts", "p50 ms", "p99 ms", "longest ms", "remarks")


def _run(bench: Bench, subject: Subject) -> Trial:
    return measured(bench, subject, _load, connections=CONNECTIONS)


def _load(generator: Generator) -> Answers:
    together = Answers(statuses=Counter())
    for _ in range(BURSTS):
        found = generator.paced(COUNT, COUNT / WITHIN_S)
        together.statuses += found.statuses
        together.took_ns += found.took_ns
        together.elapsed_s += found.elapsed_s
        together.cpu_s += found.cpu_s
        time.sleep(PAUSE_S)
    return together


def _bursts(trials: Sequence[Trial]) -> list[tuple[float, float, float, float]]:
    """p50, p99, p99.9 and longest of every burst."""
    all_took = [trial.answers.took_ns for trial in accepted(trials)]
    return [latencies_ms(took[at : at + COUNT]) for took in all_took for at in range(0, len(took), COUNT)]


def _row(subject: Subject, trials: Sequence[Trial]) -> list[str]:
    each = _bursts(trials)
    figures = (spread([ms[column] for ms in each]) for column in (0, 1, 3))
    return [subject.name, str(len(each)), *figures, remarks(trials)]
