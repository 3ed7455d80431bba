"""What a run of calls says to people and to machines."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ops.faultlab.calls import judge
from ops.faultlab.calls.plan import Wanted
from ops.faultlab.calls.run import Result
from ops.faultlab.report import verdict


def lines(result: Result) -> Iterator[str]:
    """The report, without the command that replays it."""
    yield ""
    yield ", ".join(f"{count} {what}" for what, count in counts(result).items())
    if result.case.books is not None:
        for word, count in _decisions(result).most_common():
            yield f"  {count:6} {word}"
    broken = Counter(mark.name for mark in result.marks)
    yield "broken: " + ", ".join(f"{name} {count}x" for name, count in broken.most_common())
    if result.restarts:
        yield "started again: " + ", ".join(f"{name} {count}x" for name, count in sorted(result.restarts.items()))
    yield from verdict(result.violations)


def _decisions(result: Result) -> Counter[str]:
    calls = result.case.books.calls if result.case.books else {}
    found = [calls.get(rang.sid) for rang in result.case.rang]
    return Counter(
        f"{kept.decision}{f', text {kept.text_back}' if kept.text_back else ''}" if kept else "unknown to us"
        for kept in found
    )


def counts(result: Result) -> dict[str, int]:
    """How much of what there was."""
    case = result.case
    told = Counter((one.sid, one.what) for one in case.asked if one.is_taken)
    return {
        "calls came in": len(case.rang),
        "judged without excuse": judge.in_full(case, result.lives),
        "webhooks": len(case.posted),
        "of them without an answer": sum(not one.is_acked for one in case.posted),
        "texts": len(case.texts),
        "told as-call-service": len(told),
        "of them again": sum(count > 1 for count in told.values()),
        "wishes": len(case.wished),
        "calls to place": sum(wish.what == "place" for wish in case.wished),
        "placed at Twilio": len(case.dialled),
        "of them twice": sum(count > 1 for count in Counter(one.call_id for one in case.dialled).values()),
    }


def document(wanted: Wanted, result: Result) -> dict[str, Any]:
    """For --json."""
    return {
        "ok": not result.violations,
        "seed": wanted.seed,
        "schedule": [asdict(planned) for planned in wanted.schedule],
        "counts": counts(result),
        "decisions": dict(_decisions(result)),
        "violations": [asdict(broken) for broken in result.violations],
        "settled_s": round(result.settled_s, 1),
    }


def evidence(result: Result) -> dict[str, object]:
    """What differs, in full: the broken promises, and what each side has of what they are about."""
    about = {word for broken in result.violations for word in broken.about.split()}
    case, books = result.case, result.case.books
    lines = {sid: line for sid, line in case.lines.items() if about & {sid, *(leg.sid for leg in line.legs)}}
    sids = about | {sid for line in lines.values() for sid in (line.sid, *(leg.sid for leg in line.legs))}
    return {
        "violations": [asdict(broken) for broken in result.violations],
        "lines": [asdict(line) for line in lines.values()],
        "posted": [asdict(one) for one in case.posted if one.sid in sids],
        "asked": [asdict(one) for one in case.asked if one.sid in sids],
        "wished": [asdict(one) for one in case.wished if about & {one.about, one.id}],
        "dialled": [asdict(one) for one in case.dialled if about & {one.call_id, one.sid, one.to}],
        "calls": [asdict(kept) for sid, kept in books.calls.items() if sid in sids] if books else [],
        "steps": [asdict(step) for step in sorted(books.steps, key=str) if step.sid in sids] if books else [],
        "placed": [asdict(row) for row in books.placed if about & {row.id, row.to}] if books else [],
    }
