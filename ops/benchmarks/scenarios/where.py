"""Where does the CPU of sending one text go?"""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Final

from ops.benchmarks import sending
from ops.benchmarks.field import Bench
from ops.benchmarks.load import Generator
from ops.benchmarks.report import Section, Table
from ops.benchmarks.scenarios.send import CALM, CONNECTIONS
from ops.benchmarks.sending import Sending
from ops.benchmarks.subjects import ROOT

TEXTS: Final = 300
_ENDS_WITHIN_S: Final = 120


def measure(bench: Bench) -> Section:
    """Texts that wait, sent one after the other by one thread of one process, under Python's own profiler."""
    with sending.opened(bench, "ours", without=("sms", *sending.WITHOUT_WORK)) as house:
        load = Generator(house.address, CONNECTIONS, house.texts(0, TEXTS))
        try:
            load.paced(TEXTS, 5 * CALM)
        finally:
            load.close()
        told = _profile(house)
    return _section(told)


def _section(told: Mapping[str, Any]) -> Section:
    shares = [[name, f"{share:.0%}", f"{share * told['cpu_ms']:.2f}"] for name, share in told["by_library"].items()]
    heaviest = [
        [library, f"`{function}`", f"{calls:.1f}", f"{share:.1%}"]
        for library, function, calls, share in told["heaviest"]
    ]
    tables = [
        Table(["library", "share", "CPU ms a text"], shares),
        Table(["library", "function", "calls a text", "share"], heaviest),
    ]
    return Section("where", "Where the CPU of sending a text goes", tables, notes=[
        f"`workers.execute.run` on {told['texts']} waiting texts, one after the other, in one thread of one process against "
        f"the simulator: {told['cpu_ms']:.2f} ms of CPU a text by the thread's clock, without the profiler.",
        "Shares are cProfile's, with the thread's CPU as its clock, over as many texts again; what is built in counts for "
        "whoever calls it. The profiler charges each call of Python's, so shares of much small Python are too large.",
        "The message that brings the job to the thread (Celery, kombu) is not in it: table \"send\" has the whole worker.",
    ])  # fmt: skip


def _profile(house: Sending) -> Mapping[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "ops.benchmarks.profile"],
        cwd=ROOT, env=house.supervisor.env, capture_output=True, text=True, timeout=_ENDS_WITHIN_S, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"the profile ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])
