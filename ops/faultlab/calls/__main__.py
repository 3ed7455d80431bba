"""`./ops/faults calls`: a seed becomes calls and a schedule, these a run, the run a verdict."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ops.faultlab import command
from ops.faultlab.calls import plan, report
from ops.faultlab.calls.run import run
from ops.faultlab.command import REFUSED, Say, Shown

MOST_CALLS = 2_000  # twenty minutes of load


def main(words: Sequence[str]) -> int:
    """0 when every promise was kept, 1 when not, 2 when there was no run."""
    asked = _parser().parse_args(words)
    if not 1 <= asked.calls <= MOST_CALLS:
        print(f"--calls takes 1 to {MOST_CALLS}", file=sys.stderr)
        return REFUSED
    wanted = plan.wanted(asked.seed, asked.calls, is_short=asked.short, is_naive=asked.naive)

    def play(folder: Path, say: Say) -> Shown:
        say(f"seed {wanted.seed}, {wanted.calls} calls in {wanted.lasts_s:.0f} s, {len(wanted.schedule)} faults")
        result = run(wanted, folder, say)
        return Shown(
            report.lines(result), report.document(wanted, result), lambda: report.evidence(result),
            bool(result.violations),
        )  # fmt: skip

    return command.carry_out(asked, "calls", f"calls {_again(asked)}", play)


def _again(asked: argparse.Namespace) -> str:
    words = ["--naive"] if asked.naive else ["--short"] if asked.short else [f"--calls {asked.calls}"]
    return " ".join([*words, f"--seed {asked.seed}"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./ops/faults calls",
        description="Has a house of its own called and controlled, breaks it and Twilio meanwhile, and judges every call.",
    )
    parser.add_argument("--calls", type=int, default=300, help="how many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="decides calls and schedule (default %(default)s)")
    parser.add_argument("--short", action="store_true", help="a few dozen calls, for every change")
    parser.add_argument("--naive", action="store_true", help="a naive service instead: it must fail")
    command.add_outputs(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
