"""Questions that tell whether a program of the stack is ready. Each answers with what is missing; empty means ready."""

import http.client
import socket
from pathlib import Path
from urllib.parse import urlsplit

import redis

PATIENCE_S = 2.0  # a program that is starting refuses at once; one that hangs is asked again


def http_ok(url: str, method: str = "GET") -> str:
    """Whether `url` answers 2xx. Asked directly: a proxy of the environment knows nothing of our loopback."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_S)
    try:
        connection.request(method, f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}")
        answer = connection.getresponse()
        told = answer.read(300).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as fault:
        return f"no answer from {url} ({fault})"
    finally:
        connection.close()
    return "" if 200 <= answer.status < 300 else f"{url} answers {answer.status} {told}".strip()


def worker_alive(redis_url: str, node: str, pid: int) -> str:
    """Whether the Celery worker `node` of process `pid` has announced itself in Redis, as it does once it consumes."""
    try:
        with redis.Redis.from_url(redis_url, socket_timeout=PATIENCE_S, decode_responses=True) as client:
            told = client.get(f"ts:alive:{node}@{socket.gethostname()}")
    except redis.RedisError as fault:
        return f"Redis does not answer ({fault})"
    if not told:
        return "it has not announced itself in Redis"
    # A key that a killed worker left behind carries another pid.
    return "" if _descends(int(str(told)), pid) else f"it was announced by another process ({told})"


def _descends(pid: int, ancestor: int) -> bool:
    while pid not in {0, 1, ancestor}:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return pid == ancestor
