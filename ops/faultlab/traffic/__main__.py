"""`python -m ops.faultlab.traffic PLAN`: plays the plan, a JSON file, from its `starts_at` on (time.monotonic())."""

import asyncio
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from ops.faultlab.history import Writer
from ops.faultlab.traffic import nuisance
from ops.faultlab.traffic.lives import LETTERS_A_LIFE, lives
from ops.faultlab.traffic.sender import Sender
from ops.faultlab.traffic.wire import Wire


async def play(plan: dict[str, Any]) -> None:
    """Returns when the last letter was answered or given up."""
    writer = Writer(Path(plan["history"]))
    wire = Wire(plan["host"], plan["port"])
    sender = Sender(wire, writer, plan["base_url"], plan["auth_token"])
    await asyncio.sleep(max(0.0, plan["starts_at"] - time.monotonic()))
    began = asyncio.get_running_loop().time()
    nuisances = [_nuisance(plan, sender, **wish) for wish in plan["nuisances"]]
    await asyncio.gather(_live(plan, sender, began), *nuisances)
    writer.close()


async def _live(plan: dict[str, Any], sender: Sender, began: float) -> None:
    """Lives begin at random moments (Poisson), `rate` letters a second on the average."""
    dice = random.Random(plan["seed"])
    under_way: set[asyncio.Task[None]] = set()
    at_s = 0.0
    for life in lives(plan["seed"], plan["account_sid"]):
        at_s += dice.expovariate(plan["rate"] / LETTERS_A_LIFE)
        if at_s > plan["lasts_s"]:
            break
        await asyncio.sleep(max(0.0, began + at_s - asyncio.get_running_loop().time()))
        task = asyncio.create_task(sender.live(life, began + at_s))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)


async def _nuisance(plan: dict[str, Any], sender: Sender, *, name: str, at_s: float, hold_s: float) -> None:
    await asyncio.sleep(at_s)
    if name == "flood":
        await nuisance.flood(sender, plan["seed"], plan["account_sid"], hold_s)
    else:
        await nuisance.dawdle(plan["host"], plan["port"], hold_s)


asyncio.run(play(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
