"""`python -m ops.faultlab.recordings.front --port P --to URL`: stands before the store, and is at times worse than none.

`PUT /front {"error_before": 0.3}` sets the odds: an error before anything was done, one after it was done, a connection that
breaks off in the midst of the answer; `slow_s` is how long each request waits.
"""

import argparse
import contextlib
import http.client
import json
import random
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

PATH: Final = "/front"
SLOW_DOWN: Final = (
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
    b"<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>",
)
_HOP: Final = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive", "date", "server"})
_WITHIN_S: Final = 60.0  # a store that stands still is the client's matter


class Front(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, to: str) -> None:
        super().__init__(("127.0.0.1", port), _Passing)
        self.host = urlsplit(to).netloc
        self.odds: dict[str, float] = {}

    def is_to(self, what: str) -> bool:
        return random.random() < self.odds.get(what, 0.0)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever goes away is none of our errors."""


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def _front(self) -> Front:
        assert isinstance(self.server, Front)
        return self.server

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == PATH:
            self._front.odds = json.loads(body)
            self._say(200, b"{}")
            return
        time.sleep(self._front.odds.get("slow_s", 0.0) * random.uniform(0.5, 1.5))
        if self._front.is_to("error_before"):
            self._say(random.choice((500, 503)), random.choice(SLOW_DOWN))
            return
        try:
            answer, told = self._passed_on(body)
        except (OSError, http.client.HTTPException):
            self._cut()
            return
        if self._front.is_to("error_after"):
            self._say(random.choice((500, 503)), random.choice(SLOW_DOWN))
        else:
            self._say(answer.status, told, answer.getheaders(), is_cut=self._front.is_to("cut"))

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _any

    def _passed_on(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        with contextlib.closing(http.client.HTTPConnection(self._front.host, timeout=_WITHIN_S)) as there:
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in ("expect", "connection")
            }
            there.request(self.command, self.path, body or None, headers)
            answer = there.getresponse()
            return answer, answer.read()

    def _say(
        self, status: int, body: bytes, headers: list[tuple[str, str]] | None = None, *, is_cut: bool = False
    ) -> None:
        """A HEAD's length is that of what it does not bring."""
        told = dict(headers or [("Content-Type", "application/xml")])
        length = next((value for name, value in told.items() if name.lower() == "content-length"), str(len(body)))
        self.send_response(status)
        for name, value in told.items():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        if status != http.client.NO_CONTENT:
            self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if is_cut else body)
        if is_cut:
            self._cut()

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--to", required=True)
    asked = parser.parse_args()
    Front(asked.port, asked.to).serve_forever()


if __name__ == "__main__":
    main()
