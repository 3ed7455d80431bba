"""`./ops/bench WHAT`: opens the stores, asks every scenario of it, prints and writes what it says."""

import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from ops.benchmarks import corpus, field, machine, options, report
from ops.benchmarks.field import Bench
from ops.benchmarks.report import Section
from ops.benchmarks.scenarios import (
    ack,
    answer,
    arrive,
    beside,
    burst,
    calls,
    control,
    drain,
    e2e,
    listen,
    memory,
    open_loop,
    outage,
    peers,
    recording_list,
    send,
    store,
    told,
    where,
)
from ops.stack.postgres import NoPostgres
from ops.stack.redis import NoServer
from ops.stack.supervisor import GaveUp

SCENARIOS: Final[Mapping[str, Callable[[Bench], Section]]] = {
    "peers": peers.measure,
    "ack": ack.measure,
    "answer": answer.measure,
    "burst": burst.measure,
    "open": open_loop.measure,
    "e2e": e2e.measure,
    "memory": memory.measure,
    "send": send.measure,
    "drain": drain.measure,
    "beside": beside.measure,
    "where": where.measure,
    "calls": calls.measure,
    "control": control.measure,
    "store": store.measure,
    "arrive": arrive.measure,
    "listen": listen.measure,
    "list": recording_list.measure,
    "told": told.measure,
    "outage": outage.measure,
}
# More than any subject takes in one warmed-up window on a machine of today: 25,000/s.
_FASTEST: Final = 25_000


def main(words: Sequence[str]) -> int:
    """0 when everything asked was measured, whatever the goals say; 1 when something could not be; 2 wrong words."""
    asked = options.parse(words)
    began = time.monotonic()
    # Texts are asked for with a key that is made later, and a few hundred a second of them.
    is_ingress = bool({*asked.scenarios} & {*options.SCENARIOS["ingress"]})
    requests = corpus.requests(int(_FASTEST * (asked.seconds + 1))) if is_ingress else []
    try:
        with (
            tempfile.TemporaryDirectory(prefix="twilio-server-bench-") as name,
            field.opened(asked, Path(name), requests) as bench,
        ):
            sections = [_measured(bench, scenario) for scenario in asked.scenarios]
    except (GaveUp, NoServer, NoPostgres) as fault:
        print(fault, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 1
    print(f"took {time.monotonic() - began:.0f} s", file=sys.stderr)
    return 0 if all(section.tables for section in sections) else 1


def _measured(bench: Bench, scenario: str) -> Section:
    print(f"── {scenario}", file=sys.stderr, flush=True)
    facts = report.facts(bench.asked.command, machine.calibration_ms(), machine.fsync_ms(bench.folder))
    section = SCENARIOS[scenario](bench)
    text = report.markdown(section, facts)
    print(f"\n{text}\n", flush=True)
    if bench.asked.write:
        report.write(section.name, text)
    return section


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
