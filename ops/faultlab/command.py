"""What the commands of the laboratory have in common: the folder of a run, its report, its evidence, its exit code."""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops.faultlab.house import NotReady
from ops.stack.postgres import NoPostgres
from ops.stack.redis import NoServer

KEPT_PROMISES, BROKEN_PROMISES, REFUSED = 0, 1, 2
Say = Callable[[str], None]


@dataclass(frozen=True)
class Shown:
    """A run as its command shows it. `document` is for machines, `evidence` what differs, `files` more texts for the folder."""

    lines: Iterable[str]
    document: Mapping[str, Any]
    evidence: Callable[[], Mapping[str, Any]]
    is_broken: bool
    files: Mapping[str, str] = field(default_factory=dict)


def add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep", metavar="FOLDER", help="run there, and leave everything")
    parser.add_argument("--json", action="store_true", help="print the result as JSON, and nothing else")


def say_for(asked: argparse.Namespace) -> Say:
    """Where the run tells people how it goes: nowhere when a machine listens."""
    return (lambda _line: None) if asked.json else (lambda line: print(line, flush=True))


def carry_out(asked: argparse.Namespace, name: str, again: str, play: Callable[[Path, Say], Shown]) -> int:
    """0 when every promise was kept, 1 when not, 2 when there was no run. `again` are the words that repeat it."""
    say = say_for(asked)
    folder = Path(asked.keep or tempfile.mkdtemp(prefix=f"twilio-server-{name}-")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        shown = play(folder, say)
    except (NotReady, NoServer, NoPostgres) as fault:
        print(f"no run: {fault}", file=sys.stderr)
        return REFUSED
    for line in shown.lines:
        say(line)
    _leave(shown, folder, is_kept=bool(asked.keep))
    if asked.json:
        print(json.dumps(shown.document))
    if shown.is_broken:
        print(f"evidence: {folder}\nagain:    ./ops/faults {again}", file=sys.stderr)
        return BROKEN_PROMISES
    return KEPT_PROMISES


def _leave(shown: Shown, folder: Path, *, is_kept: bool) -> None:
    """The evidence of a run that failed, and of one that is to be kept; of any other, nothing."""
    if not shown.is_broken and not is_kept:
        shutil.rmtree(folder, ignore_errors=True)
        return
    (folder / "differences.json").write_text(json.dumps(shown.evidence(), indent=1), encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(shown.document), encoding="utf-8")
    for name, text in shown.files.items():
        (folder / name).write_text(text, encoding="utf-8")
