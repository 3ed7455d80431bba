"""The containers' health check: healthy is a 2xx, everything else is a reason."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from ops.probe import complaint, main


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path[1:]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Answers)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_2xx_is_healthy(url: str):
    assert complaint(f"{url}/204") is None
    assert main([f"{url}/200"]) == 0


@pytest.mark.parametrize("status", [401, 404, 503])
def test_any_other_answer_is_not(url: str, status: int, capsys: pytest.CaptureFixture[str]):
    assert main([f"{url}/{status}"]) == 1
    assert str(status) in capsys.readouterr().err


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "nonsense"])
def test_nobody_there_is_a_reason_too(url: str):
    assert complaint(url)


def test_it_wants_one_url():
    assert main([]) == 1
