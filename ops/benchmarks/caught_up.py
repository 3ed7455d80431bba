"""Whether a subscriber has had everything, once, in order: by its own notes alone."""

import json
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass

from ops.benchmarks.subscriber import TOLD, Note


@dataclass(frozen=True)
class Account:
    """`lost`: promised and never told; `doubled`: ids told more than once; `strange`: told and never promised.

    `disordered`: told after a later one of its key, the first time that each came.
    """

    told: int
    lost: int
    doubled: int
    strange: int
    disordered: int
    refused: int
    elapsed_s: float
    """Between the first that was taken and the last."""


def account(notes: Sequence[Note], promised: Set[str]) -> Account:
    """What these notes say of what was promised; the data of each has its `key` and its `nth` there."""
    taken = [note for note in notes if note.status == TOLD]
    times = Counter(note.id for note in taken)
    return Account(
        told=len(times),
        lost=len(promised - times.keys()),
        doubled=sum(1 for count in times.values() if count > 1),
        strange=len(times.keys() - promised),
        disordered=_disordered(taken),
        refused=len(notes) - len(taken),
        elapsed_s=(taken[-1].at_ns - taken[0].at_ns) / 1e9 if taken else 0.0,
    )


def _disordered(taken: Sequence[Note]) -> int:
    """Of each key every one must be the next."""
    found, latest, seen = 0, {}, set[str]()
    for note in taken:
        if note.id in seen:
            continue
        seen.add(note.id)
        data = json.loads(note.body)["data"]
        found += data["nth"] < latest.get(data["key"], -1)
        latest[data["key"]] = max(data["nth"], latest.get(data["key"], -1))
    return found
