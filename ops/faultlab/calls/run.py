"""One run: open a house, have people call, break it, let it settle, compare what Twilio saw with what we made of it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.faultlab import bout, final_read, twilio
from ops.faultlab.bout import Bout, Load, Settling
from ops.faultlab.calls import judge, read, weather
from ops.faultlab.calls.house import Calling, open_calling, open_naive
from ops.faultlab.calls.lives import Life, lives
from ops.faultlab.calls.plan import Wanted
from ops.faultlab.calls.told import Case
from ops.faultlab.checker import Violation
from ops.faultlab.latency import RECOVERY_S, Mark

# The lease of a worker that was killed at the end (40 s), and a minute in which a call's last webhook may come.
SETTLED_WITHIN_S: Final = 150.0
SETTLE_NAIVE_S: Final = 60.0  # its visibility timeout, and retries


@dataclass(frozen=True)
class Result:
    """What a run has shown."""

    case: Case
    lives: Sequence[Life]
    violations: list[Violation]
    marks: Sequence[Mark]
    settled_s: float
    restarts: Mapping[str, int]


def run(wanted: Wanted, folder: Path, say: Callable[[str], None]) -> Result:
    """Raises house.NotReady. Whatever happens, nothing is left running."""
    begun = lives(wanted.seed, wanted.calls, wanted.lasts_s, with_slow=wanted.with_slow)
    opened = time.monotonic()
    calling = (open_naive if wanted.is_naive else open_calling)(folder, begun)
    try:
        say(f"the house is open ({time.monotonic() - opened:.0f} s)")
        return _play(wanted, calling, begun, say)
    finally:
        calling.house.keeper.end()


def _play(wanted: Wanted, calling: Calling, begun: Sequence[Life], say: Callable[[str], None]) -> Result:
    house, at = calling.house, calling.house.env["TS_SIMULATOR_URL"]
    weather.begin(at, wanted.seed, with_slow=wanted.with_slow)
    ask = final_read.owed_by_naive(house) if calling.is_naive else final_read.owed_by_real(house)
    settling = Settling(read.owed(house, ask), SETTLE_NAIVE_S if calling.is_naive else SETTLED_WITHIN_S)
    went = bout.fight(house, _load(wanted, calling), wanted.schedule, settling, say, calmed=lambda: twilio.heal(at))
    case = _case(calling, went)
    return Result(case, begun, judge.violations(case, begun), went.marks, went.settled_s, went.restarts)


def _case(calling: Calling, went: Bout) -> Case:
    house = calling.house
    rang, wished = read.witnessed(_history(calling))
    return Case(
        rang=rang,
        wished=wished,
        posted=read.posted(house.simulator_history),
        lines=read.lines(house),
        texts=read.texts(house),
        asked=read.asked(house),
        dialled=read.dialled(house),
        books=None if calling.is_naive else read.books(house),
        broken_s=[(mark.begin_ns / 1e9, mark.end_ns / 1e9 + RECOVERY_S) for mark in went.marks],
        owed=went.owed,
    )


def _load(wanted: Wanted, calling: Calling) -> Load:
    env = calling.house.env
    plan = {
        "history": str(_history(calling)),
        "url": env["TS_URL"],
        "simulator_url": env["TS_SIMULATOR_URL"],
        "api_key": calling.api_key,
        "seed": wanted.seed,
        "calls": wanted.calls,
        "lasts_s": wanted.lasts_s,
        "with_slow": wanted.with_slow,
        "is_naive": wanted.is_naive,
    }
    return Load("callers", "ops.faultlab.calls.caller", plan)


def _history(calling: Calling) -> Path:
    return calling.house.folder / "called.jsonl"
