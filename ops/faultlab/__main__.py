"""`./ops/faults`: a seed becomes a schedule, the schedule a run, the run a verdict."""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ops.faultlab import latency, report
from ops.faultlab.faults import ALL
from ops.faultlab.house import NotReady
from ops.faultlab.plan import SHORT, SHORT_S, schedule
from ops.faultlab.run import Result, Wanted, evidence, run
from ops.faultlab.sends.__main__ import main as sends
from ops.stack.postgres import NoPostgres
from ops.stack.redis import NoServer

KEPT_PROMISES, BROKEN_PROMISES, REFUSED = 0, 1, 2


def main(words: Sequence[str]) -> int:
    """0 when every promise was kept, 1 when not, 2 when there was no run."""
    if words[:1] == ["sends"]:
        return sends(words[1:])
    asked = _parser().parse_args(words)
    if unknown := [name for name in asked.faults if name not in ALL]:
        print(f"unknown fault {unknown[0]}; there are {', '.join(ALL)}", file=sys.stderr)
        return REFUSED
    wanted = _wanted(asked)
    say = _quiet if asked.json else _loud
    say(f"seed {wanted.seed}, {wanted.lasts_s:g} s, {wanted.rate:g} webhooks/s{', naive' if wanted.is_naive else ''}")
    for planned in wanted.schedule:
        say(f"  at {planned.at_s:6.1f} s  {planned.name} for {planned.hold_s:g} s")
    folder = Path(asked.keep or tempfile.mkdtemp(prefix="twilio-server-faults-")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        result = run(wanted, folder, say)
    except (NotReady, NoServer, NoPostgres) as fault:
        print(f"no run: {fault}", file=sys.stderr)
        return REFUSED
    for line in report.lines(wanted, result):
        say(line)
    _leave(wanted, result, folder, is_kept=bool(asked.keep))
    if asked.json:
        print(json.dumps(report.document(wanted, result)))
    if result.violations:
        print(f"evidence: {folder}\nagain:    ./ops/faults {_again(asked)}", file=sys.stderr)
        return BROKEN_PROMISES
    return KEPT_PROMISES


def _wanted(asked: argparse.Namespace) -> Wanted:
    lasts_s = SHORT_S if asked.short else asked.minutes * 60
    planned = list(SHORT) if asked.short else schedule(asked.seed, lasts_s, asked.faults)
    return Wanted(asked.seed, lasts_s, asked.rate, planned, asked.naive)


def _leave(wanted: Wanted, result: Result, folder: Path, *, is_kept: bool) -> None:
    """The evidence of a run that failed, and of one that is to be kept; of any other, nothing."""
    if not result.violations and not is_kept:
        shutil.rmtree(folder, ignore_errors=True)
        return
    found = evidence(result, result.case.tries)
    (folder / "differences.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    seconds = latency.by_second(result.case.tries, result.marks, result.began_ns)
    table = "".join(
        f"{second:5} s  acked {f.count - f.refused - f.unanswered:4}  refused {f.refused:4}  no answer {f.unanswered:4}  "
        f"p50 {f.p50_ms:7.1f}  p99 {f.p99_ms:7.1f}  max {f.max_ms:7.1f}  {' '.join(faults)}\n"
        for second, f, faults in seconds
    )
    (folder / "seconds.txt").write_text(table, encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(report.document(wanted, result)), encoding="utf-8")


def _again(asked: argparse.Namespace) -> str:
    words = ["--short"] if asked.short else [f"--minutes {asked.minutes:g}"]
    words += [f"--seed {asked.seed}", f"--rate {asked.rate:g}"]
    words += [f"--faults {','.join(asked.faults)}"] if asked.faults else []
    return " ".join([*words, "--naive"] if asked.naive else words)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./ops/faults",
        description="Starts a house of its own, loads it, breaks it, and checks every promise it made.",
        epilog=f"Faults: {', '.join(ALL)}. `./ops/faults sends --help`: the same for sending texts.",
    )
    parser.add_argument("--seed", type=int, default=1, help="decides traffic and schedule (default %(default)s)")
    parser.add_argument("--minutes", type=float, default=2.0, help="of load (default %(default)g)")
    parser.add_argument(
        "--short", action="store_true", help="the most telling faults in half a minute, for every change"
    )
    parser.add_argument("--faults", type=_names, default=[], metavar="A,B", help="only these, one at a time")
    parser.add_argument("--rate", type=float, default=50.0, help="webhooks a second (default %(default)g)")
    parser.add_argument("--naive", action="store_true", help="against a naive service instead: it must fail")
    parser.add_argument("--keep", metavar="FOLDER", help="run there, and leave everything")
    parser.add_argument("--json", action="store_true", help="print the result as JSON, and nothing else")
    return parser


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _loud(line: str) -> None:
    print(line, flush=True)


def _quiet(_line: str) -> None:
    return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
