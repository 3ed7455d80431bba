"""What a run of sending says to people and to machines."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ops.faultlab.report import verdict
from ops.faultlab.sends import judge
from ops.faultlab.sends.plan import Wanted
from ops.faultlab.sends.run import Result


def lines(result: Result) -> Iterator[str]:
    """The report, without the command that replays it."""
    yield ""
    yield ", ".join(f"{count} {what}" for what, count in counts(result).items())
    for end, count in judge.ends(result.case).most_common():
        yield f"  {count:6} {end}"
    broken = Counter(mark.name for mark in result.marks)
    yield "broken: " + ", ".join(f"{name} {count}x" for name, count in broken.most_common())
    if result.restarts:
        yield "started again: " + ", ".join(f"{name} {count}x" for name, count in sorted(result.restarts.items()))
    yield from verdict(result.violations)


def counts(result: Result) -> dict[str, int]:
    """How much of what there was."""
    case, outcomes = result.case, Counter(asked.outcome for asked in result.case.asked)
    taken = Counter(entry.message_id for entry in case.ledger)
    return {
        "asked for": len(case.asked),
        "accepted": outcomes["ok"],
        "refused": outcomes["no"],
        "uncertain": outcomes["perhaps"],
        "texts": len(case.texts),
        "at Twilio": len(case.ledger),
        "of them twice": sum(count > 1 for count in taken.values()),
        "of them without an answer": sum(not entry.is_answered for entry in case.ledger),
        "of the queue forgotten by Redis": sum(map(case.is_excused, case.asked)),
        "STOPs": len(case.stops),
    }


def document(wanted: Wanted, result: Result) -> dict[str, Any]:
    """For --json."""
    return {
        "ok": not result.violations,
        "seed": wanted.seed,
        "schedule": [asdict(planned) for planned in wanted.schedule],
        "counts": counts(result),
        "ends": dict(judge.ends(result.case)),
        "violations": [asdict(broken) for broken in result.violations],
        "settled_s": round(result.settled_s, 1),
    }


def evidence(result: Result) -> dict[str, object]:
    """What differs, in full: the broken promises, and what each side has of what they are about."""
    about = {broken.about for broken in result.violations}
    case = result.case
    texts = [text for text in case.texts if about & {text.id, text.key}]
    keys, ids = {text.key for text in texts} | about, {text.id for text in texts} | about
    return {
        "violations": [asdict(broken) for broken in result.violations],
        "asked": [asdict(asked) for asked in case.asked if asked.key in keys],
        "texts": [asdict(text) for text in texts],
        "ledger": [asdict(taken) for taken in case.ledger if about & {taken.message_id, taken.sid, taken.sender}
                   or taken.message_id in ids],
        "stops": [asdict(stop) for stop in case.stops],
    }  # fmt: skip
