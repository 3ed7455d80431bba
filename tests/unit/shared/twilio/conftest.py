import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

import pytest

from shared.settings import load
from shared.twilio.client import TwilioClient

ACCOUNT, TOKEN = "AC" + "a" * 32, "t" * 32


class Api(BaseHTTPRequestHandler):
    """Notes what comes and gives the answers it was told, the last one for ever: None cuts the line, a function makes one."""

    protocol_version = "HTTP/1.1"
    url: ClassVar[str]
    got: ClassVar[list[tuple[str, str, dict[str, str], bytes]]] = []
    answers: ClassVar[list[Any]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.got.append((self.command, self.path, dict(self.headers), body))
        answer: Any = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            answer = answer(body)
        if answer is None:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        status, document, headers = answer
        said = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"content-length": str(len(said)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[type[Api]]:
    handler: type[Api] = type("Handler", (Api,), {"got": [], "answers": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    handler.url = f"http://127.0.0.1:{server.server_port}"
    yield handler
    server.shutdown()
    server.server_close()


@pytest.fixture
def twilio(api: type[Api]) -> TwilioClient:
    return TwilioClient(
        load(
            {
                "TS_PUBLIC_URL": "https://calls.example.com/",
                "TS_REDIS_URL": "redis://localhost:6379/0",
                "TS_DATABASE_URL": "postgresql://u:p@localhost/db",
                "TWILIO_ACCOUNT_SID": ACCOUNT,
                "TWILIO_AUTH_TOKEN": TOKEN,
                "TS_TWILIO_API_URL": api.url,
            }
        )
    )
