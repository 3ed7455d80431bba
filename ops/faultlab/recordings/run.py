"""One run: open a house, have recordings made and heard, break it, let it settle, mend it, account for every byte."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.faultlab import bout
from ops.faultlab.bout import Load, Settling
from ops.faultlab.checker import Violation
from ops.faultlab.final_read import owed_by_real
from ops.faultlab.history import Writer
from ops.faultlab.latency import Mark
from ops.faultlab.recordings import after, judge, people, read, waits, weather
from ops.faultlab.recordings.faults import ALL
from ops.faultlab.recordings.house import Keeping, open_keeping
from ops.faultlab.recordings.plan import Wanted
from ops.faultlab.recordings.told import Brought, Case

# After the load: what was claimed of the inbox by a worker that was killed is claimed again 40 s later.
SETTLED_WITHIN_S: Final = 120.0


@dataclass(frozen=True)
class Result:
    """What a run has shown."""

    case: Case
    found: after.Found
    violations: list[Violation]
    marks: Sequence[Mark]
    settled_s: float
    restarts: Mapping[str, int]


def run(wanted: Wanted, folder: Path, say: Callable[[str], None]) -> Result:
    """Raises house.NotReady. Whatever happens, nothing is left running."""
    opened = time.monotonic()
    keeping = open_keeping(folder, wanted.seed)
    try:
        say(f"the house is open ({time.monotonic() - opened:.0f} s)")
        return _play(wanted, keeping, say)
    finally:
        keeping.house.keeper.end()


def _play(wanted: Wanted, keeping: Keeping, say: Callable[[str], None]) -> Result:
    house = keeping.house
    weather.begin(house.env["TS_SIMULATOR_URL"], wanted.seed, is_calm=wanted.is_calm)
    ask = waits.hurrying(house, owed_by_real(house))
    went = bout.fight(
        house, _load(wanted, keeping), wanted.schedule, Settling(ask, SETTLED_WITHIN_S), say,
        calmed=lambda: after.calm(keeping), faults=ALL,
    )  # fmt: skip
    writer = Writer(_history(keeping))
    found = after.mend(keeping, ask, writer.add)
    writer.close()
    say(f"mended: {found.reconciled} of Twilio's list, {len(found.damaged)} damaged")
    brought: list[Brought] = read.witnessed(_history(keeping))["place"]
    people.listen_again(_load(wanted, keeping).plan, {one.sid: one.place for one in brought})
    case = read.case(keeping, _history(keeping), list(found.damaged), went.owed or found.owed)
    return Result(case, found, judge.violations(case), went.marks, went.settled_s, went.restarts)


def _load(wanted: Wanted, keeping: Keeping) -> Load:
    env = keeping.house.env
    plan = {
        "history": str(_history(keeping)),
        "url": env["TS_URL"],
        "callback": f"{env['TS_PUBLIC_URL']}/api/webhooks/recording",
        "simulator_url": env["TS_SIMULATOR_URL"],
        "redis_url": env["TS_REDIS_URL"],
        "store_url": keeping.store.url,
        "api_key": keeping.api_key,
        "seed": wanted.seed,
        "recordings": wanted.recordings,
        "lasts_s": wanted.lasts_s,
    }
    return Load("people", "ops.faultlab.recordings.people", plan)


def _history(keeping: Keeping) -> Path:
    return keeping.house.folder / "people.jsonl"
