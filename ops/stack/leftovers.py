"""The children of a supervisor that was killed: they must be gone before their data is opened a second time.

On Linux the kernel ends them; a PostgreSQL may still be writing its last checkpoint. Elsewhere nobody ends them but us.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

PATIENCE_S = 10.0  # a clean stop of the slowest of them


def note(path: Path, pids: Mapping[str, int]) -> None:
    """Write down who runs: one `pid birth` a line. A pid alone may come again; with its birth it does not."""
    lines = [f"{pid} {born}\n" for pid in pids.values() if (born := birth(pid))]
    path.write_text("".join(lines), encoding="utf-8")


def clear(path: Path, patience_s: float = PATIENCE_S) -> int:
    """Wait until those noted in `path` are gone; end those that stay, by pid. Returns how many had to be ended."""
    if not path.exists():
        return 0
    noted = [line.split(" ", 1) for line in path.read_text(encoding="utf-8").splitlines()]
    deadline = time.monotonic() + patience_s
    while (left := [int(pid) for pid, born in noted if birth(int(pid)) == born]) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    path.unlink()
    return len(left)


def birth(pid: int) -> str:
    """When the process began, in the system's own words; empty when there is none (or only its remains)."""
    try:
        # Field 22 counts from the first; the name in brackets may hold spaces.
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if after_name[0] == "Z" else after_name[19]
    except OSError:
        if Path("/proc/self").exists():
            return ""
    told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return told.stdout.strip()
