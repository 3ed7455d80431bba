"""Receivers that misbehave below HTTP: `python -m ops.standins.hostile PORT`, or `Hostile(way)` inside a test.

On a port of its own a receiver behaves in one way; as a program it reads the request and behaves as the last word of the
path says (`/drip_body`). What an HTTP server can do as well, `/standin/faults` of the stand-ins does.
"""

import select
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import count, repeat
from typing import Final

_LENGTH: Final = b"content-length:"
_OK: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
# A drip is quick enough for a test's patience and slow enough that no answer is ever whole.
_DRIP_S: Final = 0.02
_REST: Final = b"x" * 65_536

Way = Callable[["Hostile", socket.socket], None]


def _says(*pieces: bytes, reads: bool = True) -> Way:
    """Reads the request, answers so, and closes."""

    def way(us: "Hostile", peer: socket.socket) -> None:
        if reads:
            us.read(peer)
        for piece in pieces:
            peer.sendall(piece)

    return way


def _goes_on(head: bytes, pieces: Callable[[], Iterator[bytes]], every_s: float = 0.0, *, reads: bool = True) -> Way:
    """Reads the request, sends the head, and then pieces for as long as somebody listens."""

    def way(us: "Hostile", peer: socket.socket) -> None:
        if reads:
            us.read(peer)
        peer.sendall(head)
        for piece in pieces():
            if us.ended.wait(every_s):
                return
            peer.sendall(piece)

    return way


def _hangs_at_once(us: "Hostile", _: socket.socket) -> None:
    us.ended.wait()


def _hangs_after_request(us: "Hostile", peer: socket.socket) -> None:
    us.read(peer)
    us.ended.wait()


def _sips(us: "Hostile", peer: socket.socket) -> None:
    """Reads for ever, a little at a time."""
    while not us.ended.wait(_DRIP_S) and peer.recv(1000):
        pass


def _closes_at_once(_: "Hostile", peer: socket.socket) -> None:
    """FIN where nothing was sent yet; RST to whoever has."""


def _resets(us: "Hostile", peer: socket.socket) -> None:
    us.read(peer)
    # Lingering for no time at all: close() throws away what is unsent and says RST.
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _keeps_then_closes(us: "Hostile", peer: socket.socket) -> None:
    """Answers the first request well, and the second with a closed connection, as at a restart."""
    us.read(peer)
    peer.sendall(_OK)
    us.read(peer)


def _keeps_then_begins(us: "Hostile", peer: socket.socket) -> None:
    """Answers the first request well, and the second with the beginning of an answer."""
    _keeps_then_closes(us, peer)
    peer.sendall(b"HTTP/1.1 2")


def _keeps(us: "Hostile", peer: socket.socket) -> None:
    while us.read(peer):
        peer.sendall(_OK)


def _header_lines() -> Iterator[bytes]:
    return (b"x-%d: y\r\n" % number for number in count())


WAYS: Final[dict[str, Way]] = {
    "hang_at_once": _hangs_at_once,  # accepts and never reads: a long request gets stuck in the buffers
    "sip": _sips,
    "hang": _hangs_after_request,
    # The beginning of a TLS record of 16 KiB, whatever was asked.
    "drip_handshake": _goes_on(b"\x16\x03\x03\x40\x00", lambda: repeat(b"\x02"), _DRIP_S, reads=False),
    "drip_status": _goes_on(b"HTTP/1.1 200 O", lambda: repeat(b"K"), _DRIP_S),
    "drip_headers": _goes_on(b"HTTP/1.1 200 OK\r\n", _header_lines, _DRIP_S),
    "drip_body": _goes_on(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n", lambda: repeat(b"x"), _DRIP_S),
    "drip_chunks": _goes_on(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", lambda: repeat(b"1\r\nx\r\n"), _DRIP_S
    ),
    "drip_continue": _goes_on(b"", lambda: repeat(b"HTTP/1.1 100 Continue\r\n\r\n"), _DRIP_S),
    "endless_body": _goes_on(b"HTTP/1.1 200 OK\r\n\r\n", lambda: repeat(_REST)),
    "endless_chunk": _goes_on(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n", lambda: repeat(_REST)),
    "endless_headers": _goes_on(b"HTTP/1.1 200 OK\r\n", _header_lines),
    "endless_continue": _goes_on(b"", lambda: repeat(b"HTTP/1.1 100 Continue\r\nx-y: z\r\n\r\n" * 100)),
    "huge_header": _goes_on(b"HTTP/1.1 200 OK\r\nx-y: ", lambda: repeat(_REST)),
    "big_headers": _says(
        b"HTTP/1.1 200 OK\r\n", *(b"x-%d: %s\r\n" % (number, b"y" * 40_000) for number in range(90)), b"\r\n"
    ),
    "close_at_once": _closes_at_once,
    "close": _says(),
    "close_in_status": _says(b"HTTP/1.1 20"),
    "close_after_status": _says(b"HTTP/1.1 200 OK\r\n"),
    "close_in_headers": _says(b"HTTP/1.1 200 OK\r\ncontent-le"),
    "close_in_body": _says(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"),
    "close_in_chunk": _says(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\nhalf"),
    "reset": _resets,
    "garbage": _says(b"\x00\xff\x16\x03\x01 no HTTP at all\r\n\r\n"),
    "wrong_status": _says(b"HTTP/1.1 two hundred\r\n\r\n"),
    "switching": _says(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n", _OK),
    "early_hints": _says(b"HTTP/1.1 103 Early Hints\r\n\r\n", _OK),
    "no_answer_line": _says(b"\r\n\r\n"),
    "bomb": _says(
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 20\r\n\r\n\x1f\x8b\x08" + b"\x00" * 17
    ),
    "speak_first": _says(b"HTTP/1.1 400 Bad Request\r\n\r\n", reads=False),  # to whom TLS was to be spoken, too
    "keep": _keeps,
    "keep_once": _says(_OK),  # and closes without a word
    "keep_then_close": _keeps_then_closes,
    "keep_then_begin": _keeps_then_begins,
    "two_answers": _says(_OK + b"HTTP/1.1 500 Forged\r\ncontent-length: 0\r\n\r\n"),
}


class Hostile:
    """A listening socket that treats every connection in one way, in a thread of its own, until `close`.

    `way` None: as the path says. `tls`: whoever connects gets a handshake first. `accepts` False: the kernel takes
    connections into a full queue, and nobody ever takes them out of it.
    """

    def __init__(
        self,
        way: str | Way | None = None,
        *,
        address: tuple[str, int] = ("127.0.0.1", 0),
        tls: ssl.SSLContext | None = None,
        accepts: bool = True,
    ) -> None:
        self._way = WAYS[way] if isinstance(way, str) else way or _as_asked
        self._tls = tls
        self.ended = threading.Event()
        self.connections = 0
        self.requests: list[bytes] = []
        self._server = socket.create_server(address, backlog=0 if not accepts else 128)
        self.host, self.port = self._server.getsockname()[:2]
        self._fillers = [] if accepts else [*self._filled()]
        if accepts:
            threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}/hook"

    def close(self) -> None:
        self.ended.set()
        # A thread in accept() does not notice close(); shutdown() wakes it.
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for filler in self._fillers:
            filler.close()

    def __enter__(self) -> "Hostile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, peer: socket.socket) -> bytes:
        """One whole request, noted; b"" when the other end has closed."""
        text = b""
        while not _is_whole(text):
            if not (piece := peer.recv(65_536)):
                return b""
            text += piece
        self.requests.append(text)
        return text

    def _filled(self) -> Iterator[socket.socket]:
        """Connections until one is not answered any more: then nobody else's is either."""
        while True:
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((self.host, self.port))
            yield filler
            if not select.select([], [filler], [], 0.1)[1]:
                return

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._meet, args=(peer,), daemon=True).start()

    def _meet(self, peer: socket.socket) -> None:
        try:
            with peer if self._tls is None else self._tls.wrap_socket(peer, server_side=True) as met:
                self._way(self, met)
        except OSError:
            peer.close()  # whoever was met so went away


def _as_asked(us: Hostile, peer: socket.socket) -> None:
    """Well, until a path says otherwise."""
    while request := peer.recv(65_536, socket.MSG_PEEK):
        path = request.partition(b"\r\n")[0].split(b" ")[1:2]
        name = b"".join(path).decode(errors="replace").rpartition("/")[2]
        if name in WAYS:
            return WAYS[name](us, peer)
        us.read(peer)
        peer.sendall(_OK)
    return None


def _is_whole(text: bytes) -> bool:
    head, found, rest = text.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line[len(_LENGTH) :]) for line in lines if line.startswith(_LENGTH)), 0)
    return bool(found) and len(rest) >= length


if __name__ == "__main__":
    Hostile(address=("127.0.0.1", int(sys.argv[1])))
    threading.Event().wait()
