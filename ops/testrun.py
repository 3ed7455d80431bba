"""Runs the tests: own stores on free ports in a temporary folder, pytest in stages, coverage over all of it, gates."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree  # reads only what our own pytest has written
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.stack import stores
from ops.stack.postgres import NoPostgres
from ops.stack.redis import NoServer
from ops.stack.supervisor import GaveUp, Supervisor

ROOT = Path(__file__).parent.parent
PREFIX = "twilio-server-test-"
MOST_STORED = 2 * 1024**3  # bytes: a gigabyte is what PostgreSQL's log may take, and as much for all that is copied
NO_TESTS = 5  # pytest's exit code when it has found none

# Least line and branch coverage in percent, by folder; "" is everything together.
GATES: Mapping[str, float] = {"": 95, "shared/domain": 99, "shared/db": 97, "ingress": 95, "workers": 93}


@dataclass(frozen=True)
class Stage:
    """One call of pytest."""

    name: str
    folders: Sequence[str]
    options: Sequence[str] = ()


# More than the cores: most of these tests wait for real processes.
# Who has nothing left takes of what others have before them: the last of long files would leave the other workers idle.
PARALLEL = ("-n", str(max(3, min(4, os.cpu_count() or 2))), "--dist", "worksteal")
# The simulator, the benchmarks and the fault runs are not the service: what they do has its tests beside the rest (`.ci/run`).
TOOLS = (
    "tests/unit/benchmarks", "tests/unit/faultlab", "tests/unit/twilio_sim", "tests/integration/benchmarks",
    "tests/integration/twilio_sim",
)  # fmt: skip
# e2e tests start a whole stack each: two at once would measure each other.
STAGES = (
    Stage(
        "unit and integration",
        ["tests/unit", "tests/integration"],
        [*PARALLEL, *(f"--ignore={folder}" for folder in TOOLS)],
    ),
    Stage("e2e", ["tests/e2e"]),
)
NAMED = {
    "unit": Stage("unit", ["tests/unit"], PARALLEL),
    "integration": Stage("integration", ["tests/integration"], PARALLEL),
    "e2e": STAGES[1],
    "tools": Stage("tools", TOOLS, PARALLEL),
    # Worker processes killed and frozen in the middle of their work: minutes of waiting, so beside the rest (`.ci/run`).
    "kills": Stage("kills", ["tests/kills"], PARALLEL),
    # That the fault runs find what a naive service does wrong: minutes, so beside the rest (`.ci/run`).
    "chaos": Stage("chaos", ["tests/chaos"]),
}


@dataclass(frozen=True)
class Asked:
    """What the command line asks for."""

    stages: Sequence[Stage]
    arguments: Sequence[str]
    redis_flavour: str | None
    is_whole: bool
    """Everything runs: the gates apply."""


def understand(arguments: Sequence[str]) -> Asked:
    """The stages and pytest's own arguments in `arguments`: [--redis NAME] [a name of NAMED] [for pytest …]."""
    rest, flavour = list(arguments), None
    if rest[:1] == ["--redis"] and len(rest) > 1:
        flavour, rest = rest[1], rest[2:]
    if rest and rest[0] in NAMED:
        return Asked([NAMED[rest[0]]], rest[1:], flavour, is_whole=False)
    if any(Path(ROOT, word.partition("::")[0]).exists() for word in rest):
        return Asked([Stage("chosen tests", [])], rest, flavour, is_whole=False)
    return Asked(STAGES, rest, flavour, is_whole=not rest)


def main(arguments: Sequence[str]) -> int:
    """0 when all tests passed and the gates hold, else 1."""
    began = time.monotonic()
    asked = understand(arguments)
    with (
        tempfile.TemporaryDirectory(prefix=PREFIX) as name,
        tempfile.TemporaryDirectory(prefix=PREFIX, dir=in_memory()) as stored,
    ):
        folder = Path(name)
        supervisor = Supervisor(env=os.environ, cwd=ROOT, logs=folder, say=print)
        try:
            env = _environment(folder, _start_stores(supervisor, Path(stored), asked.redis_flavour))
            codes = [_run(stage, asked, env, folder) for stage in asked.stages]
        except (GaveUp, NoServer, NoPostgres) as fault:
            print(fault, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 1
        finally:
            supervisor.stop(stores.STOP_ORDER)
        counts = _counted(folder)
        coverage, faults = _coverage(env, folder, GATES) if asked.is_whole else ("", [])
    is_green = not faults and set(codes) <= {0, NO_TESTS} and counts["passed"] > 0
    if asked.is_whole:
        is_green = is_green and NO_TESTS not in codes
    for fault in faults:
        print(fault)
    print(_closing_line(counts, coverage, time.monotonic() - began, is_green=is_green))
    return 0 if is_green else 1


def in_memory() -> str | None:
    """A folder of this machine's memory with room for the tests' stores; None: the disk must do.

    Most tests copy a database, and three hundred small files are made in a tenth of the time there.
    """
    folder = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    has_room = folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > MOST_STORED
    return str(folder) if has_room else None


def _start_stores(supervisor: Supervisor, folder: Path, flavour: str | None) -> dict[str, str]:
    wanted = stores.Wanted(secrets.token_hex(16), secrets.token_hex(16), redis_flavour=flavour, is_durable=False)
    return stores.start_ready(supervisor, folder, wanted)


def _environment(folder: Path, found: Mapping[str, str]) -> dict[str, str]:
    """Ours without the settings of a stack that may run beside the tests, with the addresses of the tests' stores."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("TS_")}
    told = {f"TS_TEST_{key.removeprefix('TS_')}": value for key, value in found.items()}
    return {**ours, **told, "COVERAGE_FILE": str(folder / "coverage"), "PYTHONPATH": str(ROOT)}


def _run(stage: Stage, asked: Asked, env: Mapping[str, str], folder: Path) -> int:
    print(f"── {stage.name}", flush=True)
    report = folder / f"{stage.name.replace(' ', '-')}.xml"
    # Measuring slows tests down, and a part of them says nothing about coverage.
    measured = ["-m", "coverage", "run"] if asked.is_whole else []
    pytest = ["-m", "pytest", f"--junitxml={report}", *stage.options, *stage.folders, *asked.arguments]
    started = subprocess.Popen([sys.executable, *measured, *pytest], cwd=ROOT, env=dict(env))
    try:
        return started.wait()
    finally:
        if started.poll() is None:
            started.wait(30)  # Ctrl-C has reached it too: it is closing its fixtures


def _counted(folder: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    for report in folder.glob("*.xml"):
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):  # noqa: S314
            named = {key: int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")}
            counts["failed"] += named["failures"]
            counts["errors"] += named["errors"]
            counts["skipped"] += named["skipped"]
            counts["passed"] += named["tests"] - named["failures"] - named["errors"] - named["skipped"]
    return counts


def _coverage(env: Mapping[str, str], folder: Path, gates: Mapping[str, float]) -> tuple[str, list[str]]:
    """("91.2 %", the gates that do not hold)."""
    report = folder / "coverage.json"
    for words in (["combine", "-q"], ["report"], ["json", "-q", "-o", str(report)]):
        subprocess.run([sys.executable, "-m", "coverage", *words], cwd=ROOT, env=dict(env), check=False)
    if not report.exists():
        return "none", ["coverage: nothing was measured"]
    files = json.loads(report.read_text())["files"]
    reached = {prefix: percent(files, prefix) for prefix in {"", *gates}}
    faults = [
        f"coverage: {prefix or 'everything'} has {reached[prefix]:.1f} %, the gate is {least:g} %"
        for prefix, least in gates.items()
        if reached[prefix] < least
    ]
    return f"{reached['']:.1f} %", faults


def percent(files: Mapping[str, Mapping[str, Mapping[str, int]]], prefix: str) -> float:
    """Covered lines and branches of the files below `prefix`, in percent of all; 0 when there are none."""
    covered = total = 0
    for path, facts in files.items():
        if path.startswith(prefix):
            summary = facts["summary"]
            covered += summary["covered_lines"] + summary.get("covered_branches", 0)
            total += summary["num_statements"] + summary.get("num_branches", 0)
    return 100 * covered / total if total else 0


def _closing_line(counts: Counter[str], coverage: str, took_s: float, *, is_green: bool) -> str:
    parts = [f"{counts[word]} {word}" for word in ("failed", "errors", "passed", "skipped") if counts[word]]
    text = ", ".join(parts or ["no tests ran"]) + (f", coverage {coverage}" if coverage else "")
    verdict = "" if is_green else "NOT GREEN: "
    return f"{f' {verdict}{text} in {took_s:.1f}s ':=^100}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
