"""Runs the fault laboratory as a command, for the tests that it finds what is broken."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def faults(*words: str, within_s: float, keep: Path) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """(exit code, report, evidence) of `./ops/faults`, which leaves its folder in `keep`."""
    done = subprocess.run(
        [sys.executable, "-m", "ops.faultlab", *words, "--json", "--keep", str(keep)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout), json.loads((keep / "differences.json").read_text())
