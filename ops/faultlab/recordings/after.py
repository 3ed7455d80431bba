"""What an operator does when the weather is fine again, by the tool that he has: compare with Twilio, read all back, sweep."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from celery import Celery

from ops.faultlab.house import ROOT
from ops.faultlab.recordings import damage, faults, read, waits, weather
from ops.faultlab.recordings.house import Keeping
from ops.faultlab.recordings.people import SWEEP
from ops.faultlab.recordings.told import Planted

WITHIN_S: Final = 60.0  # for each step to settle: a handful of recordings are fetched again
# Faster than any bucket answers: nothing else is to be spared here.
RATE: Final = "1000"
QUIETLY: Final = 6  # recordings: each kind of damage twice


@dataclass(frozen=True)
class Found:
    """What the operator's tool said. `owed`: what was undone when the waiting ended."""

    reconciled: int
    damaged: dict[str, str]
    owed: str


def calm(keeping: Keeping) -> None:
    """Twilio and the store are well, and nobody waits for the lease of somebody who is dead."""
    house = keeping.house
    weather.end(house.env["TS_SIMULATOR_URL"])
    faults.tell(house.env[faults.FRONT_URL], {})
    for program in waits.KINDS:
        house.keeper.down(program)
    house.wait_ready("postgres", "redis", "s3")
    for program in waits.KINDS:
        waits.leases_end(house, program)
        house.keeper.up(program)


def mend(keeping: Keeping, ask: Callable[[], str], note: Callable[[Planted], None]) -> Found:
    """One step after the other, each to its end. `note` is told of what is damaged once more, for the tool to find."""
    reconciled = _tool(keeping, "reconcile", "--since", "48h", "--fix")
    owed = keeping.house.keeper.wait(ask, WITHIN_S)
    for planted in _damage_quietly(keeping):
        note(planted)
    verified = _tool(keeping, "verify", "--all", "--repair", "--rate", RATE)
    owed = owed or keeping.house.keeper.wait(ask, WITHIN_S)
    with Celery("lab", broker=keeping.house.env["TS_REDIS_URL"]) as celery:
        celery.send_task(SWEEP[0], queue=SWEEP[1], ignore_result=True)
    owed = owed or keeping.house.keeper.wait(lambda: _begun(keeping) or ask(), WITHIN_S)
    return Found(len(reconciled), verified["recordings"], owed)


def _damage_quietly(keeping: Keeping) -> Iterator[Planted]:
    """Some of what is whole here and still at Twilio, in every way."""
    with psycopg.connect(keeping.house.env["TS_DATABASE_URL"]) as conn:
        sids = [sid for sid, in conn.execute(
            "select recording_sid from recordings where state = 'stored' and damage is null order by recording_sid limit %s",
            (QUIETLY,))]  # fmt: skip
    for number, sid in enumerate(sids):
        kind = damage.KINDS[number % len(damage.KINDS)]
        if done := damage.plant(keeping.store.client(), keeping.store.name, sid, kind, is_quiet=True):
            yield done


def _begun(keeping: Keeping) -> str:
    found = read.uploads(keeping)
    return f"{len(found)} uploads are begun" if found else ""


def _tool(keeping: Keeping, *words: str) -> Any:
    """What `./ops/cli recordings` says. Its exit code is about what it found."""
    house = keeping.house
    done = subprocess.run(
        [sys.executable, "-m", "ops.cli", "recordings", *words, "--json"],
        cwd=ROOT, env=house.keeper.env, capture_output=True, text=True, timeout=WITHIN_S, check=False,
    )  # fmt: skip
    try:
        return json.loads(done.stdout)
    except ValueError as fault:
        raise RuntimeError(f"recordings {' '.join(words)}: {done.stdout}{done.stderr}") from fault
