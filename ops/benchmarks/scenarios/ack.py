"""How long does Twilio wait for an answer while everything is well, and while a store is gone?"""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ops.benchmarks import subjects
from ops.benchmarks.field import READY_WITHIN_S, Bench, Running
from ops.benchmarks.numbers import latencies_ms
from ops.benchmarks.report import Goal, Section, Table, goal
from ops.benchmarks.rounds import accepted, middle, remarks
from ops.benchmarks.trial import Spoil, Trial, measured

RATE: Final = 500.0
CONNECTIONS: Final = 32
BUDGET_MS: Final = 50.0  # p99, whatever the stores do


@dataclass(frozen=True)
class State:
    """How the stores are while the load runs. What was done is undone before anything is counted."""

    name: str
    spoil: Spoil | None = None
    mend: Spoil | None = None


def measure(bench: Bench) -> Section:
    """Open loop at 500/s over 32 connections, the service as shipped."""
    states = _states(bench)
    trials: dict[str, list[Trial]] = {state.name: [] for state in states}
    for number in range(bench.asked.rounds):
        for state in states if number % 2 == 0 else reversed(states):
            trials[state.name].append(_run(bench, state))
    return Section(
        "ack",
        f"Time to the answer at {RATE:.0f}/s, with stores well and away",
        [Table(COLUMNS, [[name, *columns(found)] for name, found in trials.items()])],
        [_goal(name, found) for name, found in trials.items()],
        [
            "Open loop: a webhook's time counts from the moment it was due. p50 and p99: median of the rounds; p99.9 and "
            "longest: over all of them.",
            "Redis refused: its process is killed. Redis frozen: SIGSTOP. PostgreSQL down: stopped. Each just before the "
            "load, so that the first requests meet it unprepared.",
            "A run counts only if every answer was 2xx, and if, with the store back, it holds every webhook that was "
            "answered: the journal brings those that were taken without Redis.",
        ],
    )


COLUMNS: Final = ("stores", "n", "p50 ms", "p99 ms", "p99.9 ms", "longest ms", "remarks")


def columns(trials: Sequence[Trial]) -> list[str]:
    """The latencies of some runs: how many, p50, p99, p99.9, longest, remarks."""
    good = accepted(trials)
    each = [latencies_ms(trial.answers.took_ns) for trial in good]
    together = latencies_ms([took for trial in good for took in trial.answers.took_ns])
    return [
        f"{sum(len(trial.answers.took_ns) for trial in good):,}",
        f"{middle([ms[0] for ms in each]):.1f}",
        f"{middle([ms[1] for ms in each]):.1f}",
        f"{together[2]:.1f}",
        f"{together[3]:.1f}",
        remarks(trials),
    ]


def p99_ms(trials: Sequence[Trial]) -> float:
    """Median over the rounds; 0.0 when none counts."""
    return middle([latencies_ms(trial.answers.took_ns)[1] for trial in accepted(trials)])


def _goal(state: str, trials: Sequence[Trial]) -> Goal:
    p99 = p99_ms(trials)
    return goal(f"{state}: p99 at most {BUDGET_MS:g} ms", p99, f"{p99:.1f} ms", p99 <= BUDGET_MS)


def _run(bench: Bench, state: State) -> Trial:
    count = int(RATE * bench.asked.seconds)
    return measured(
        bench,
        subjects.OURS,
        lambda load: load.paced(count, RATE),
        connections=CONNECTIONS,
        spoil=state.spoil,
        mend=state.mend,
    )


def _states(bench: Bench) -> list[State]:
    return [
        State("all well"),
        State("Redis refused", _kill_redis, _start_redis),
        State("Redis frozen", _sent_to_redis(signal.SIGSTOP), _sent_to_redis(signal.SIGCONT)),
        State("PostgreSQL down", lambda _: bench.stop_postgres(), lambda _: bench.start_postgres()),
    ]


def _kill_redis(running: Running) -> None:
    running.supervisor.kept["redis"].child.kill()


def _start_redis(running: Running) -> None:
    running.supervisor.start(running.redis.service)
    running.supervisor.wait_ready(["redis"], READY_WITHIN_S)


def _sent_to_redis(number: signal.Signals) -> Callable[[Running], None]:
    return lambda running: running.supervisor.kept["redis"].child.send(number)
