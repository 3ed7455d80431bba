"""A server that answers as a test tells it to, connection by connection."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

Script = Callable[[socket.socket, bytes], bool]
"""Given the connection and one whole request: answers, and says whether the connection goes on."""


class Scripted:
    """Each connection has a thread of its own; `seen` holds the requests in the order they came."""

    def __init__(self, script: Script) -> None:
        self.script, self.seen, self.connections = script, [], 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = self._server.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            goes_on = True
            while goes_on and (request := connection.recv(65536)):
                self.seen.append(request)
                goes_on = self.script(connection, request)


@pytest.fixture
def serve() -> Iterator[Callable[[Script], Scripted]]:
    opened: list[Scripted] = []

    def start(script: Script) -> Scripted:
        opened.append(Scripted(script))
        return opened[-1]

    yield start
    for server in opened:
        server.close()
