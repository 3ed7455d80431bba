"""From a webhook that is due to its answer, to the commit in PostgreSQL, to the subscriber who is told."""

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
from ops.benchmarks.report import Section, Table
from ops.benchmarks.trial import DISTURBED

RATES: Final = (100.0, 500.0)
CONNECTIONS: Final = 32
SETTLED_WITHIN_S: Final = 40.0  # a backlog that needs longer is one: it is said, not waited for
_WARM_UP: Final = 60


@dataclass(frozen=True)
class Journey:
    """One rate: when each webhook was due, answered, committed and told, all in s of the same clock."""

    rate: float
    answers: Answers
    window: Window
    committed_ms: Sequence[float]
    told_ms: Sequence[float]
    backlog_s: float
    """How long after the last webhook was due the last one was told."""


def measure(bench: Bench) -> Section:
    """The whole house, one event and one notification for each webhook."""
    seconds = min(10.0, bench.asked.seconds * 3)
    with house.opened(bench) as home:
        generator = Generator(home.address, CONNECTIONS, bench.requests)
        try:
            _travel(home, generator, 30.0, _WARM_UP)
            rates = RATES[:1] if bench.asked.quick else RATES
            journeys = [_travel(home, generator, rate, int(rate * seconds)) for rate in rates]
        finally:
            generator.close()
    return Section(
        "e2e",
        "End to end: due, answered, committed, told",
        [Table(_COLUMNS, [row for journey in journeys for row in _rows(journey)]), _cpu(journeys)],
        notes=[
            "One run of the whole house (every process of the Procfile, and the load generator) on one machine; every "
            "webhook is one event, one transaction's row and one signed POST to a subscriber.",
            "All from the moment a webhook was due. Committed: PostgreSQL's own commit timestamp. Told: the subscriber "
            "has the whole notification.",
            "Behind at the end: how long after the last webhook was due the last notification came.",
        ],
    )


_COLUMNS: Final = (
    "rate/s", "until", "events", "p50 ms", "p99 ms", "longest ms", "behind at the end s", "CPU ms per event", "remarks",
)  # fmt: skip


def _travel(home: House, generator: Generator, rate: float, count: int) -> Journey:
    number = generator.sent
    first = machine.moment(_groups(home))
    answers = generator.paced(count, rate)
    sids = [corpus.call_sid(number + place) for place in range(generator.sent - number)]
    house.wait_for(lambda: len(home.told_ns()) >= number + len(sids), SETTLED_WITHIN_S)
    window = machine.between(first, machine.moment(_groups(home)))
    due = {sid: answers.began_at_ns + int(place * 1e9 / rate) for place, sid in enumerate(sids)}
    told = home.told_ns()
    last_ns = max((told[sid] for sid in sids if sid in told), default=0)
    backlog_s = (last_ns - due[sids[-1]]) / 1e9
    journey = Journey(rate, answers, window, _since(due, home.committed_ns()), _since(due, told), backlog_s)
    print(f"  {rate:.0f}/s: {answers.acks} answered, {len(journey.told_ms)} told", file=sys.stderr, flush=True)
    return journey


def _groups(home: House) -> dict[str, list[int]]:
    return {**home.pids(), "generator": machine.own_pid()}


def _since(due: Mapping[str, int], then: Mapping[str, int]) -> list[float]:
    """Rising; only those that have come."""
    return sorted((then[sid] - due_ns) / 1e6 for sid, due_ns in due.items() if sid in then)


def _rows(journey: Journey) -> list[list[str]]:
    answered = sorted(took / 1e6 for took in journey.answers.took_ns)
    return [
        _row(journey, "answered", answered),
        _row(journey, "committed", journey.committed_ms),
        _row(journey, "told", journey.told_ms),
    ]


def _cpu(journeys: Sequence[Journey]) -> Table:
    """Where the CPU goes, program by program."""
    programs = [name for name in journeys[0].window.by_group if name not in ("generator", "subscriber")]
    rows = [
        [f"{journey.rate:.0f}"]
        + [f"{journey.window.by_group[name] / max(1, journey.answers.acks) * 1e3:.2f}" for name in programs]
        for journey in journeys
    ]
    return Table(["CPU ms per event at rate/s", *programs], rows)


def _row(journey: Journey, until: str, ordered_ms: Sequence[float]) -> list[str]:
    sent = journey.answers.statuses.total()
    used = sum(used for name, used in journey.window.by_group.items() if name not in ("generator", "subscriber"))
    is_last = until == "told"
    missing, others = sent - len(ordered_ms), journey.window.others
    said = [f"{missing} of {sent} missing after {SETTLED_WITHIN_S:.0f} s"] if missing else []
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
