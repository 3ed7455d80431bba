"""Listeners: each has one connection and asks one thing after the other. What comes is timed first and compared afterwards."""

import http.client
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from ops.benchmarks.line import Address

TIMEOUT_S: Final = 30.0
_CHUNK_BYTES: Final = 65_536
BUSY: Final = 503
_BUSY_PAUSE_S: Final = 0.05  # a listener who was told that all seats are taken asks again


@dataclass(frozen=True)
class Ask:
    """One thing to ask for, and whether an answer's status and body are what they must be."""

    path: str
    is_right: Callable[[int, bytes], bool]
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Heard:
    """Milliseconds from the moment of asking: to the first byte of the body (of the head, if there is no body), and to
    the last.
    """

    first_ms: list[float] = field(default_factory=list)
    last_ms: list[float] = field(default_factory=list)
    wrong: Counter[int] = field(default_factory=Counter)
    """By status: other bytes, or another status, than it should be."""
    busy: int = 0
    size_bytes: int = 0

    def add(self, other: "Heard") -> None:
        """What another listener has heard."""
        self.first_ms += other.first_ms
        self.last_ms += other.last_ms
        self.wrong += other.wrong
        self.busy += other.busy
        self.size_bytes += other.size_bytes


def heard(address: Address, asks: Sequence[Ask], listeners: int, each: int) -> Heard:
    """So many listeners at once, each of whom asks `each` times, beginning at another place of `asks`."""
    found = Heard()
    with ThreadPoolExecutor(listeners) as pool:
        for one in pool.map(lambda place: _listen(address, asks, place, each), range(listeners)):
            found.add(one)
    return found


def _listen(address: Address, asks: Sequence[Ask], place: int, each: int) -> Heard:
    found = Heard()
    line = http.client.HTTPConnection(*address, timeout=TIMEOUT_S)
    try:
        while len(found.last_ms) + sum(found.wrong.values()) < each:
            ask = asks[(place + len(found.last_ms)) % len(asks)]
            if not _asked(line, ask, found):
                # Another worker process may have a seat: connections are its, so a new one is made.
                line.close()
                time.sleep(_BUSY_PAUSE_S)
    finally:
        line.close()
    return found


def _asked(line: http.client.HTTPConnection, ask: Ask, found: Heard) -> bool:
    """False when all seats were taken."""
    began = time.perf_counter()
    line.request("GET", ask.path, headers=ask.headers)
    answer = line.getresponse()
    pieces = [answer.read(1)]
    first = time.perf_counter()
    while piece := answer.read(_CHUNK_BYTES):
        pieces.append(piece)
    last, body = time.perf_counter(), b"".join(pieces)
    if answer.status == BUSY:
        found.busy += 1
        return False
    if ask.is_right(answer.status, body):
        found.first_ms.append((first - began) * 1e3)
        found.last_ms.append((last - began) * 1e3)
        found.size_bytes += len(body)
    else:
        found.wrong[answer.status] += 1
    return True


@dataclass
class SlowReader:
    """Somebody on a bad line: has asked, and takes a few kilobytes at a time. `body` is what has come."""

    line: socket.socket
    status: int = 0
    body: bytearray = field(default_factory=bytearray)
    length: int = 0

    def sip(self) -> None:
        """A little more, if it is there."""
        self.body += self.line.recv(4096)

    def finish(self) -> bytes:
        """All the rest, fast."""
        while len(self.body) < self.length and (piece := self.line.recv(_CHUNK_BYTES)):
            self.body += piece
        self.line.close()
        return bytes(self.body)


def slow_reader(address: Address, ask: Ask) -> SlowReader:
    """One who has the head of the answer and the first bytes of its body. The receive buffer is the smallest there is."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.settimeout(TIMEOUT_S)
    line.connect(address)
    headers = "".join(f"{name}: {value}\r\n" for name, value in ask.headers.items())
    line.sendall(f"GET {ask.path} HTTP/1.1\r\nHost: {address[0]}\r\n{headers}Connection: close\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += line.recv(1024)
    told, _, body = head.partition(b"\r\n\r\n")
    fields = dict(row.lower().split(b": ", 1) for row in told.split(b"\r\n")[1:])
    return SlowReader(line, int(told.split()[1]), bytearray(body), int(fields.get(b"content-length", b"0")))


def address_of(url: str) -> Address:
    """Where to connect for an http:// address."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80
