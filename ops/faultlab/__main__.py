"""`./ops/faults`: a seed becomes a schedule, the schedule a run, the run a verdict."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ops.faultlab import command, latency, report
from ops.faultlab.calls.__main__ import main as calls
from ops.faultlab.command import REFUSED, Say, Shown
from ops.faultlab.faults import ALL
from ops.faultlab.plan import SHORT, SHORT_S, schedule
from ops.faultlab.recordings.__main__ import main as recordings
from ops.faultlab.run import Result, Wanted, evidence, run
from ops.faultlab.sends.__main__ import main as sends

OTHERS = {"sends": sends, "calls": calls, "recordings": recordings}


def main(words: Sequence[str]) -> int:
    """0 when every promise was kept, 1 when not, 2 when there was no run."""
    if words and (other := OTHERS.get(words[0])):
        return other(words[1:])
    asked = _parser().parse_args(words)
    if unknown := [name for name in asked.faults if name not in ALL]:
        print(f"unknown fault {unknown[0]}; there are {', '.join(ALL)}", file=sys.stderr)
        return REFUSED
    wanted = _wanted(asked)
    say = command.say_for(asked)
    say(f"seed {wanted.seed}, {wanted.lasts_s:g} s, {wanted.rate:g} webhooks/s{', naive' if wanted.is_naive else ''}")
    for planned in wanted.schedule:
        say(f"  at {planned.at_s:6.1f} s  {planned.name} for {planned.hold_s:g} s")

    def play(folder: Path, say: Say) -> Shown:
        result = run(wanted, folder, say)
        return Shown(
            report.lines(wanted, result), report.document(wanted, result), lambda: evidence(result, result.case.tries),
            bool(result.violations), {"seconds.txt": _seconds(result)},
        )  # fmt: skip

    return command.carry_out(asked, "faults", _again(asked), play)


def _wanted(asked: argparse.Namespace) -> Wanted:
    lasts_s = SHORT_S if asked.short else asked.minutes * 60
    planned = list(SHORT) if asked.short else schedule(asked.seed, lasts_s, asked.faults)
    return Wanted(asked.seed, lasts_s, asked.rate, planned, asked.naive)


def _seconds(result: Result) -> str:
    """A line for each second of the run."""
    return "".join(
        f"{second:5} s  acked {f.count - f.refused - f.unanswered:4}  refused {f.refused:4}  no answer {f.unanswered:4}  "
        f"p50 {f.p50_ms:7.1f}  p99 {f.p99_ms:7.1f}  max {f.max_ms:7.1f}  {' '.join(faults)}\n"
        for second, f, faults in latency.by_second(result.case.tries, result.marks, result.began_ns)
    )


def _again(asked: argparse.Namespace) -> str:
    words = ["--short"] if asked.short else [f"--minutes {asked.minutes:g}"]
    words += [f"--seed {asked.seed}", f"--rate {asked.rate:g}"]
    words += [f"--faults {','.join(asked.faults)}"] if asked.faults else []
    return " ".join([*words, "--naive"] if asked.naive else words)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./ops/faults",
        description="Starts a house of its own, loads it, breaks it, and checks every promise it made.",
        epilog=f"Faults: {', '.join(ALL)}. `./ops/faults sends --help`, `calls --help`, `recordings --help`: others.",
    )
    parser.add_argument("--seed", type=int, default=1, help="decides traffic and schedule (default %(default)s)")
    parser.add_argument("--minutes", type=float, default=2.0, help="of load (default %(default)g)")
    parser.add_argument(
        "--short", action="store_true", help="the most telling faults in half a minute, for every change"
    )
    parser.add_argument("--faults", type=_names, default=[], metavar="A,B", help="only these, one at a time")
    parser.add_argument("--rate", type=float, default=50.0, help="webhooks a second (default %(default)g)")
    parser.add_argument("--naive", action="store_true", help="against a naive service instead: it must fail")
    command.add_outputs(parser)
    return parser


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
