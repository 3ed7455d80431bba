"""What every process of the house holds in memory while it works."""

from typing import Final

from ops.benchmarks import house, machine
from ops.benchmarks.field import Bench
from ops.benchmarks.house import House
from ops.benchmarks.load import Generator
from ops.benchmarks.report import Section, Table, goal

RATE: Final = 200.0
CONNECTIONS: Final = 32
MOST_MB: Final = 1024.0


def measure(bench: Bench) -> Section:
    """The whole house: at rest, and at the end of a load of 200 events a second."""
    with house.opened(bench) as home:
        generator = Generator(home.address, CONNECTIONS, bench.requests)
        try:
            at_rest, kind = _measured(home)
            generator.paced(int(RATE * min(10.0, bench.asked.seconds * 3)), RATE)
            loaded, _ = _measured(home)
        finally:
            generator.close()
        processes = {name: len(pids) for name, pids in home.pids().items()}
    names = [name for name in loaded if name != "subscriber"]
    total = sum(loaded[name] for name in names)
    rows = [[name, str(processes[name]), f"{at_rest[name]:.0f}", f"{loaded[name]:.0f}"] for name in names]
    rows.append(
        [
            "together",
            str(sum(processes[name] for name in names)),
            f"{sum(at_rest[n] for n in names):.0f}",
            f"{total:.0f}",
        ]
    )
    return Section(
        "memory",
        "Memory of every process",
        [Table(["program", "processes", "at rest MB", f"under {RATE:.0f} events/s MB"], rows)],
        [goal(f"together at most {MOST_MB:.0f} MB under load", total, f"{total:.0f} MB", total <= MOST_MB)],
        [f"{kind} of the processes of each program: pages that several share are counted once. S3 is not among them."],
    )


def _measured(home: House) -> tuple[dict[str, float], str]:
    found = {name: machine.memory_mb(pids) for name, pids in home.pids().items()}
    kinds = {kind for _, kind in found.values()}
    return {name: mb for name, (mb, _) in found.items()}, " and ".join(sorted(kinds))
