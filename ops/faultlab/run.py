"""One run: open a house, load it, break it, let it settle, read what is there, judge."""

import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from ops.faultlab import checker, final_read, history, nemesis
from ops.faultlab.aof import AofSizes
from ops.faultlab.checker import Case, Violation
from ops.faultlab.faults.fault import Lab
from ops.faultlab.history import Try
from ops.faultlab.house import LEDGER, TEXTS, House, open_real
from ops.faultlab.latency import Mark
from ops.faultlab.naive.house import open_naive
from ops.faultlab.plan import Planned
from ops.faultlab.traffic.lives import LETTERS_A_LIFE, lives, text_out_sids
from ops.stack.child import Child
from ops.stack.service import Service

SETTLE_S = 90.0  # after the last fault: leases of 40 s and the journal's own patience lie within
SETTLE_NAIVE_S = 40.0  # its visibility timeout, and a retry
LEAD_S = 1.0  # the traffic's process starts meanwhile
IN_NETWORK = {"flood": "flood", "slow-loris": "slow-loris"}


@dataclass(frozen=True)
class Wanted:
    """What is asked of a run."""

    seed: int
    lasts_s: float
    rate: float
    schedule: Sequence[Planned]
    is_naive: bool = False


@dataclass(frozen=True)
class Result:
    """What a run has shown."""

    case: Case
    violations: list[Violation]
    marks: list[Mark]
    began_ns: int
    settled_s: float
    restarts: dict[str, int]


def run(wanted: Wanted, folder: Path, say: Callable[[str], None]) -> Result:
    """Raises house.NotReady. Whatever happens, nothing is left running."""
    opened = time.monotonic()
    house = open_naive(folder) if wanted.is_naive else open_real(folder, _text_sids(wanted, folder))
    try:
        say(f"the house is open ({time.monotonic() - opened:.0f} s)")
        return _play(wanted, house, say)
    finally:
        house.keeper.end()


def _play(wanted: Wanted, house: House, say: Callable[[str], None]) -> Result:
    lab = Lab(house, AofSizes(house.folder / "data"))
    starts_at, began_ns = time.monotonic() + LEAD_S, time.time_ns() + int(LEAD_S * 1e9)
    traffic = _start_traffic(wanted, house, starts_at)
    breaker = nemesis.Nemesis(lab, wanted.schedule, say)
    breaker.play(starts_at, lambda: not traffic.has_ended())
    if traffic.process.returncode != 0:
        raise RuntimeError(f"the traffic broke:\n{traffic.tail()}")
    calm_at = time.monotonic()
    ask = final_read.owed_by_naive(house) if wanted.is_naive else final_read.owed_by_real(house)
    owed = house.keeper.wait(ask, SETTLE_NAIVE_S if wanted.is_naive else SETTLE_S)
    settled_s = time.monotonic() - calm_at
    say(f"settled after {settled_s:.0f} s" if not owed else f"NOT settled after {settled_s:.0f} s: {owed}")
    house.wait_ready("postgres")
    found = final_read.read_naive(house, owed) if wanted.is_naive else final_read.read_real(house, owed)
    tries = history.read(_history(house)) + final_read.simulator_tries(house.simulator_history)
    case = Case(tries, found, LEDGER, TEXTS, nemesis.both_away_ns(breaker.marks))
    restarts = {name: kept.restarts for name, kept in house.keeper.kept.items() if kept.restarts}
    return Result(case, checker.violations(case), breaker.marks, began_ns, settled_s, restarts)


def _start_traffic(wanted: Wanted, house: House, starts_at: float) -> Child:
    host, _, port = house.env["TS_BIND"].partition(":")
    plan = {
        "history": str(_history(house)),
        "host": host,
        "port": int(port),
        "base_url": house.env["TS_PUBLIC_URL"],
        "auth_token": house.env["TWILIO_AUTH_TOKEN"],
        "account_sid": house.env["TWILIO_ACCOUNT_SID"],
        "seed": wanted.seed,
        "rate": wanted.rate,
        "lasts_s": wanted.lasts_s,
        "starts_at": starts_at,
        "nuisances": [
            {"name": p.name, "at_s": p.at_s, "hold_s": p.hold_s} for p in wanted.schedule if p.name in IN_NETWORK
        ],
    }
    path = house.folder / "traffic.json"
    path.write_text(json.dumps(plan), encoding="utf-8")
    house.keeper.start(Service("traffic", [sys.executable, "-m", "ops.faultlab.traffic", str(path)]))
    kept = house.keeper.kept["traffic"]
    kept.is_held = True  # it ends by itself, once
    return kept.child


def _text_sids(wanted: Wanted, folder: Path) -> list[str]:
    """Those of every life that may begin: half as many again as are expected, and some."""
    expected = math.ceil(wanted.lasts_s * wanted.rate / LETTERS_A_LIFE * 1.5) + 100
    return sorted({sid for life in islice(lives(wanted.seed, ""), expected) for sid in text_out_sids(life)})


def _history(house: House) -> Path:
    return house.folder / "history.jsonl"


def evidence(result: Result, tries: Sequence[Try]) -> dict[str, object]:
    """What differs, in full: the broken promises, every try at the keys they are about, and what was stored of them."""
    keys = {broken.about for broken in result.violations}
    found = result.case.found
    return {
        "violations": [asdict(broken) for broken in result.violations],
        "tries": [asdict(entry) for entry in tries if entry.key in keys],
        "rows": [asdict(row) for row in found.rows if row.key in keys],
        "set_aside": [asdict(record) for record in found.set_aside],
        "notices": [asdict(n) for n in found.notices or () if any(n.sid and n.sid in about for about in keys)],
    }
