"""What a run of recordings says to people and to machines."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ops.faultlab.recordings.plan import Wanted
from ops.faultlab.recordings.run import Result
from ops.faultlab.report import verdict


def lines(result: Result) -> Iterator[str]:
    """The report, without the command that replays it."""
    yield ""
    yield ", ".join(f"{count} {what}" for what, count in counts(result).items())
    for state, count in _states(result).most_common():
        yield f"  {count:6} {state}"
    broken = Counter(mark.name for mark in result.marks)
    yield "broken: " + ", ".join(f"{name} {count}x" for name, count in broken.most_common())
    if result.restarts:
        yield "started again: " + ", ".join(f"{name} {count}x" for name, count in sorted(result.restarts.items()))
    yield from verdict(result.violations)


def _states(result: Result) -> Counter[str]:
    return Counter(f"{row.state}{f', {row.damage}' if row.damage else ''}" for row in result.case.kept)


def counts(result: Result) -> dict[str, int]:
    """How much of what there was."""
    case = result.case
    wished = Counter((one.what, one.outcome) for one in case.wished)
    return {
        "recordings": len(case.made),
        "listeners": len(case.heard),
        "of them heard all they asked for": sum(one.is_whole for one in case.heard),
        "were broken off": sum(one.status in (200, 206) and not one.is_whole for one in case.heard),
        "deletions": wished["delete", "ok"],
        "deletions refused": wished["delete", "no"],
        "holds": wished["hold", "ok"],
        "damaged": len(case.planted),
        "found by verify": len(result.found.damaged),
        "copies beyond the first": sum(row.copy - 1 for row in case.kept),
        "left Twilio": sum(bool(one.deleted_ns) for one in case.made),
        "heard of by Twilio's list only": result.found.reconciled,
    }


def document(wanted: Wanted, result: Result) -> dict[str, Any]:
    """For --json."""
    return {
        "ok": not result.violations,
        "seed": wanted.seed,
        "schedule": [asdict(planned) for planned in wanted.schedule],
        "counts": counts(result),
        "states": dict(_states(result)),
        "violations": [asdict(broken) for broken in result.violations],
        "settled_s": round(result.settled_s, 1),
    }


def evidence(result: Result) -> dict[str, object]:
    """What differs, in full: the broken promises, and what each side has of the recordings they are about."""
    about = " ".join(broken.about for broken in result.violations)
    case = result.case
    return {
        "violations": [asdict(broken) for broken in result.violations],
        "brought": [asdict(one) for one in case.brought if one.sid in about],
        "wished": [asdict(one) for one in case.wished if one.about in about],
        "planted": [asdict(one) for one in case.planted if one.damaged in about],
        "heard": [asdict(one) for one in case.heard if one.heard in about],
        "made": [asdict(one) for one in case.made if one.sid in about],
        "kept": [asdict(row) for row in case.kept if row.sid in about],
        "lying": [
            asdict(one) for one in case.lying if any(row.sid in one.key for row in case.kept if row.sid in about)
        ],
        "deletions": [asdict(one) for one in case.deletions if one.sid in about],
        "notices": [asdict(one) for one in case.notices if one.sid in about],
    }
