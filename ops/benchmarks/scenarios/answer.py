"""How long does a caller wait for TwiML: with all well, with a store frozen or down, and with ten thousand numbers?"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import psycopg

from ops.benchmarks import calls, subjects
from ops.benchmarks.field import Bench, Running
from ops.benchmarks.numbers import latencies_ms
from ops.benchmarks.report import Goal, Section, Table, goal
from ops.benchmarks.rounds import accepted, middle
from ops.benchmarks.scenarios.ack import COLUMNS, columns, p99_ms
from ops.benchmarks.trial import Trial, measured
from shared.db import numbers
from shared.domain.routing import Number

RATE: Final = 200.0  # incoming calls a second: a day of a large platform in minutes
CONNECTIONS: Final = 32
GOAL_MS: Final = 15.0  # p99; the specification's budget is 100
MANY: Final = 10_000
_WARM_UP: Final = 4_000  # calls that the warm-up may use up


@dataclass(frozen=True)
class State:
    """How the house is while callers call. What was done is undone before anything is counted."""

    name: str
    numbers: int = 1
    is_redis_frozen: bool = False
    is_postgres_down: bool = False
    changes: bool = False
    """A number's routing changes all the time: the snapshot and its copies follow."""


STATES: Final = (
    State("all well"),
    State("Redis frozen", is_redis_frozen=True),
    State("PostgreSQL down", is_postgres_down=True),
    State("both", is_redis_frozen=True, is_postgres_down=True),
    State(f"{MANY:,} numbers", MANY),
    State(f"{MANY:,}, one changing", MANY, changes=True),
)


def measure(bench: Bench) -> Section:
    """Open loop at 200 calls a second over 32 connections, the service as shipped."""
    trials: dict[str, list[Trial]] = {state.name: [] for state in STATES}
    for round_ in range(bench.asked.rounds):
        print(f" round {round_ + 1} of {bench.asked.rounds}", file=sys.stderr, flush=True)
        for state in STATES if round_ % 2 == 0 else reversed(STATES):
            trials[state.name].append(_run(bench, state))
    well = trials[STATES[0].name]
    return Section(
        "answer",
        f"TwiML for incoming calls at {RATE:.0f}/s, whatever is down",
        [Table(
            ("the house", *COLUMNS[1:-1], "p50, p99 to all well", COLUMNS[-1]),
            [[name, *(cells := columns(found))[:-1], _ratio(found, well), cells[-1]] for name, found in trials.items()],
        )],
        [_goal(name, found) for name, found in trials.items()],
        [
            "Open loop: a call's time counts from the moment it was due. p50 and p99: median of the rounds; p99.9 and longest: "
            "over all of them. Ratios: within this run.",
            "Each number has two phones in turn, a key against voicemail, an emergency phone, and recording as the law has it. "
            "Every answer is read: one that does not put the caller through does not count.",
            "Frozen: SIGSTOP. Down: stopped. Each just before the load. A run counts only if, with the stores back, they hold "
            "every call that was answered.",
        ],
    )  # fmt: skip


def _run(bench: Bench, state: State) -> Trial:
    count = int(RATE * bench.asked.seconds)
    _furnish(bench, [*calls.numbers(state.numbers)])
    asking = replace(bench, requests=calls.requests(count + _WARM_UP, state.numbers), holds=calls.FORWARDED)
    with _changing(bench, is_on=state.changes):
        trial = measured(
            asking, subjects.OURS, lambda load: load.paced(count, RATE), connections=CONNECTIONS,
            spoil=lambda running: _spoil(bench, running, state), mend=lambda running: _mend(bench, running, state),
        )  # fmt: skip
    return replace(trial, subject=state.name)


def _spoil(bench: Bench, running: Running, state: State) -> None:
    if state.is_redis_frozen:
        running.supervisor.kept["redis"].child.send(signal.SIGSTOP)
    if state.is_postgres_down:
        bench.stop_postgres()


def _mend(bench: Bench, running: Running, state: State) -> None:
    if state.is_redis_frozen:
        running.supervisor.kept["redis"].child.send(signal.SIGCONT)
    if state.is_postgres_down:
        bench.start_postgres()


def _furnish(bench: Bench, known: list[Number]) -> None:
    """Exactly these numbers."""
    with psycopg.connect(bench.database_url) as conn:
        conn.execute("truncate events, calls, notifications, deliveries, jobs, numbers cascade")
        for number in known:
            numbers.put(conn, number)


@contextmanager
def _changing(bench: Bench, *, is_on: bool) -> Iterator[None]:
    """One of the numbers gets another greeting, four times a second."""
    stop = threading.Event()

    def change() -> None:
        with psycopg.connect(bench.database_url, autocommit=True) as conn:
            for place in range(1_000_000):
                rules = replace(calls.RULES, greeting=f"This is greeting number {place}.")
                numbers.put(conn, Number(calls.business(0), "bench", rules))
                if stop.wait(0.25):
                    return

    thread = threading.Thread(target=change, daemon=True)
    if is_on:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if is_on:
            thread.join(5)


def _ratio(found: list[Trial], well: list[Trial]) -> str:
    """Of the medians."""
    parts = []
    for place in (0, 1):
        ours, theirs = (
            middle([latencies_ms(trial.answers.took_ns)[place] for trial in accepted(trials)])
            for trials in (found, well)
        )
        parts.append(f"{ours / theirs:.1f}" if theirs else "-")
    return ", ".join(parts)


def _goal(name: str, found: list[Trial]) -> Goal:
    p99 = p99_ms(found)
    return goal(f"{name}: p99 below {GOAL_MS:g} ms", p99, f"{p99:.1f} ms", p99 < GOAL_MS)
