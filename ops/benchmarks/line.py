"""One connection of the load generator: at most one request under way, and as little work for it as Python allows."""

import socket
from typing import Final

Address = tuple[str, int]

LOST: Final = 0  # in place of a status: the connection ended without an answer
OTHER: Final = 1  # in place of a status: an answer with another content than every answer must have
_CONNECT_WITHIN_S: Final = 5.0
_NO_BODY: Final = (204, 304)


class BadAnswer(ValueError):
    """What came back is not an HTTP answer."""


class Line:
    """Kept alive over its requests; opened anew when the server has closed it, within the next request's time."""

    __slots__ = ("_address", "_holds", "_rest", "due_ns", "is_open", "number", "socket")

    def __init__(self, address: Address, holds: bytes = b"") -> None:
        self._address, self._holds = address, holds
        self.open()

    def open(self) -> None:
        """Connect. Raises OSError."""
        self.socket = socket.create_connection(self._address, _CONNECT_WITHIN_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.is_open, self._rest = True, b""
        self.due_ns = self.number = 0

    def close(self) -> None:
        """Give the connection up."""
        self.socket.close()
        self.is_open = False

    def receive(self) -> int | None:
        """The status of the answer; None while it is incomplete; LOST when it will not come; OTHER. Raises BadAnswer."""
        try:
            came = self.socket.recv(65536)
        except BlockingIOError:
            return None
        except OSError:
            came = b""
        if not came:
            self.close()
            return LOST
        # By far the most: a whole 204 that leaves the connection open.
        if came[9:12] == b"204" and came.endswith(b"\r\n\r\n") and not self._rest and b"lose\r\n" not in came:
            return 204
        return self._read(self._rest + came)

    def _read(self, text: bytes) -> int | None:
        head, found, body = text.partition(b"\r\n\r\n")
        if not found:
            self._rest = text
            return None
        status, length, closes = told_by(head)
        if status not in _NO_BODY and (length is None or len(body) < length):
            self._rest = text
            return None
        self._rest = b""
        if closes:
            self.close()
        return status if self._holds in body else OTHER


def told_by(head: bytes) -> tuple[int, int | None, bool]:
    """(status, length of the body if it is told, whether the connection ends with it). Raises BadAnswer."""
    first, *rest = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if not first.startswith("HTTP/1.") or len(words) < 2 or not words[1].isdigit():
        raise BadAnswer(first[:80])
    named = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    length = named.get("content-length")
    return int(words[1]), int(length) if length else None, named.get("connection", "").lower() == "close"
