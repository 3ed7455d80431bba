"""`python -m ops.benchmarks.profile`: sends the texts that wait, with this process's variables, and says what took the CPU.

The last line it prints is JSON: the CPU of a text without the profiler, and shares by library and by function with it.
"""

import cProfile
import json
import os
import pstats
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ops.benchmarks.sending import jobs_due
from shared.settings import load
from workers import execute
from workers.catalogue import CATALOGUE
from workers.context import open_runtime

ROOT: Final = Path(__file__).parents[2]
_WARM_UP: Final = 20
_MOST: Final = 12  # functions that are named

# Which package of the path a function counts for; the first that fits.
LIBRARIES: Final[Mapping[str, str]] = {
    "/twilio/": "Twilio SDK",
    "/requests/": "requests",
    "/urllib3/": "urllib3",
    "/psycopg": "psycopg",
    "/redis/": "redis-py",
    "/celery/": "celery, kombu",
    "/kombu/": "celery, kombu",
    "/structlog/": "structlog",
    "/prometheus_client/": "prometheus",
    "/phonenumbers/": "phonenumbers",
}
_STANDARD: Final[Mapping[str, str]] = {"/http/": "http.client", "/ssl": "sockets", "/socket.py": "sockets", "/json/": "json",
                                       "/email/": "http.client", "/uuid": "uuid"}  # fmt: skip
Key = tuple[str, int, str]


def library_of(path: str) -> str:
    """Whose code the file `path` is; "built in" for what is not Python."""
    if path.startswith(("~", "<")):
        return "built in"
    if path.startswith(str(ROOT)) and "/site-packages/" not in path:
        return "ours"
    places = LIBRARIES if "/site-packages/" in path else _STANDARD
    other = "other packages" if "/site-packages/" in path else "standard library"
    return next((name for part, name in places.items() if part in path), other)


def by_library(stats: Mapping[Key, Any]) -> Counter[str]:
    """Seconds of each library's own functions; what is built in counts for its callers."""
    found: Counter[str] = Counter()
    for (path, _, _), (_, _, own_s, _, callers) in stats.items():
        name = library_of(path)
        if name != "built in":
            found[name] += own_s
            continue
        for (caller, _, _), (_, _, own_there_s, _) in callers.items():
            found[library_of(caller)] += own_there_s
    return found


def heaviest(stats: Mapping[Key, Any]) -> list[tuple[str, str, int, float]]:
    """(library, function, calls, own seconds) of those with the most own time."""
    rows = [
        (library_of(path), f"{Path(path).name}:{function}" if path[0] != "~" else function, calls, own_s)
        for (path, _, function), (_, calls, own_s, _, _) in stats.items()
    ]
    return sorted(rows, key=lambda row: -row[3])[:_MOST]


def main() -> int:
    """0 when there was something to send."""
    settings = load(os.environ)
    rt, jobs = open_runtime(settings), jobs_due(settings.database_url)
    try:
        for job_id in jobs[:_WARM_UP]:
            execute.run(rt, CATALOGUE, job_id)
        half = (len(jobs) - _WARM_UP) // 2
        plain, watched = jobs[_WARM_UP : _WARM_UP + half], jobs[_WARM_UP + half :]
        before = time.thread_time()
        for job_id in plain:
            execute.run(rt, CATALOGUE, job_id)
        cpu_ms = (time.thread_time() - before) / max(1, half) * 1e3
        profile = cProfile.Profile(time.thread_time)
        for job_id in watched:
            profile.runcall(execute.run, rt, CATALOGUE, job_id)
    finally:
        rt.close()
    stats: Any = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    shares, whole = by_library(stats), sum(by_library(stats).values()) or 1.0
    told = {
        "texts": half,
        "cpu_ms": cpu_ms,
        "by_library": {name: own_s / whole for name, own_s in shares.most_common()},
        "heaviest": [[*row[:2], row[2] / max(1, len(watched)), row[3] / whole] for row in heaviest(stats)],
    }
    print(json.dumps(told))
    return 0 if half else 1


if __name__ == "__main__":
    sys.exit(main())
