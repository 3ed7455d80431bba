"""Fifty recordings of 5 MB are ready in the same second: how soon are they stored, in how much memory, and is each intact?"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ops.benchmarks import keeping, machine
from ops.benchmarks.field import Bench
from ops.benchmarks.keeping import DOUBLES, WORKERS, Keeping, Kept, p95_s, spread_s
from ops.benchmarks.machine import Window
from ops.benchmarks.report import Goal, Section, Table, goal
from ops.benchmarks.trial import DISTURBED

COUNT, QUICK_COUNT = 50, 8
DURATION_S: Final = 157  # of two channels: 5.0 MB
WITHIN_S: Final = 120.0
VERIFIED_P95_S: Final = 30.0
WISHED_P95_S: Final = 5.0
# Of docker-compose.yml; a test compares. What is spooled lies on a disk there, not in this.
CAPS_MB: Final[Mapping[str, int]] = {
    "events": 512, "sms": 512, "calls": 512, "recordings": 512, "notify": 512, "beat": 256, "ingress": 768,
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """What came of them. `rest` and `peak` by program, in MB: PSS before, and the most resident memory until the end."""

    count: int
    rows: Sequence[Kept]
    wrong: Sequence[str]
    elapsed_s: float
    window: Window
    rest: Mapping[str, float]
    peak: Mapping[str, float]

    @property
    def missing(self) -> int:
        """Not stored, or stored as something else."""
        return self.count - sum(row.stored_s is not None for row in self.rows) + len(self.wrong)

    @property
    def megabytes(self) -> float:
        """Of sound that is stored."""
        return sum(row.size_bytes or 0 for row in self.rows) / 1e6


def measure(bench: Bench) -> Section:
    """In a house of its own, at rest before."""
    count = QUICK_COUNT if bench.asked.quick else COUNT
    with keeping.opened(bench) as home:
        run = _run(home, count)
    return Section(
        "store",
        f"{count} recordings of 5 MB at once",
        [Table(_COLUMNS, [_row(run)]), _memory(run), cpu(run.window, run.count)],
        _goals(run),
        [
            "Brought by the simulator, two channels of 157 s each, of calls that we know; all are ready at the same moment and "
            "posted over up to 50 connections. Four tasks at once fetch, as shipped.",
            "Times are of the rows: `available` is when the callback became an event, and each waits for its turn. All stored: "
            "from the moment that the first was available.",
            "Intact: the object in the store, read without anything of ours, and the sound that the simulator gives once "
            "more, both have the row's SHA-256.",
            "Memory: PSS before; VmHWM of each process afterwards, its peak of resident pages, shared ones included, begun "
            "anew before the load (`clear_refs`). Together it is a sum of peaks, at most that much at one time. The cap is the "
            "program's of docker-compose.yml, where page cache of the spooled files may fill the rest and is given back.",
            "CPU is user and system time from /proc until all are stored. Simulator and S3 stand-in (moto, which copies each "
            "object several times) are Python programs on the same cores.",
        ],
    )


_COLUMNS: Final = (
    "recordings", "MB", "stored", "intact", "all stored after s", "MB/s", "available to verified p50 / p95 / longest s",
    "available to stored p50 / p95 / longest s", "remarks",
)  # fmt: skip


def _run(home: Keeping, count: int) -> Run:
    warm = home.bring(2, duration_s=5)  # boto3 is imported by the first
    home.wait_until_stored(warm, WITHIN_S)
    pids = home.house.pids()
    rest = {name: machine.memory_mb(pids[name])[0] for name in CAPS_MB}
    for name in CAPS_MB:
        machine.forget_peaks(pids[name])
    first = machine.moment({**pids, "bench": machine.own_pid()})
    began_s = time.time()
    sids = home.bring(count, duration_s=DURATION_S, channels=2)
    home.wait_until_stored(sids, WITHIN_S)
    pids = home.house.pids()
    window = machine.between(first, machine.moment({**pids, "bench": machine.own_pid()}))
    peak = {name: machine.peak_mb(pids[name]) for name in CAPS_MB}
    rows = home.kept(sids)
    last_s = max((row.stored_s for row in rows if row.stored_s), default=began_s)
    first_s = min((row.available_s for row in rows if row.available_s), default=began_s)
    wrong = home.wrong([row for row in rows if row.stored_s])
    keeping.say(f"{count}: {len(rows)} known, {len(wrong)} wrong, {last_s - first_s:.1f} s")
    return Run(count, rows, wrong, last_s - first_s, window, rest, peak)


def took_s(rows: Sequence[Kept], state: str) -> list[float]:
    """Of those that have come so far."""
    return [took for row in rows if (took := row.took_s(state)) is not None]


def _row(run: Run) -> list[str]:
    stored = sum(row.stored_s is not None for row in run.rows)
    return [
        f"{run.count}",
        f"{run.megabytes:.0f}",
        f"{stored}",
        f"{stored - len(run.wrong)}",
        f"{run.elapsed_s:.1f}",
        f"{run.megabytes / run.elapsed_s:.1f}" if run.elapsed_s else "-",
        spread_s(took_s(run.rows, "verified")),
        spread_s(took_s(run.rows, "stored")),
        f"disturbed, others {run.window.others:.0%}" if run.window.others > DISTURBED else "",
    ]


def _memory(run: Run) -> Table:
    rows = [[name, f"{run.rest[name]:.0f}", f"{run.peak[name]:.0f}", f"{CAPS_MB[name]}"] for name in CAPS_MB]
    rest, peak = (sum(found[name] for name in WORKERS) for found in (run.rest, run.peak))
    rows.append(["all workers", f"{rest:.0f}", f"{peak:.0f}", f"{sum(CAPS_MB[name] for name in WORKERS)}"])
    return Table(["program", "PSS before MB", "peak MB", "cap MB"], rows)


def cpu(window: Window, count: int, of: str = "a recording") -> Table:
    """Where the CPU went, program by program, and how much of it was the doubles'; also for each of `count`."""
    used = {name: seconds for name, seconds in window.by_group.items() if seconds >= 0.01 or name in DOUBLES}
    ours = sum(seconds for name, seconds in used.items() if name not in (*DOUBLES, "bench"))
    theirs = sum(used[name] for name in DOUBLES)
    figures = [*used.values(), ours, theirs]
    return Table(
        ["CPU", *used, "ours", "doubles", "doubles/ours"],
        [
            ["s", *(f"{seconds:.2f}" for seconds in figures), f"{theirs / ours:.2f}" if ours else "-"],
            [f"ms {of}", *(f"{seconds / count * 1e3:.0f}" for seconds in figures), ""],
        ],
    )


def _goals(run: Run) -> list[Goal]:
    peak, cap = run.peak["recordings"], CAPS_MB["recordings"]
    return [
        Goal(f"all {run.count} stored and intact", f"{run.count - run.missing}", run.missing == 0),
        goal(f"peak of the recordings worker at most {cap} MB", peak, f"{peak:.0f} MB", peak <= cap),
        *verified_goals(run.rows),
    ]


def verified_goals(rows: Sequence[Kept]) -> list[Goal]:
    """What is promised of the time until a recording is verified, and what is wished."""
    p95 = p95_s(rows, "verified")
    return [
        goal(f"available to verified p95 below {most:g} s{wish}", p95, f"{p95:.2f} s", p95 < most)
        for most, wish in ((VERIFIED_P95_S, ""), (WISHED_P95_S, " (wished)"))
    ]
