"""How many texts a minute leave when all of them wait already, and what does one cost each program?"""

import sys
import time
from dataclasses import dataclass
from typing import Final

from ops.benchmarks import machine, sending
from ops.benchmarks.books import Books
from ops.benchmarks.field import Bench
from ops.benchmarks.house import wait_for
from ops.benchmarks.machine import Window
from ops.benchmarks.report import Section, Table, goal
from ops.benchmarks.scenarios.send import A_MINUTE
from ops.benchmarks.sending import Sending

TEXTS, QUICK = 10_000, 2_000
PER_S: Final = 10.0  # of each sender: no pace is in the way
WITHIN_S: Final = 300.0
_WITHOUT: Final = ("sms", "notify", "beat")


@dataclass(frozen=True)
class Drained:
    """`seconds` from the first text at the simulator to the last; the window is from the first look that saw one."""

    texts: int
    seconds: float
    expanded_s: float
    window: Window
    in_window: int

    @property
    def a_minute(self) -> float:
        """Texts."""
        return (self.texts - 1) / self.seconds * 60

    def cpu_ms(self, name: str) -> float:
        """Of one program for each text."""
        return self.window.by_group[name] / max(1, self.in_window) * 1e3


def measure(bench: Bench) -> Section:
    """A bulk of everybody, made texts while nobody sends; then the sender is started."""
    count = QUICK if bench.asked.quick else TEXTS
    found = {
        "with status callbacks": _drain(bench, count, silent=0.0),
        "without": _drain(bench, count, silent=1.0),
    }
    first = found["with status callbacks"]
    programs = sorted(first.window.by_group)
    rows = [
        [name, f"{one.texts:,}", f"{one.expanded_s / one.texts * 1e3:.2f}", f"{one.a_minute:,.0f}",
         f"{sum(one.window.by_group.values()) / max(1, one.in_window) * 1e3:.1f}",
         *(f"{one.cpu_ms(program):.2f}" for program in programs)]
        for name, one in found.items()
    ]  # fmt: skip
    return Section(
        "drain",
        f"A bulk of {count:,} through the simulator",
        [Table(["callbacks", "texts", "to make one ms", "a minute", "CPU ms a text", *programs], rows)],
        [goal(f"texts a minute: at least {A_MINUTE:,.0f}", first.a_minute, f"{first.a_minute:,.0f}",
              first.a_minute >= A_MINUTE)],
        [
            f"POST /api/sms/bulk for one tenant with {sending.SENDERS} numbers of {PER_S:g} segments a second. To make one: "
            "from the answer to the last recipient that has become a text, for each. Who sends is started then.",
            "From the first create at the simulator to the last. CPU is user and system time from /proc of every program, the "
            "simulator among them; all share the machine. Callbacks that come after the last create are not in it.",
        ],
    )  # fmt: skip


def _drain(bench: Bench, count: int, *, silent: float) -> Drained:
    with sending.opened(bench, "ours", without=_WITHOUT, per_s=PER_S) as house:
        house.tell_simulator(silent_rate=silent)
        began = time.monotonic()
        bulk = house.ask_bulk(0, count)
        wait_for(lambda: house.expanded(bulk) >= count, WITHIN_S)
        return _watched(house, count, time.monotonic() - began)


def _watched(house: Sending, count: int, expanded_s: float) -> Drained:
    books = Books(house.env["TS_SIMULATOR_URL"])
    house.start("sms")
    wait_for(lambda: books.look() > 0, WITHIN_S)
    first, seen = machine.moment({**house.pids(), "bench": machine.own_pid()}), books.look()
    wait_for(lambda: books.look() >= count, WITHIN_S)
    window = machine.between(first, machine.moment({**house.pids(), "bench": machine.own_pid()}))
    at_ns = sorted(books.at_ns.values())
    drained = Drained(len(at_ns), (at_ns[-1] - at_ns[0]) / 1e9, expanded_s, window, len(at_ns) - seen)
    print(f"  {drained.texts} sent, {drained.a_minute:,.0f} a minute", file=sys.stderr, flush=True)
    return drained
