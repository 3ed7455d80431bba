"""One bout with a house: a load begins, the nemesis breaks what its schedule says, and then everything has to settle."""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.faultlab.aof import AofSizes
from ops.faultlab.faults import ALL
from ops.faultlab.faults.fault import Fault, Lab
from ops.faultlab.house import House
from ops.faultlab.latency import Mark
from ops.faultlab.nemesis import Nemesis
from ops.faultlab.plan import Planned
from ops.stack.child import Child
from ops.stack.service import Service

LEAD_S: Final = 1.0  # the process of the load starts meanwhile


@dataclass(frozen=True)
class Load:
    """`python -m MODULE PLAN`, which ends by itself. Its plan also says when it begins: `starts_at`, of time.monotonic()."""

    name: str
    module: str
    plan: Mapping[str, Any]


@dataclass(frozen=True)
class Settling:
    """What is still owed, as a question for `Keeper.wait`, and how long that may take."""

    ask: Callable[[], str]
    within_s: float


@dataclass(frozen=True)
class Bout:
    """How it went. `owed`: what was undone when the waiting ended; "" when everything had settled."""

    marks: Sequence[Mark]
    began_ns: int
    owed: str
    settled_s: float
    restarts: Mapping[str, int]


def fight(
    house: House,
    load: Load,
    schedule: Sequence[Planned],
    settling: Settling,
    say: Callable[[str], None],
    *,
    calmed: Callable[[], None] = lambda: None,
    faults: Mapping[str, Fault] = ALL,
) -> Bout:
    """`calmed` is called when load and faults are over. Raises RuntimeError when the load breaks."""
    starts_at, began_ns = time.monotonic() + LEAD_S, time.time_ns() + int(LEAD_S * 1e9)
    loading = _started(house, load, starts_at)
    breaker = Nemesis(Lab(house, AofSizes(house.folder / "data")), schedule, say, faults)
    breaker.play(starts_at, lambda: not loading.has_ended())
    if loading.process.returncode != 0:
        raise RuntimeError(f"the {load.name} broke:\n{loading.tail()}")
    calmed()
    calm_at = time.monotonic()
    owed = house.keeper.wait(settling.ask, settling.within_s)
    settled_s = time.monotonic() - calm_at
    say(f"settled after {settled_s:.0f} s" if not owed else f"NOT settled after {settled_s:.0f} s: {owed}")
    house.wait_ready("postgres")
    restarts = {name: kept.restarts for name, kept in house.keeper.kept.items() if kept.restarts}
    return Bout(breaker.marks, began_ns, owed, settled_s, restarts)


def _started(house: House, load: Load, starts_at: float) -> Child:
    path = house.folder / f"{load.name}.json"
    path.touch(mode=0o600)  # it may hold a key
    path.write_text(json.dumps({**load.plan, "starts_at": starts_at}), encoding="utf-8")
    house.keeper.start(Service(load.name, [sys.executable, "-m", load.module, str(path)]))
    kept = house.keeper.kept[load.name]
    kept.is_held = True  # it ends by itself, once
    return kept.child
