"""A store that fails as networks do: every way is Transient, told briefly, and nothing else."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import pytest

from shared.domain.sound import Digest, Sound
from shared.errors import Transient
from shared.settings import load
from shared.store import s3 as s3_module
from shared.store.s3 import S3Store
from shared.store.verified import verified
from tests.integration.shared.store.test_s3 import KEY, LONG, NEEDED, SOUND, sound_of

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


def answering(status: int, body: bytes = b"", length: int | None = None) -> Callable[[BaseHTTPRequestHandler], None]:
    """Says `length` bytes and sends the body."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)
        request.close_connection = True

    return answer


def breaking(request: BaseHTTPRequestHandler) -> None:
    request.connection.shutdown(socket.SHUT_RDWR)
    request.close_connection = True


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[S3Store]:
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            answer(self)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

        def log_message(self, *_args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield a_store(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


def a_store(port: int) -> S3Store:
    given = {
        "TS_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "TS_S3_ACCESS_KEY_ID": "a",
        "TS_S3_SECRET_ACCESS_KEY": "b",
    }
    return S3Store(load(NEEDED | given))


ASKED: dict[str, Callable[[S3Store], object]] = {
    "put": lambda store: store.put(KEY, BytesIO(SOUND), sound_of(SOUND)),
    "put in parts": lambda store: store.put(KEY, BytesIO(LONG), sound_of(LONG)),
    "confirm": lambda store: store.confirm(KEY, sound_of(SOUND)),
    "check": lambda store: store.check(KEY, sound_of(SOUND)),
    "read": lambda store: list(store.read(KEY, 0, 9).pieces),
    "delete": lambda store: store.delete(KEY),
    "listed": lambda store: list(store.listed("")),
    "abort_uploads": lambda store: store.abort_uploads(0),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())
@pytest.mark.parametrize(
    "answer",
    [answering(500), answering(503, SLOW_DOWN), answering(403), breaking],
    ids=["500", "slow", "403", "breaks"],
)
def test_a_store_that_fails_is_transient(ask: Callable[[S3Store], object], answer: Callable[..., None]):
    with serving(answer) as store, pytest.raises(Transient) as told:
        ask(store)
    assert len(told.value.reason) < 80
    assert told.value.retry_after_s


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())
def test_nobody_there_is_transient(ask: Callable[[S3Store], object]):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(Transient):
            ask(a_store(free.getsockname()[1]))


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())
def test_a_store_that_hangs_is_transient(ask: Callable[[S3Store], object], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(s3_module, "_READ_S", 0.2)
    monkeypatch.setattr(s3_module, "_LISTEN", (1, 0.2))
    end = threading.Event()
    with serving(lambda _request: end.wait(45) and None) as store:
        with pytest.raises(Transient):
            ask(store)
        end.set()


def test_a_body_that_breaks_off_is_transient():
    def half(request: BaseHTTPRequestHandler) -> None:
        request.send_response(206)
        request.send_header("Content-Length", "9")
        request.end_headers()
        request.wfile.write(b"half")
        request.close_connection = True

    with serving(half) as store:
        with pytest.raises(Transient, match="broke off"):
            list(store.read(KEY, 0, 9).pieces)
        with pytest.raises(Transient, match="broke off"):
            list(verified(lambda start, stop: store.read(KEY, start, stop), a_sound(9), 0, 9))


def a_sound(size: int) -> Sound:
    digest = Digest()
    digest.update(bytes(size))
    return digest.sound("audio/wav")
