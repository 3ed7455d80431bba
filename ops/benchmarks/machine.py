"""What the kernel tells of processes and of the machine: CPU used, memory held, and how fast it is just now (Linux)."""

import os
import platform
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_CALIBRATION: Final = 200_000  # about 10 ms on a machine of 2024
PACKAGES: Final = ("gunicorn", "flask", "celery", "redis", "hiredis", "twilio", "psycopg", "gevent")


@dataclass(frozen=True)
class Moment:
    """CPU seconds that were used until now, by the whole machine and by named groups of processes."""

    at_s: float
    busy_s: float
    by_group: dict[str, float]


@dataclass(frozen=True)
class Window:
    """What was used between two moments. `others` is the share of the machine that nobody of ours has used."""

    elapsed_s: float
    by_group: dict[str, float]
    others: float


def family(pid: int) -> list[int]:
    """`pid` and all who descend from it."""
    children: dict[int, list[int]] = {}
    for stat in _stats():
        children.setdefault(int(stat[1][1]), []).append(stat[0])
    found = [pid]
    for member in found:
        found += children.get(member, [])
    return found


def own_pid() -> list[int]:
    """This process, as a group."""
    return [os.getpid()]


def cpu_s(pids: Iterable[int]) -> float:
    """User and system time of these processes, their living threads' and their ended ones'."""
    return sum(int(stat[11]) + int(stat[12]) for pid in pids if (stat := _stat(pid))) / _TICKS


def moment(groups: dict[str, list[int]]) -> Moment:
    """CPU times now; `groups` are the pids to add up, by name."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    user, nice, system, _idle, _waiting, irq, soft, steal = (int(word) for word in words[1:9])
    used = {name: cpu_s(pids) for name, pids in groups.items()}
    return Moment(time.perf_counter(), (user + nice + system + irq + soft + steal) / _TICKS, used)


def between(first: Moment, last: Moment) -> Window:
    """The window from `first` to `last`. Every process of ours must be in one of their groups."""
    used = {name: last.by_group[name] - first.by_group[name] for name in first.by_group}
    elapsed = last.at_s - first.at_s
    others = (last.busy_s - first.busy_s - sum(used.values())) / (elapsed * (os.cpu_count() or 1))
    return Window(elapsed, used, max(0.0, others))


def memory_mb(pids: Iterable[int]) -> tuple[float, str]:
    """(MB, "PSS" or "RSS") of these processes. PSS shares common pages out; RSS, where PSS may not be read, does not."""
    total_kb, kind = 0, "PSS"
    for pid in pids:
        try:
            total_kb += _kb(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")
        except PermissionError:
            total_kb, kind = total_kb + _kb(Path(f"/proc/{pid}/status"), "VmRSS:"), "RSS"
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    return total_kb / 1024, kind


def peak_mb(pids: Iterable[int]) -> float:
    """The most resident memory that each of these has had, added up: an upper bound of what they had at one time."""
    return sum(_kb_of(pid, "VmHWM:") for pid in pids) / 1024


def forget_peaks(pids: Iterable[int]) -> None:
    """Their peaks are what they have now (proc_pid_clear_refs(5): 5). Only for processes of one's own."""
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            Path(f"/proc/{pid}/clear_refs").write_text("5")


def calibration_ms() -> float:
    """How long a fixed loop takes now: the clock of a shared host drifts. The best of three."""
    return min(_loop_ms() for _ in range(3))


def fsync_ms(folder: Path) -> float:
    """Median of appending 1 kB and fdatasync in `folder`."""
    took: list[float] = []
    path = folder / "fsync-probe"
    with path.open("wb", buffering=0) as file:
        for _ in range(50):
            before = time.perf_counter()
            file.write(b"x" * 1024)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - before)
    path.unlink()
    return sorted(took)[25] * 1000


def described() -> str:
    """The machine in one line: cores, processor, memory, system, Python."""
    facts = Path("/proc/cpuinfo").read_text()
    model = next((line.partition(":")[2].strip() for line in facts.split("\n") if line.startswith("model name")), "CPU")
    memory_gb = _kb(Path("/proc/meminfo"), "MemTotal:") / 1024 / 1024
    return (
        f"{os.cpu_count()} cores ({model}), {memory_gb:.0f} GB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def versions() -> str:
    """The packages that matter, with their versions."""
    found: list[str] = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def _loop_ms() -> float:
    before = time.perf_counter()
    total = 0
    for number in range(_CALIBRATION):
        total += number & 7
    return (time.perf_counter() - before) * 1000


def _kb_of(pid: int, name: str) -> int:
    try:
        return _kb(Path(f"/proc/{pid}/status"), name)
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _kb(path: Path, name: str) -> int:
    line = next((line for line in path.read_text().split("\n") if line.startswith(name)), "")
    return int(line.split()[1]) if line else 0


def _stat(pid: int) -> list[str]:
    """The words of /proc/PID/stat behind the name; empty when it has ended. 0 is the state, 1 the parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _stats() -> Iterator[tuple[int, list[str]]]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            yield int(entry.name), stat
