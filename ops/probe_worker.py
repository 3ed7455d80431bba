"""Knows whether this host's worker of a name consumes: it says so itself, and only while it does (`workers/guard.py`).

That a process lives, or answers a ping, proves nothing: a worker can do both and take no task any more.
"""

import os
import socket
import sys

import redis

from shared.settings import load

# A frozen Redis must give a reason and not a killed probe.
PATIENCE_S = 5.0


def complaint(redis_url: str, node: str) -> str | None:
    """Why the worker `node` is not healthy; None when it is. Its word is good for 30 s."""
    try:
        with redis.Redis.from_url(redis_url, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S) as client:
            return None if client.exists(f"ts:alive:{node}") else f"{node} does not say that it consumes"
    except redis.RedisError as fault:
        return f"Redis does not answer ({type(fault).__name__})"


def main(arguments: list[str]) -> int:
    """One name of a worker; 0 when it is healthy, else 1 and the reason on stderr."""
    if len(arguments) != 1:
        found = "usage: python -m ops.probe_worker NAME"
    else:
        found = complaint(load(os.environ).redis_url, f"{arguments[0]}@{socket.gethostname()}")
    if found:
        print(found, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
