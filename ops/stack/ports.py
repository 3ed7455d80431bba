"""Which ports are free, and who holds one that is not."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

LISTEN = "0A"  # the state column of /proc/net/tcp


@dataclass(frozen=True)
class Holder:
    """The process that listens on a port."""

    name: str
    pid: int


def free_port() -> int:
    """A port nobody listens on, chosen by the kernel. Someone else may take it before we do: callers look again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_taken(port: int) -> bool:
    """Whether binding 127.0.0.1:`port` fails now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def complaint(port: int, variable: str) -> str:
    """One line for a person whose port is taken: who has it, and the way around."""
    found = holder(port)
    who = f'by "{found.name}" (pid {found.pid})' if found else "by another program"
    return f"port {port} is in use {who}. Free it, or: {variable}={port + 100} ./ops/up"


def holder(port: int) -> Holder | None:
    """Who listens on `port`; None where /proc does not tell (macOS, a process of another user)."""
    inodes = _listening_inodes(port)
    for folder in Path("/proc").glob("[0-9]*") if inodes else ():
        if any(link in inodes for link in _open_sockets(folder)):
            return Holder(_name(folder), int(folder.name))
    return None


def _listening_inodes(port: int) -> set[str]:
    found: set[str] = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        try:
            rows = table.read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            columns = row.split()
            if columns[3] == LISTEN and int(columns[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{columns[9]}]")
    return found


def _open_sockets(folder: Path) -> list[str]:
    links = []
    try:
        for entry in os.scandir(folder / "fd"):
            try:
                links.append(str(Path(entry.path).readlink()))
            except OSError:
                continue  # closed meanwhile
    except OSError:
        pass  # another user's process, or gone
    return links


def _name(folder: Path) -> str:
    try:
        return (folder / "comm").read_text().strip()
    except OSError:
        return "?"
