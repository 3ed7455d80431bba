"""A subscriber that only notes when each notification came: `python -m ops.benchmarks.subscriber HOST:PORT FILE [DOWN]`.

One line a notification: ns since 1970, the status that it was answered with, its webhook-id, and the body as it came.
Everything is answered 204; but 503 what is told while there is a file DOWN.
"""

import select
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

_WELL: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
_DOWN: Final = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
_LENGTH: Final = b"content-length:"
_ID: Final = b"webhook-id:"
TOLD: Final = 204


@dataclass(frozen=True)
class Note:
    """One notification as it was noted. `at_ns`: since 1970; `id`: its webhook-id, "-" where it had none."""

    at_ns: int
    status: int
    id: str
    body: bytes


def cut(text: bytes) -> tuple[bytes, bytes, bytes] | None:
    """(webhook-id, body, what follows) of the request at the start of `text`; None while it is incomplete."""
    head, found, rest = text.partition(b"\r\n\r\n")
    if not found:
        return None
    lines = head.lower().split(b"\r\n")
    length = int(_value(lines, _LENGTH) or 0)
    return (_value(lines, _ID) or b"-", rest[:length], rest[length:]) if len(rest) >= length else None


def _value(lines: list[bytes], name: bytes) -> bytes:
    return next((line[len(name) :].strip() for line in lines if line.startswith(name)), b"")


def notes_in(text: bytes) -> list[Note]:
    """The whole lines of what a subscriber has written, in the order in which they came."""
    words = (line.split(b" ", 3) for line in text.split(b"\n")[:-1])
    return [Note(int(at), int(status), id_.decode(), body) for at, status, id_, body in words]


class Subscriber:
    """One thread, any number of kept connections: it must not be what is measured."""

    def __init__(self, address: tuple[str, int], notes: IO[bytes], down: Path | None = None) -> None:
        self._notes, self._down = notes, down
        self._server = socket.create_server(address, backlog=128)
        self._epoll = select.epoll()
        self._epoll.register(self._server, select.EPOLLIN)
        self._open: dict[int, socket.socket] = {}
        self._begun: dict[int, bytes] = {}

    def turn(self) -> None:
        """Serve whoever is ready."""
        for number, _ in self._epoll.poll():
            if number == self._server.fileno():
                self._accept()
            else:
                self._serve(number)

    def _accept(self) -> None:
        connection, _ = self._server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open[connection.fileno()], self._begun[connection.fileno()] = connection, b""
        self._epoll.register(connection, select.EPOLLIN)

    def _serve(self, number: int) -> None:
        try:
            came = self._open[number].recv(65536)
        except OSError:
            came = b""
        if not came:
            self._open.pop(number).close()
            del self._begun[number]
            return
        at_ns, text = time.time_ns(), self._begun[number] + came
        while found := cut(text):
            id_, body, text = found
            is_down = bool(body) and self._down is not None and self._down.exists()
            if body:
                status = 503 if is_down else TOLD
                self._notes.write(b"%d %d %s %s\n" % (at_ns, status, id_, body.replace(b"\n", b" ")))
            self._open[number].sendall(_DOWN if is_down else _WELL)
        self._begun[number] = text


def main(words: list[str]) -> None:
    """Until somebody ends it."""
    host, _, port = words[0].rpartition(":")
    with Path(words[1]).open("ab", buffering=0) as notes:
        subscriber = Subscriber((host, int(port)), notes, Path(words[2]) if len(words) > 2 else None)
        while True:
            subscriber.turn()


if __name__ == "__main__":
    main(sys.argv[1:])
