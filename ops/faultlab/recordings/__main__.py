"""`./ops/faults recordings`: a seed becomes recordings and a schedule, these a run, the run a verdict."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ops.faultlab import command
from ops.faultlab.command import REFUSED, Say, Shown
from ops.faultlab.recordings import plan, report
from ops.faultlab.recordings.run import run

MOST_RECORDINGS = 2_000  # twenty minutes of load


def main(words: Sequence[str]) -> int:
    """0 when every promise was kept, 1 when not, 2 when there was no run."""
    asked = _parser().parse_args(words)
    if not 1 <= asked.recordings <= MOST_RECORDINGS:
        print(f"--recordings takes 1 to {MOST_RECORDINGS}", file=sys.stderr)
        return REFUSED
    wanted = plan.wanted(asked.seed, asked.recordings, is_short=asked.short, is_calm=asked.calm)

    def play(folder: Path, say: Say) -> Shown:
        say(
            f"seed {wanted.seed}, {wanted.recordings} recordings in {wanted.lasts_s:.0f} s, {len(wanted.schedule)} faults"
        )
        result = run(wanted, folder, say)
        return Shown(
            report.lines(result), report.document(wanted, result), lambda: report.evidence(result),
            bool(result.violations), {"case.json": json.dumps(asdict(result.case))},
        )  # fmt: skip

    return command.carry_out(asked, "recordings", f"recordings {_again(asked)}", play)


def _again(asked: argparse.Namespace) -> str:
    words = ["--calm"] if asked.calm else ["--short"] if asked.short else [f"--recordings {asked.recordings}"]
    return " ".join([*words, f"--seed {asked.seed}"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./ops/faults recordings",
        description="Has recordings made, heard, held and deleted in a house of its own, breaks it, Twilio and the store "
        "meanwhile, and accounts for every byte.",
    )
    parser.add_argument("--recordings", type=int, default=300, help="how many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="decides recordings and schedule (default %(default)s)")
    parser.add_argument("--short", action="store_true", help="a few dozen, for every change")
    parser.add_argument("--calm", action="store_true", help="two dozen, and nothing breaks: to look at the judge")
    command.add_outputs(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
