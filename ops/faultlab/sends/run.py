"""One run: open a house, ask for texts, break it, let it settle, compare the simulator's ledger with our database."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.faultlab import nemesis
from ops.faultlab.aof import AofSizes
from ops.faultlab.checker import Violation
from ops.faultlab.faults import ALL
from ops.faultlab.faults.fault import Lab
from ops.faultlab.latency import Mark
from ops.faultlab.sends import asks, judge, read, weather
from ops.faultlab.sends.house import Sending, open_naive, open_sending
from ops.faultlab.sends.plan import Wanted
from ops.faultlab.sends.told import Case
from ops.stack.child import Child
from ops.stack.service import Service

LEAD_S = 1.0  # the asking process starts meanwhile
# After the load: the lease of a worker that was killed at the end (40 s), then the settling of what it had in hand, its
# backoff, and the queue of the slowest sender.
SETTLED_WITHIN_S = 180.0
SETTLE_NAIVE_S = 60.0  # its visibility timeout, and retries


@dataclass(frozen=True)
class Result:
    """What a run has shown."""

    case: Case
    violations: list[Violation]
    marks: list[Mark]
    settled_s: float
    restarts: dict[str, int]


def run(wanted: Wanted, folder: Path, say: Callable[[str], None]) -> Result:
    """Raises house.NotReady. Whatever happens, nothing is left running."""
    load = asks.load(wanted.seed, wanted.texts, wanted.lasts_s)
    opened = time.monotonic()
    sending = (open_naive if wanted.is_naive else open_sending)(folder, load.senders)
    try:
        say(f"the house is open ({time.monotonic() - opened:.0f} s)")
        return _play(wanted, sending, say)
    finally:
        sending.house.keeper.end()


def _play(wanted: Wanted, sending: Sending, say: Callable[[str], None]) -> Result:
    house = sending.house
    starts_at = time.monotonic() + LEAD_S
    weather.begin(house.env["TS_SIMULATOR_URL"], wanted.seed)
    asking = _start_asking(wanted, sending, starts_at)
    breaker = nemesis.Nemesis(Lab(house, AofSizes(house.folder / "data")), wanted.schedule, say)
    breaker.play(starts_at, lambda: not asking.has_ended())
    if asking.process.returncode != 0:
        raise RuntimeError(f"the asking process broke:\n{asking.tail()}")
    weather.clear(house.env["TS_SIMULATOR_URL"])
    calm_at = time.monotonic()
    ask, limit_s = (read.owed_by_naive, SETTLE_NAIVE_S) if sending.is_naive else (read.owed, SETTLED_WITHIN_S)
    owed = house.keeper.wait(ask(house), limit_s)
    settled_s = time.monotonic() - calm_at
    say(f"settled after {settled_s:.0f} s" if not owed else f"NOT settled after {settled_s:.0f} s: {owed}")
    house.wait_ready("postgres")
    case = _case(wanted, sending, owed, breaker.marks)
    restarts = {name: kept.restarts for name, kept in house.keeper.kept.items() if kept.restarts}
    return Result(case, judge.violations(case), breaker.marks, settled_s, restarts)


def _case(wanted: Wanted, sending: Sending, owed: str, marks: Sequence[Mark]) -> Case:
    asked, stops = read.witnessed(_history(sending))
    rates = {sender.number: sender.rate for sender in asks.load(wanted.seed, wanted.texts, wanted.lasts_s).senders}
    texts = read.texts(sending.house, read.NAIVE if sending.is_naive else read.OURS)
    forgotten_ns = [mark.begin_ns for mark in marks if ALL[mark.name].forgets]
    known = stops if sending.is_naive else read.known(sending.house, stops)
    return Case(asked, texts, read.ledger(sending.house), known, rates, owed, forgotten_ns)


def _start_asking(wanted: Wanted, sending: Sending, starts_at: float) -> Child:
    house, env = sending.house, sending.house.env
    plan = {
        "history": str(_history(sending)),
        "url": env["TS_URL"],
        "simulator_url": env["TS_SIMULATOR_URL"],
        "redis_url": env["TS_REDIS_URL"],
        "account_sid": env["TWILIO_ACCOUNT_SID"],
        "api_key": sending.api_key,
        "seed": wanted.seed,
        "texts": wanted.texts,
        "lasts_s": wanted.lasts_s,
        "starts_at": starts_at,
        "is_naive": wanted.is_naive,
    }
    path = house.folder / "asker.json"
    path.touch(mode=0o600)  # it holds a key
    path.write_text(json.dumps(plan), encoding="utf-8")
    house.keeper.start(Service("asker", [sys.executable, "-m", "ops.faultlab.sends.asker", str(path)]))
    kept = house.keeper.kept["asker"]
    kept.is_held = True  # it ends by itself, once
    return kept.child


def _history(sending: Sending) -> Path:
    return sending.house.folder / "asked.jsonl"
