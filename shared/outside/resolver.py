"""Names to addresses, within a time limit, which the system's own function has none of."""

import socket
import threading
from concurrent.futures import Future
from time import monotonic
from typing import Any, Final

SocketAddress = tuple[Any, ...]
# A name server that does not answer holds a thread for up to half a minute: so many names may be in that state at a time.
_MOST_AT_ONCE: Final = 32


class Unresolved(Exception):
    """No name server knew this host, or none answered in time."""


class Resolver:
    """Used by all threads at once. One thread for each name that is being looked up, and none for a written-out address.

    The answer is used for one connection and not kept: the pool keeps connections.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[tuple[str, int], Future[list[tuple[int, SocketAddress]]]] = {}

    def addresses(self, host: str, port: int, ends_at: float) -> list[tuple[int, SocketAddress]]:
        """(family, address) in the system's order of preference; never empty. Raises Unresolved."""
        try:
            return _look_up(host, port, socket.AI_NUMERICHOST)
        except Unresolved:
            pass
        try:
            return self._asking(host, port).result(max(0.0, ends_at - monotonic()))
        except TimeoutError as fault:
            raise Unresolved from fault

    def _asking(self, host: str, port: int) -> Future[list[tuple[int, SocketAddress]]]:
        """The question that is under way, or a new one."""
        with self._lock:
            future = self._asked.get((host, port))
            if future is None:
                if len(self._asked) >= _MOST_AT_ONCE:
                    raise Unresolved
                future = self._asked[host, port] = Future()
                # A daemon, unlike an executor's: a question without an answer must not hold up the end of the process.
                name = f"resolve {host}"
                threading.Thread(target=self._ask, args=(host, port, future), name=name, daemon=True).start()
            return future

    def _ask(self, host: str, port: int, future: Future[list[tuple[int, SocketAddress]]]) -> None:
        try:
            future.set_result(_look_up(host, port))
        except Unresolved as fault:
            future.set_exception(fault)
        finally:
            with self._lock:
                del self._asked[host, port]


def _look_up(host: str, port: int, flags: int = 0) -> list[tuple[int, SocketAddress]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except (OSError, UnicodeError) as fault:  # UnicodeError: a label that no name has
        raise Unresolved from fault
    return [(family, address) for family, _, _, _, address in found]
