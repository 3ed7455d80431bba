"""`./ops/faults sends`: a seed becomes texts and a schedule, these a run, the run a verdict."""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ops.faultlab.house import NotReady
from ops.faultlab.sends import plan, report
from ops.faultlab.sends.plan import Wanted
from ops.faultlab.sends.run import Result, run
from ops.stack.postgres import NoPostgres
from ops.stack.redis import NoServer

KEPT_PROMISES, BROKEN_PROMISES, REFUSED = 0, 1, 2
MOST_TEXTS = 50_000  # a quarter of an hour of load


def main(words: Sequence[str]) -> int:
    """0 when every promise was kept, 1 when not, 2 when there was no run."""
    asked = _parser().parse_args(words)
    if not 1 <= asked.texts <= MOST_TEXTS:
        print(f"--texts takes 1 to {MOST_TEXTS}", file=sys.stderr)
        return REFUSED
    wanted = plan.wanted(asked.seed, asked.texts, is_short=asked.short, is_naive=asked.naive)
    say = _quiet if asked.json else _loud
    say(f"seed {wanted.seed}, {wanted.texts} texts in {wanted.lasts_s:.0f} s, {len(wanted.schedule)} faults")
    folder = Path(asked.keep or tempfile.mkdtemp(prefix="twilio-server-sends-")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        result = run(wanted, folder, say)
    except (NotReady, NoServer, NoPostgres) as fault:
        print(f"no run: {fault}", file=sys.stderr)
        return REFUSED
    for line in report.lines(result):
        say(line)
    _leave(wanted, result, folder, is_kept=bool(asked.keep))
    if asked.json:
        print(json.dumps(report.document(wanted, result)))
    if result.violations:
        print(f"evidence: {folder}\nagain:    ./ops/faults sends {_again(asked)}", file=sys.stderr)
        return BROKEN_PROMISES
    return KEPT_PROMISES


def _leave(wanted: Wanted, result: Result, folder: Path, *, is_kept: bool) -> None:
    """The evidence of a run that failed, and of one that is to be kept; of any other, nothing."""
    if not result.violations and not is_kept:
        shutil.rmtree(folder, ignore_errors=True)
        return
    (folder / "differences.json").write_text(json.dumps(report.evidence(result), indent=1), encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(report.document(wanted, result)), encoding="utf-8")


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
    parser.add_argument("--keep", metavar="FOLDER", help="run there, and leave everything")
    parser.add_argument("--json", action="store_true", help="print the result as JSON, and nothing else")
    return parser


def _loud(line: str) -> None:
    print(line, flush=True)


def _quiet(_line: str) -> None:
    return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
