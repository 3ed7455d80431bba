"""Rounds: every subject once in each, forwards and backwards in turn, so that a drift of the machine meets all alike."""

import sys
from collections.abc import Callable, Sequence
from statistics import median

from ops.benchmarks.subjects import Subject
from ops.benchmarks.trial import Trial

Trials = dict[str, list[Trial]]
"""By subject, one a round, accepted or not."""


def interleaved(subjects: Sequence[Subject], rounds: int, run: Callable[[Subject], Trial]) -> Trials:
    """A B C … C B A A B C …, `rounds` times through."""
    trials: Trials = {subject.name: [] for subject in subjects}
    for number in range(rounds):
        print(f" round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for subject in subjects if number % 2 == 0 else reversed(subjects):
            trials[subject.name].append(run(subject))
    return trials


def accepted(trials: Sequence[Trial]) -> list[Trial]:
    """Those that count."""
    return [trial for trial in trials if not trial.fault]


def values(trials: Sequence[Trial], of: Callable[[Trial], float]) -> list[float]:
    """One figure of every accepted run."""
    return [of(trial) for trial in accepted(trials)]


def ratios(ours: Sequence[Trial], theirs: Sequence[Trial], of: Callable[[Trial], float]) -> list[float]:
    """ours/theirs, round by round: both of a round saw nearly the same machine."""
    pairs = zip(ours, theirs, strict=True)
    return [of(a) / of(b) for a, b in pairs if not a.fault and not b.fault and of(b)]


def middle(found: Sequence[float]) -> float:
    """The median; 0.0 of nothing."""
    return median(found) if found else 0.0


def remarks(trials: Sequence[Trial]) -> str:
    """How many runs do not count or were disturbed, and why; empty when all is well."""
    refused = [trial for trial in trials if trial.fault]
    disturbed = sum(trial.is_disturbed for trial in accepted(trials))
    said = [f"{len(refused)} of {len(trials)} not accepted ({refused[0].fault[:120]})"] if refused else []
    said += [f"{disturbed} of {len(trials)} disturbed"] if disturbed else []
    behind = sum(trial.behind for trial in trials)
    return "; ".join([*said, *([f"{behind} were in the journal only until the drainer came"] if behind else [])])
