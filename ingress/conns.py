"""The connections of one ingress process, and what has come of each one's next request."""

import socket
from collections.abc import Iterator
from typing import Any

from gunicorn.workers.gthread import TConn

from ingress.http_body import Chunked, Sized
from ingress.http_head import Head


class Conn(TConn):
    """A connection with what has come of its next request."""

    timeout: Any
    """Monotonic seconds: until then it may be idle, or its request under way."""
    client: Any
    parser: Any

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.buf = b""
        self.head_end = -1
        self.head: Head | None = None
        self.body: Sized | Chunked | None = None  # of an odd request
        self.has_leave = False
        self.most_body_bytes = 0  # of the request under way, once its head has come
        self.set_timeout()

    def forget(self) -> None:
        """The next request begins with nothing."""
        self.buf, self.head_end, self.head, self.body, self.has_leave = b"", -1, None, None, False
        self.most_body_bytes = 0


class Conns:
    """Connections in the order they came in, as gunicorn's deque of them, but any one leaves at no cost."""

    def __init__(self) -> None:
        self._conns: dict[Conn, None] = {}

    def append(self, conn: Conn) -> None:
        """Puts it last."""
        self._conns[conn] = None

    def remove(self, conn: Conn) -> None:
        """Raises KeyError."""
        del self._conns[conn]

    def popleft(self) -> Conn:
        """Raises StopIteration when there is none."""
        conn = next(iter(self._conns))
        del self._conns[conn]
        return conn

    def __getitem__(self, _first: int) -> Conn:
        return next(iter(self._conns))

    def __contains__(self, conn: object) -> bool:
        return conn in self._conns

    def __iter__(self) -> Iterator[Conn]:
        return iter(self._conns)

    def __len__(self) -> int:
        return len(self._conns)
