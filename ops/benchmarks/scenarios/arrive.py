"""Voicemails come one after the other: how soon after Twilio has each is it verified, and stored?"""

import time
from collections.abc import Sequence
from typing import Final

from ops.benchmarks import keeping, machine
from ops.benchmarks.field import Bench
from ops.benchmarks.keeping import Keeping, Kept, spread_s
from ops.benchmarks.machine import Window
from ops.benchmarks.report import Goal, Section, Table
from ops.benchmarks.scenarios.store import cpu, took_s, verified_goals
from ops.benchmarks.trial import DISTURBED

A_SECOND: Final = 2.0
DURATION_S: Final = 30  # of one channel: 0.48 MB
WITHIN_S: Final = 60.0  # after the last


def measure(bench: Bench) -> Section:
    """In a house of its own."""
    count = max(4, int(A_SECOND * bench.asked.seconds))
    with keeping.opened(bench) as home:
        rows, wrong, window = _run(home, count)
    stored = sum(row.stored_s is not None for row in rows)
    disturbed = f"disturbed, others {window.others:.0%}" if window.others > DISTURBED else ""
    return Section(
        "arrive",
        f"{A_SECOND:g} voicemails of 30 s a second",
        [
            Table(_COLUMNS, [[
                f"{count}", f"{stored}", f"{stored - len(wrong)}", spread_s(took_s(rows, "verified")),
                spread_s(took_s(rows, "stored")), disturbed,
            ]]),
            cpu(window, count),
        ],
        [Goal(f"all {count} stored and intact", f"{stored - len(wrong)}", stored - len(wrong) == count),
         *verified_goals(rows)],
        [f"Open loop for {count / A_SECOND:g} s. Times are of the rows; everything shares the cores. Of the share of the "
         "machine that this takes, see the CPU: a second has two seconds of it.",
         "Intact as in the table above; CPU until the last was stored, an idle house's included."],
    )  # fmt: skip


_COLUMNS: Final = (
    "recordings", "stored", "intact", "available to verified p50 / p95 / longest s",
    "available to stored p50 / p95 / longest s", "remarks",
)  # fmt: skip


def _run(home: Keeping, count: int) -> tuple[Sequence[Kept], Sequence[str], Window]:
    home.wait_until_stored(home.bring(2, duration_s=5), WITHIN_S)  # boto3 is imported by the first
    first = machine.moment({**home.house.pids(), "bench": machine.own_pid()})
    began, sids = time.monotonic(), []
    for number in range(count):
        time.sleep(max(0.0, began + number / A_SECOND - time.monotonic()))
        sids += home.bring(1, duration_s=DURATION_S)
    home.wait_until_stored(sids, WITHIN_S)
    window = machine.between(first, machine.moment({**home.house.pids(), "bench": machine.own_pid()}))
    rows = home.kept(sids)
    wrong = home.wrong([row for row in rows if row.stored_s])
    keeping.say(f"{count}: {len(rows)} known, {len(wrong)} wrong")
    return rows, wrong, window
