"""Sockets with an end: whatever the peer does, nothing on them waits beyond a moment, or takes in more than so much.

Python's own time limit is one per call, so a peer that sends a byte a second is never late. Here every call gets what is
left of the whole.
"""

import socket
import ssl
from time import monotonic
from typing import Any, cast


class TooMuch(Exception):
    """The peer has sent more than an answer may have."""


class _Bounded(socket.socket):
    """`ends_at` on the monotonic clock, `room` in bytes; `has_received` and `has_ended` tell what came since `begin`.

    Raises TimeoutError, TooMuch.
    """

    ends_at = 0.0
    room = 0
    has_received = False
    has_ended = False

    def begin(self, ends_at: float, room: int) -> None:
        """From now until then, with so much to take in."""
        self.ends_at, self.room = ends_at, room
        self.has_received = self.has_ended = False

    def shrink(self) -> None:
        """The next call may last as long as is left."""
        left_s = self.ends_at - monotonic()
        if left_s <= 0:
            raise TimeoutError
        self.settimeout(left_s)

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """What `makefile` reads with, and so http.client."""
        self.shrink()
        taken = super().recv_into(*args, **kwargs)
        self.room -= taken
        self.has_received = self.has_received or taken > 0
        self.has_ended = taken == 0
        if self.room < 0:
            raise TooMuch
        return taken

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self.shrink()
        super().sendall(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        """What the `sendall` of TLS sends with, piece by piece."""
        self.shrink()
        return super().send(*args, **kwargs)

    def is_quiet(self) -> bool:
        """Whether a kept connection is still of use: its end, or anything sent unasked, would be readable."""
        try:
            self.settimeout(0)
            socket.socket.recv(self, 1, socket.MSG_PEEK)  # below TLS, which may not be asked to peek
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False


class Plain(_Bounded):
    """TCP."""


class Tls(_Bounded, ssl.SSLSocket):
    """TCP with TLS; made by `wrapped`."""


def tls_context(more_authorities: str | None) -> ssl.SSLContext:
    """Checks certificate and host name, TLS 1.2 at least. Trusts the system's authorities (OpenSSL's SSL_CERT_FILE counts) and
    those in the file `more_authorities`.
    """
    context = ssl.create_default_context()
    if more_authorities:
        context.load_verify_locations(more_authorities)
    context.sslsocket_class = Tls
    return context


def wrapped(plain: Plain, context: ssl.SSLContext, host: str) -> Tls:
    """The handshake, within what is left. Raises ssl.SSLError, OSError."""
    plain.shrink()
    secured = cast("Tls", context.wrap_socket(plain, server_hostname=host))  # the class that the context was given
    secured.begin(plain.ends_at, plain.room)
    return secured
