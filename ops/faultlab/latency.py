"""How long acknowledgements took: in every second, in every fault, and in the seconds without any."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ops.faultlab.history import Try

RECOVERY_S = 3.0  # a fault counts for so long after it has healed: processes are starting again


@dataclass(frozen=True)
class Mark:
    """One fault as it happened, by time.time_ns()."""

    name: str
    begin_ns: int
    end_ns: int


@dataclass(frozen=True)
class Figures:
    """Milliseconds of complete answers below 500; `refused` counts 5xx, `unanswered` what got no whole answer."""

    count: int
    refused: int
    unanswered: int
    p50_ms: float
    p99_ms: float
    max_ms: float


def figures(tries: Iterable[Try]) -> Figures:
    """Over all of `tries`, forged ones too: they are answered on the same threads."""
    asked = list(tries)
    took = sorted(t.took_ms for t in asked if t.outcome != "info")
    return Figures(
        len(asked),
        sum(t.http_status is not None and t.http_status >= 500 for t in asked),
        sum(t.http_status is None for t in asked),
        *(round(_quantile(took, share), 1) for share in (0.5, 0.99, 1.0)),
    )


def in_window(tries: Iterable[Try], begin_ns: int, end_ns: int) -> list[Try]:
    return [t for t in tries if begin_ns <= t.sent_ns < end_ns]


def calm(tries: Sequence[Try], marks: Sequence[Mark]) -> list[Try]:
    """Those that were sent while nothing was broken or recovering."""
    windows = [(mark.begin_ns - int(1e9), mark.end_ns + int(RECOVERY_S * 1e9)) for mark in marks]
    return [t for t in tries if not any(begin <= t.sent_ns <= end for begin, end in windows)]


def by_second(tries: Sequence[Try], marks: Sequence[Mark], began_ns: int) -> list[tuple[int, Figures, list[str]]]:
    """(second of the run, its figures, the faults of it)."""
    seconds: dict[int, list[Try]] = defaultdict(list)
    for entry in tries:
        seconds[(entry.sent_ns - began_ns) // 10**9].append(entry)
    return [(second, figures(found), _faults_of(second, marks, began_ns)) for second, found in sorted(seconds.items())]


def _faults_of(second: int, marks: Sequence[Mark], began_ns: int) -> list[str]:
    begin, end = began_ns + second * 10**9, began_ns + (second + 1) * 10**9
    return [mark.name for mark in marks if mark.begin_ns < end and mark.end_ns >= begin]


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
