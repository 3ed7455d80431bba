"""One run: open a house, load it, break it, let it settle, read what is there, judge."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from ops.faultlab import bout, checker, final_read, history, nemesis
from ops.faultlab.bout import Load, Settling
from ops.faultlab.checker import Case, Violation
from ops.faultlab.history import Try
from ops.faultlab.house import LEDGER, TEXTS, House, open_real
from ops.faultlab.latency import Mark
from ops.faultlab.naive.house import open_naive
from ops.faultlab.plan import Planned
from ops.faultlab.traffic.lives import LETTERS_A_LIFE, lives, text_out_sids

SETTLE_S = 90.0  # after the last fault: leases of 40 s and the journal's own patience lie within
SETTLE_NAIVE_S = 40.0  # its visibility timeout, and a retry
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
    marks: Sequence[Mark]
    began_ns: int
    settled_s: float
    restarts: Mapping[str, int]


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
    ask = final_read.owed_by_naive(house) if wanted.is_naive else final_read.owed_by_real(house)
    settling = Settling(ask, SETTLE_NAIVE_S if wanted.is_naive else SETTLE_S)
    went = bout.fight(house, _load(wanted, house), wanted.schedule, settling, say)
    found = final_read.read_naive(house, went.owed) if wanted.is_naive else final_read.read_real(house, went.owed)
    tries = history.read(_history(house)) + final_read.simulator_tries(house.simulator_history)
    case = Case(tries, found, LEDGER, TEXTS, nemesis.both_away_ns(went.marks))
    return Result(case, checker.violations(case), went.marks, went.began_ns, went.settled_s, went.restarts)


def _load(wanted: Wanted, house: House) -> Load:
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
        "nuisances": [
            {"name": p.name, "at_s": p.at_s, "hold_s": p.hold_s} for p in wanted.schedule if p.name in IN_NETWORK
        ],
    }
    return Load("traffic", "ops.faultlab.traffic", plan)


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
