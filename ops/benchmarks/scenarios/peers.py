"""How many webhooks a second, and how much CPU for each, against what others would have written?"""

from typing import Final

from ops.benchmarks import subjects
from ops.benchmarks.field import Bench
from ops.benchmarks.numbers import latencies_ms, spread
from ops.benchmarks.report import Goal, Section, Table, goal
from ops.benchmarks.rounds import Trials, interleaved, middle, ratios, remarks, values
from ops.benchmarks.subjects import Subject
from ops.benchmarks.trial import Trial, measured

CONNECTIONS: Final = 32
TIMES_NAIVE: Final = 12.0
TIMES_BARE: Final = 1.2


def measure(bench: Bench) -> Section:
    """Closed loop over 32 connections, every subject in every round."""
    everyone = subjects.everyone()
    trials = interleaved(everyone, bench.asked.rounds, lambda subject: _run(bench, subject))
    return Section(
        "peers",
        "Acks a second and CPU per ack, closed loop over 32 connections",
        [Table(_COLUMNS, [_row(subject, trials) for subject in everyone])],
        _goals(trials),
        [
            "Median (least-most) of the rounds. Ratios are taken within a round. CPU is user and system time from /proc: "
            "of gunicorn's master and two workers (app), and of redis-server.",
            f"Redis: appendonly yes, appendfsync {bench.asked.appendfsync}, for every subject that uses it.",
            "Only accepted runs count: every answer 2xx, and as many entries in the store as 2xx.",
            "What the journal's drainer does 15 s after a segment's last write lies outside windows of "
            f"{bench.asked.seconds:g} s.",
            *(f"**{subject.name}**: {subject.what}." for subject in everyone),
        ],
    )


_COLUMNS: Final = (
    "subject", "acks/s", "p50 / p99 ms", "app us", "Redis us", "sum us", "ours/it: acks/s", "ours/it: CPU",
    "generator", "others", "remarks",
)  # fmt: skip


def rate(trial: Trial) -> float:
    """Acks a second."""
    return trial.answers.rate


def total_us(trial: Trial) -> float:
    """CPU per ack, Redis included."""
    return trial.cpu_us("subject", "redis")


def _run(bench: Bench, subject: Subject) -> Trial:
    return measured(bench, subject, lambda load: load.closed(bench.asked.seconds), connections=CONNECTIONS)


def _row(subject: Subject, trials: Trials) -> list[str]:
    ours, theirs = trials[subjects.OURS.name], trials[subject.name]
    took = [latencies_ms(trial.answers.took_ns) for trial in theirs if not trial.fault]
    is_other = subject is not subjects.OURS
    return [
        subject.name,
        spread(values(theirs, rate), 0),
        f"{middle([ms[0] for ms in took]):.1f} / {middle([ms[1] for ms in took]):.1f}",
        spread(values(theirs, lambda trial: trial.cpu_us("subject")), 0),
        f"{middle(values(theirs, lambda trial: trial.cpu_us('redis'))):.0f}",
        f"{middle(values(theirs, total_us)):.0f}",
        spread(ratios(ours, theirs, rate), 2) if is_other else "",
        spread(ratios(ours, theirs, total_us), 2) if is_other else "",
        f"{middle(values(theirs, lambda trial: trial.generator_share)):.0%}",
        f"{middle(values(theirs, lambda trial: trial.window.others)):.0%}",
        remarks(theirs),
    ]


def _goals(trials: Trials) -> list[Goal]:
    ours = trials[subjects.OURS.name]
    times = ratios(ours, trials[subjects.NAIVE.name], rate)
    found = [
        goal(
            f"acks/s: at least {TIMES_NAIVE:g} x naive",
            middle(times),
            f"{spread(times)} x",
            middle(times) >= TIMES_NAIVE,
        )
    ]
    for bare in (subjects.BARE, subjects.BARE_GEVENT):
        share = ratios(ours, trials.get(bare.name, []), total_us) if bare.name in trials else []
        text = f"CPU per ack, Redis included: at most {TIMES_BARE:g} x {bare.name}"
        found.append(goal(text, middle(share), f"{spread(share, 2)} x", middle(share) <= TIMES_BARE))
    return found
