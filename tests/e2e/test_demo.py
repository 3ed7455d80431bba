"""The demo that greets every new user: all of its stories come true, and --json says so to machines."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A start, ten stories and an end on a machine that may be busy.
WITHIN_S = 200

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(WITHIN_S + 20)]


def test_every_story_of_the_demo_comes_true(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "ops.stack.up", "--once", "--json", "--auto-ports"],
        cwd=ROOT,
        env={**os.environ, "TS_RUN_DIR": str(tmp_path / "run")},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    told = json.loads(done.stdout)
    assert [check for check in told["checks"] if not check["ok"]] == []
    assert (told["ok"], len(told["checks"]), done.returncode) == (True, 10, 0)
    assert set(told["urls"]) >= {"TS_URL", "TS_SIMULATOR_URL", "FLOWER_URL"}
    # The secrets are in the run folder, not in what a machine logs.
    assert "postgresql://" not in done.stdout
