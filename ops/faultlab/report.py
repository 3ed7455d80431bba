"""What a run says to people and to machines."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ops.faultlab import latency
from ops.faultlab.checker import Violation, decided_early
from ops.faultlab.latency import Figures
from ops.faultlab.run import Result, Wanted

SHOWN = 8  # broken promises of each rule; all of them are in the folder


def lines(wanted: Wanted, result: Result) -> Iterator[str]:
    """The report of a run, without the command that replays it."""
    case = result.case
    yield ""
    yield "fault                   from s    for s  acked  refused  no answer   p50 ms   p99 ms   max ms"
    for mark in sorted(result.marks, key=lambda mark: mark.begin_ns):
        hit = latency.in_window(case.tries, mark.begin_ns, mark.end_ns + int(latency.RECOVERY_S * 1e9))
        from_s, for_s = (mark.begin_ns - result.began_ns) / 1e9, (mark.end_ns - mark.begin_ns) / 1e9
        yield f"{mark.name:<22} {from_s:7.1f}  {for_s:7.1f}  {_figures(latency.figures(hit))}"
    yield f"{'no fault':<39} {_figures(latency.figures(latency.calm(case.tries, result.marks)))}"
    yield f"{'all':<39} {_figures(latency.figures(case.tries))}"
    yield ""
    yield ", ".join(f"{count} {what}" for what, count in counts(result).items())
    if result.restarts:
        yield "started again: " + ", ".join(f"{name} {count}x" for name, count in sorted(result.restarts.items()))
    yield from verdict(result.violations)


def counts(result: Result) -> dict[str, int]:
    """How much of what there was."""
    case = result.case
    outcomes = Counter(entry.outcome for entry in case.tries)
    excused = {t.key for t in case.tries if t.outcome == "ok" and case.is_excused(t)}
    return {
        "tries": len(case.tries),
        "acknowledged": outcomes["ok"],
        "refused with 4xx": outcomes["fail"],
        "uncertain": outcomes["info"],
        "events promised": len({t.key for t in case.promised()}),
        "rows": len(case.found.rows),
        "set aside": len(case.found.set_aside),
        "notices": len(case.found.notices or ()),
        "answered for the caller's sake only": len(excused - {row.key for row in case.found.rows}),
        "calls decided early": decided_early(case),
    }


def document(wanted: Wanted, result: Result) -> dict[str, Any]:
    """For --json."""
    seconds = latency.by_second(result.case.tries, result.marks, result.began_ns)
    return {
        "ok": not result.violations,
        "seed": wanted.seed,
        "naive": wanted.is_naive,
        "schedule": [asdict(planned) for planned in wanted.schedule],
        "counts": counts(result),
        "violations": [asdict(broken) for broken in result.violations],
        "settled_s": round(result.settled_s, 1),
        "calm": asdict(latency.figures(latency.calm(result.case.tries, result.marks))),
        "seconds": [{"second": second, **asdict(found), "faults": faults} for second, found, faults in seconds],
    }


def _figures(f: Figures) -> str:
    acked = f.count - f.refused - f.unanswered
    return f"{acked:5}  {f.refused:7}  {f.unanswered:9}  {f.p50_ms:7.1f}  {f.p99_ms:7.1f}  {f.max_ms:7.1f}"


def verdict(violations: Sequence[Violation]) -> Iterator[str]:
    """Passed, or what was broken, by rule."""
    if not violations:
        yield "PASSED: every promise was kept"
        return
    of_rule = Counter(broken.rule for broken in violations)
    yield f"FAILED: {len(violations)} broken promises"
    for rule, count in sorted(of_rule.items()):
        shown = [broken for broken in violations if broken.rule == rule][:SHOWN]
        for broken in shown:
            yield f"  rule {rule}: {broken.about}: {broken.what}"
        if count > SHOWN:
            yield f"  rule {rule}: and {count - SHOWN} more"
