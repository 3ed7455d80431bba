"""One run: open a house, ask for texts, break it, let it settle, compare the simulator's ledger with our database."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.faultlab import bout, final_read, twilio
from ops.faultlab.bout import Load, Settling
from ops.faultlab.checker import Violation
from ops.faultlab.faults import ALL
from ops.faultlab.latency import Mark
from ops.faultlab.sends import asks, judge, read, weather
from ops.faultlab.sends.house import Sending, open_naive, open_sending
from ops.faultlab.sends.plan import Wanted
from ops.faultlab.sends.told import Case

# After the load: the lease of a worker that was killed at the end (40 s), then the settling of what it had in hand, its
# backoff, and the queue of the slowest sender.
SETTLED_WITHIN_S = 180.0
SETTLE_NAIVE_S = 60.0  # its visibility timeout, and retries


@dataclass(frozen=True)
class Result:
    """What a run has shown."""

    case: Case
    violations: list[Violation]
    marks: Sequence[Mark]
    settled_s: float
    restarts: Mapping[str, int]


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
    house, at = sending.house, sending.house.env["TS_SIMULATOR_URL"]
    weather.begin(at, wanted.seed)
    ask, within_s = (final_read.owed_by_naive, SETTLE_NAIVE_S) if sending.is_naive else (read.owed, SETTLED_WITHIN_S)
    went = bout.fight(
        house, _load(wanted, sending), wanted.schedule, Settling(ask(house), within_s), say,
        calmed=lambda: twilio.heal(at),
    )  # fmt: skip
    case = _case(wanted, sending, went.owed, went.marks)
    return Result(case, judge.violations(case), went.marks, went.settled_s, went.restarts)


def _case(wanted: Wanted, sending: Sending, owed: str, marks: Sequence[Mark]) -> Case:
    asked, stops = read.witnessed(_history(sending))
    rates = {sender.number: sender.rate for sender in asks.load(wanted.seed, wanted.texts, wanted.lasts_s).senders}
    texts = read.texts(sending.house, read.NAIVE if sending.is_naive else read.OURS)
    forgotten_ns = [mark.begin_ns for mark in marks if ALL[mark.name].forgets]
    known = stops if sending.is_naive else read.known(sending.house, stops)
    return Case(asked, texts, read.ledger(sending.house), known, rates, owed, forgotten_ns)


def _load(wanted: Wanted, sending: Sending) -> Load:
    env = sending.house.env
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
        "is_naive": wanted.is_naive,
    }
    return Load("asker", "ops.faultlab.sends.asker", plan)


def _history(sending: Sending) -> Path:
    return sending.house.folder / "asked.jsonl"
