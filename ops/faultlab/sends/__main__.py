"""`./ops/faults sends`: a seed becomes texts and a schedule, these a run, the run a verdict."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ops.faultlab import command
from ops.faultlab.command import REFUSED, Say, Shown
from ops.faultlab.sends import plan, report
from ops.faultlab.sends.run import run

MOST_TEXTS = 50_000  # a quarter of an hour of load


def main(words: Sequence[str]) -> int:
    """0 when every promise was kept, 1 when not, 2 when there was no run."""
    asked = _parser().parse_args(words)
    if not 1 <= asked.texts <= MOST_TEXTS:
        print(f"--texts takes 1 to {MOST_TEXTS}", file=sys.stderr)
        return REFUSED
    wanted = plan.wanted(asked.seed, asked.texts, is_short=asked.short, is_naive=asked.naive)

    def play(folder: Path, say: Say) -> Shown:
        say(f"seed {wanted.seed}, {wanted.texts} texts in {wanted.lasts_s:.0f} s, {len(wanted.schedule)} faults")
        result = run(wanted, folder, say)
        return Shown(
            report.lines(result), report.document(wanted, result), lambda: report.evidence(result),
            bool(result.violations),
        )  # fmt: skip

    return command.carry_out(asked, "sends", f"sends {_again(asked)}", play)


def _again(asked: argparse.Namespace) -> str:
    words = ["--naive"] if asked.naive else ["--short"] if asked.short else [f"--texts {asked.texts}"]
    return " ".join([*words, f"--seed {asked.seed}"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./ops/faults sends",
        description="Has texts sent by a house of its own, breaks it and Twilio meanwhile, and compares the two ledgers.",
    )
    parser.add_argument("--texts", type=int, default=10_000, help="how many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="decides texts and schedule (default %(default)s)")
    parser.add_argument("--short", action="store_true", help="a few hundred texts, for every change")
    parser.add_argument("--naive", action="store_true", help="a few texts by a naive sender instead: it must fail")
    command.add_outputs(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
