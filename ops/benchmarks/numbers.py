"""Percentiles and medians, said in one way everywhere."""

from collections.abc import Sequence
from statistics import median


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The value that `percent` of all do not exceed (nearest rank). `ordered` rises; 0.0 when it is empty."""
    if not ordered:
        return 0.0
    rank = -(-len(ordered) * percent // 100)
    return ordered[min(len(ordered), max(1, int(rank))) - 1]


def latencies_ms(took_ns: Sequence[int]) -> tuple[float, float, float, float]:
    """p50, p99, p99.9 and the longest, in ms."""
    ordered = sorted(took_ns)
    p50, p99, p999 = (percentile(ordered, percent) / 1e6 for percent in (50, 99, 99.9))
    return p50, p99, p999, (ordered[-1] / 1e6 if ordered else 0.0)


def spread(values: Sequence[float], digits: int = 1) -> str:
    """`median (least-most)`, or the value alone when there is one."""
    if not values:
        return "-"
    if len(values) == 1:
        return f"{values[0]:,.{digits}f}"
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"
