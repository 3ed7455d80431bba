"""Webhooks through the whole house at a rate: due, answered, committed, told to every subscriber."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ops.benchmarks import corpus, house, machine
from ops.benchmarks.field import Bench
from ops.benchmarks.house import House
from ops.benchmarks.load import Answers, Generator
from ops.benchmarks.machine import Window
from ops.benchmarks.numbers import percentile
from ops.benchmarks.receivers import Receiver
from ops.benchmarks.report import Table
from ops.benchmarks.trial import DISTURBED

RATES: Final = (100.0, 500.0)
CONNECTIONS: Final = 32
WARM_UP: Final = 60
SETTLED_WITHIN_S: Final = 40.0  # a backlog that needs longer is one: it is said, not waited for


@dataclass(frozen=True)
class Journey:
    """One rate: when each webhook was due, answered, committed and told, all in s of the same clock."""

    rate: float
    receivers: int
    answers: Answers
    window: Window
    committed_ms: Sequence[float]
    told_ms: Sequence[float]
    backlog_s: float
    """How long after the last webhook was due the last one was told."""


COLUMNS: Final = (
    "rate/s", "until", "events", "p50 ms", "p99 ms", "longest ms", "behind at the end s", "CPU ms per event", "remarks",
)  # fmt: skip


def travelled(bench: Bench, wants: Mapping[str, str], requests: Sequence[bytes], seconds: float) -> list[Journey]:
    """A house of its own with these subscribers, warm: each rate for so long; quickly, the first rate alone."""
    with house.opened(bench, wants) as home:
        generator = Generator(home.address, CONNECTIONS, requests)
        try:
            _travel(home, generator, 30.0, WARM_UP)
            rates = RATES[:1] if bench.asked.quick else RATES
            return [_travel(home, generator, rate, int(rate * seconds)) for rate in rates]
        finally:
            generator.close()


def _travel(home: House, generator: Generator, rate: float, count: int) -> Journey:
    number = generator.sent
    first = machine.moment(_groups(home))
    answers = generator.paced(count, rate)
    sids = [corpus.call_sid(number + place) for place in range(generator.sent - number)]
    house.wait_for(lambda: all(_has_heard(one, number + len(sids)) for one in home.receivers), SETTLED_WITHIN_S)
    window = machine.between(first, machine.moment(_groups(home)))
    due = {sid: answers.began_at_ns + int(place * 1e9 / rate) for place, sid in enumerate(sids)}
    told = [one.told_ns() for one in home.receivers]
    last_ns = max((by_sid[sid] for by_sid in told for sid in sids if sid in by_sid), default=0)
    backlog_s = (last_ns - due[sids[-1]]) / 1e9
    committed_ms, told_ms = _since(due, [home.committed_ns()]), _since(due, told)
    journey = Journey(rate, len(home.receivers), answers, window, committed_ms, told_ms, backlog_s)
    print(f"  {rate:.0f}/s: {answers.acks} answered, {len(journey.told_ms)} told", file=sys.stderr, flush=True)
    return journey


def _groups(home: House) -> dict[str, list[int]]:
    return {**home.pids(), "generator": machine.own_pid()}


def _has_heard(receiver: Receiver, calls: int) -> bool:
    """Lines are counted first: to read them all takes CPU from those who are measured."""
    return receiver.count() >= calls and len(receiver.told_ns()) >= calls


def _since(due: Mapping[str, int], then: Sequence[Mapping[str, int]]) -> list[float]:
    """Rising; only those that have come."""
    return sorted((by_sid[sid] - due_ns) / 1e6 for sid, due_ns in due.items() for by_sid in then if sid in by_sid)


def rows(journey: Journey) -> list[list[str]]:
    """Of each thing that happens to a webhook, in order."""
    answered = sorted(took / 1e6 for took in journey.answers.took_ns)
    return [
        _row(journey, "answered", answered),
        _row(journey, "committed", journey.committed_ms),
        _row(journey, "told", journey.told_ms),
    ]


def cpu(journeys: Sequence[Journey]) -> Table:
    """Where the CPU goes, program by program."""
    programs = [name for name in journeys[0].window.by_group if _is_ours(name)]
    lines = [
        [f"{journey.rate:.0f}"]
        + [f"{journey.window.by_group[name] / max(1, journey.answers.acks) * 1e3:.2f}" for name in programs]
        for journey in journeys
    ]
    return Table(["CPU ms per event at rate/s", *programs], lines)


def _is_ours(program: str) -> bool:
    return program != "generator" and not program.startswith(house.SUBSCRIBER)


def _row(journey: Journey, until: str, ordered_ms: Sequence[float]) -> list[str]:
    sent = journey.answers.statuses.total()
    used = sum(used for name, used in journey.window.by_group.items() if _is_ours(name))
    is_last = until == "told"
    expected = sent * (journey.receivers if is_last else 1)
    missing, others = expected - len(ordered_ms), journey.window.others
    said = [f"{missing} of {expected} missing after {SETTLED_WITHIN_S:.0f} s"] if missing else []
    if until == "answered" and not journey.answers.is_clean:
        said.append(f"answers {dict(journey.answers.statuses)}")
    if is_last and others > DISTURBED:
        said.append(f"disturbed, others {others:.0%}")
    return [
        f"{journey.rate:.0f}",
        until,
        f"{len(ordered_ms):,}",
        *(f"{percentile(ordered_ms, percent):,.1f}" for percent in (50, 99, 100)),
        f"{journey.backlog_s:.1f}" if is_last else "",
        f"{used / max(1, sent) * 1e3:.1f}" if is_last else "",
        "; ".join(said),
    ]
