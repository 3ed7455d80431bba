"""The HTTP server under the simulator: a thread for each connection, which stays open between requests.

gunicorn would bring worker processes, which in-memory books cannot have, and a fixed number of threads,
which fifty callers that wait for each other can fill. werkzeug's own server closes each connection after
its answer, as Twilio does not. This one reads just enough of HTTP/1.1 for clients that mean well.
"""

import socket
import socketserver
import sys
from collections.abc import Callable, Iterable
from io import BufferedIOBase, BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Flask

# An idle connection is kept this long: far longer than clients keep theirs, because a create sent into a
# connection that is just being closed would be a lost answer nobody has asked for.
IDLE_S = 600
LONGEST_HEAD, LONGEST_BODY = 65536, 4 * 1024 * 1024


class Unreadable(Exception):
    """The connection ends: what came is no request this server understands, or the client went away."""


class SimulatorServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 1024  # a bulk's clients may all connect in one moment

    def __init__(self, app: Flask, host: str, port: int) -> None:
        self.app = app
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Connection)
        self.host, self.port = host, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away while it was answered is none of our errors."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def server_for(app: Flask, host: str, port: int) -> SimulatorServer:
    """Bound and listening, not yet serving. Raises OSError when the port is taken."""
    return SimulatorServer(app, host, port)


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    timeout = IDLE_S

    def handle(self) -> None:
        """Serves one request after the other until one side has had enough."""
        stays = True
        try:
            while stays and (head := _head(self.rfile)):
                stays = self._answer(head)
        except (Unreadable, TimeoutError):
            return

    def _answer(self, head: list[str]) -> bool:
        """False when the connection ends with this answer."""
        server = self.server
        assert isinstance(server, SimulatorServer)
        environ = self._environ(head, server)
        stays = environ.get("HTTP_CONNECTION", "").lower() != "close" and environ["SERVER_PROTOCOL"] == "HTTP/1.1"
        started: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            started.extend((status, headers))
            return lambda written: None

        parts: Iterable[bytes] = server.app(environ, start)
        try:
            body = b"".join(parts)
        finally:
            getattr(parts, "close", lambda: None)()
        # An answer that promises more than it has ends its connection.
        stays = stays and _promised(started[1], body) <= len(body)
        self.wfile.write(_response(started[0], started[1], body, environ["REQUEST_METHOD"], stays=stays))
        return stays

    def _environ(self, head: list[str], server: SimulatorServer) -> dict[str, Any]:
        method, target, protocol = _first_line(head[0])
        path, _, query = target.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "REQUEST_URI": target,
            "SERVER_NAME": server.host,
            "SERVER_PORT": str(server.port),
            "SERVER_PROTOCOL": protocol,
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "twilio_sim.socket": self.connection,
        }
        for line in head[1:]:
            _note_header(environ, line)
        environ["wsgi.input"] = BytesIO(self._body(environ))
        return environ

    def _body(self, environ: dict[str, Any]) -> bytes:
        size = environ.get("CONTENT_LENGTH", "0")
        if "HTTP_TRANSFER_ENCODING" in environ or not size.isdigit() or int(size) > LONGEST_BODY:
            raise Unreadable
        if environ.get("HTTP_EXPECT", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self.rfile.read(int(size))
        if len(body) < int(size):
            raise Unreadable
        return body


def _head(stream: BufferedIOBase) -> list[str]:
    """The lines of a request up to its body; empty when the client has nothing more to ask."""
    lines: list[str] = []
    left = LONGEST_HEAD
    while line := stream.readline(left):
        left -= len(line)
        if not line.endswith(b"\n"):
            raise Unreadable
        text = line.rstrip(b"\r\n").decode("latin-1")
        if text:
            lines.append(text)
        elif lines:
            return lines
    return []


def _first_line(line: str) -> tuple[str, str, str]:
    words = line.split(" ")
    if len(words) != 3 or not words[1].startswith("/"):
        raise Unreadable
    return words[0], words[1], words[2]


def _note_header(environ: dict[str, Any], line: str) -> None:
    name, _, value = line.partition(":")
    key = name.upper().replace("-", "_")
    if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = f"HTTP_{key}"
    given = value.strip()
    environ[key] = f"{environ[key]},{given}" if key in environ else given


def _promised(headers: list[tuple[str, str]], body: bytes) -> int:
    """Its Content-Length."""
    return next((int(value) for name, value in headers if name.lower() == "content-length"), len(body))


def _response(status: str, headers: list[tuple[str, str]], body: bytes, method: str, *, stays: bool) -> bytes:
    """One write for all of it, so that an answer is there whole or not at all."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
    if all(name.lower() != "content-length" for name, _ in headers) and not status.startswith(("204", "304")):
        lines.append(f"Content-Length: {len(body)}")
    lines.append(f"Connection: {'keep-alive' if stays else 'close'}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (b"" if method == "HEAD" else body)
