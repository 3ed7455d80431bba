"""A subscriber that only notes when each notification came: `python -m ops.benchmarks.subscriber HOST:PORT FILE`.

One line a notification: ns since 1970, and the body as it came. Every POST is answered 204, anything else too.
"""

import select
import socket
import sys
import time
from pathlib import Path
from typing import IO, Final

_ANSWER: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
_LENGTH: Final = b"content-length:"


def cut(text: bytes) -> tuple[bytes, bytes] | None:
    """(body, what follows) of the request at the start of `text`; None while it is incomplete."""
    head, found, rest = text.partition(b"\r\n\r\n")
    if not found:
        return None
    lines = head.lower().split(b"\r\n")
    length = next((int(line[len(_LENGTH) :]) for line in lines if line.startswith(_LENGTH)), 0)
    return (rest[:length], rest[length:]) if len(rest) >= length else None


class Subscriber:
    """One thread, any number of kept connections: it must not be what is measured."""

    def __init__(self, address: tuple[str, int], notes: IO[bytes]) -> None:
        self._notes = notes
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
            body, text = found
            if body:
                self._notes.write(b"%d %s\n" % (at_ns, body.replace(b"\n", b" ")))
            self._open[number].sendall(_ANSWER)
        self._begun[number] = text


def main(words: list[str]) -> None:
    """Until somebody ends it."""
    host, _, port = words[0].rpartition(":")
    with Path(words[1]).open("ab", buffering=0) as notes:
        subscriber = Subscriber((host, int(port)), notes)
        while True:
            subscriber.turn()


if __name__ == "__main__":
    main(sys.argv[1:])
