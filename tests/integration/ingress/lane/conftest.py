"""The real gunicorn with our worker class over the real stores, spoken to through plain sockets."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
import redis as redis_py
from twilio.request_validator import RequestValidator

from ops.stack.ports import free_port
from shared import inbox, journal
from shared.db import numbers
from shared.domain.event import Event as Stored
from shared.domain.event import from_record
from shared.domain.routing import Number, forwards
from tests.conftest import Stores

REPO = Path(__file__).parents[4]
PUBLIC, ACCOUNT, TOKEN = "https://calls.example.com", "AC" + "0a" * 16, "the-new-token"
BUSINESS, OWNER, CUSTOMER = "+14155550100", "+14155550199", "+12125550142"
FORM = "application/x-www-form-urlencoded; charset=utf-8"
# A file's time of change is only as fine as the kernel's tick (10 ms at most); a second is on the safe side.
FILE_TIME_NS = 1_000_000_000


def until(fact: Callable[[], Any], within_s: float = 45.0) -> Any:
    """The first truthy answer of `fact`."""
    pause, deadline = Event(), time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := fact():
            return found
        pause.wait(0.01)
    raise AssertionError("did not become true in time")


@dataclass(frozen=True)
class Answer:
    """One response, off the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """A connection that is kept."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), 20)
        self._rest = b""

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def answer(self) -> Answer:
        """The next response. Raises ConnectionError when the server has closed instead."""
        while b"\r\n\r\n" not in self._rest:
            self._more()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        status = int(first.split(" ")[1])
        length = 0 if status == 204 else int(headers.get("content-length", 0))
        while len(self._rest) < length:
            self._more()
        body, self._rest = self._rest[:length], self._rest[length:]
        return Answer(status, headers, body)

    def ask(self, data: bytes) -> Answer:
        self.send(data)
        return self.answer()

    def is_closed(self) -> bool:
        """Whether the server has ended the connection (waits for it)."""
        try:
            return self.sock.recv(1) == b""
        except ConnectionError:
            return True

    def close(self) -> None:
        self.sock.close()

    def _more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("closed")
        self._rest += data


@dataclass
class Server:
    """A gunicorn of this test's own, and its stores."""

    redis_url: str
    database_url: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0
    admin_port: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    fixed_port: int = 0
    program: tuple[str, str] = ("ingress/gunicorn_conf.py", "ingress.wsgi:app")
    since_ns: int = 0
    """What was received before is none of this test's."""
    _log_from: int = 0
    _counted: str = ""

    def start(self) -> "Server":
        self.port, self.admin_port = self.fixed_port or free_port(), free_port()
        metrics = self.folder / "metrics"
        metrics.mkdir(exist_ok=True)
        environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("TS_", "TWILIO_"))},
            "TS_PUBLIC_URL": PUBLIC, "TS_REDIS_URL": self.redis_url, "TS_DATABASE_URL": self.database_url,
            "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN, "TS_BIND": f"127.0.0.1:{self.port}",
            "TS_ADMIN_BIND": f"127.0.0.1:{self.admin_port}", "TS_JOURNAL_DIR": str(self.folder / "journal"),
            "TS_WEB_WORKERS": "1", "TS_WEB_THREADS": "2", "PROMETHEUS_MULTIPROC_DIR": str(metrics), **self.settings,
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", *self.program],
            cwd=REPO, env=environ, stdout=(self.folder / "log").open("ab"), stderr=subprocess.STDOUT,
        )  # fmt: skip
        until(self._is_ready)
        return self

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.redis.close()

    def begin(self) -> "Server":
        """For the next test: what is stored, said and counted from now on, as if it were all."""
        assert self._is_ready()
        self.redis.flushdb()
        self.since_ns, self._log_from, self._counted = (
            time.time_ns(),
            (self.folder / "log").stat().st_size,
            self._metrics(),
        )
        return self

    @cached_property
    def redis(self) -> "redis_py.Redis":
        return redis_py.Redis.from_url(self.redis_url)

    def client(self) -> Client:
        return Client(self.port)

    def log(self) -> str:
        return (self.folder / "log").read_bytes()[self._log_from :].decode()

    def metric(self, name: str) -> float:
        """The sum of a metric's samples whose line begins with `name`."""
        return _sum(self._metrics(), name) - _sum(self._counted, name)

    def stored(self) -> list[Stored]:
        """What is kept in either store, in the order it came: on a busy machine Redis may miss its 20 ms."""
        both = {event.event_id: event for event in [*self.in_journal(), *self.in_inbox()]}
        return [both[event_id] for event_id in sorted(both)]

    def in_inbox(self) -> list[Stored]:
        return self._new(from_record(record) for record in self.redis.hvals(inbox.INBOX))  # type: ignore[union-attr]

    def in_journal(self) -> list[Stored]:
        # A segment that was last written to before has nothing new.
        fresh = [path for path in self._segments() if path.stat().st_mtime_ns > self.since_ns - FILE_TIME_NS]
        found = [item for path in fresh for item in journal.read(path)]
        return self._new(from_record(item.record) for item in found if isinstance(item, journal.Entry))

    def forget_stored(self) -> None:
        """The drainer may bring it back, but it is none of this test's any more."""
        self.redis.flushdb()
        self.since_ns = time.time_ns()

    def _new(self, events: Iterable[Stored]) -> list[Stored]:
        return [event for event in events if event.received_ns >= self.since_ns]

    def _segments(self) -> Iterable[Path]:
        return (self.folder / "journal").glob("*.seg")

    def _metrics(self) -> str:
        client = Client(self.admin_port)
        text = client.ask(b"GET /metrics HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n").body.decode()
        client.close()
        return text

    def _is_ready(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise AssertionError(f"gunicorn ended: {self.log()}")
        try:
            client = Client(self.port)
        except OSError:
            return False
        try:
            return client.ask(b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").status == 200
        except OSError:
            return False
        finally:
            client.close()


def _sum(metrics: str, name: str) -> float:
    return sum(
        float(line.rpartition(" ")[2]) for line in metrics.splitlines() if line.startswith(f"twilio_server_{name}")
    )


def children(server: Server) -> set[int]:
    """The workers, by process id."""
    if server.process is None:
        return set()
    text = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return {int(pid) for pid in text.split()}


@pytest.fixture(scope="module")
def module_redis_urls(stores: Stores) -> tuple[str, str]:
    """Two Redis databases for the servers of a module: behind those of `redis_url`, of the sixteen there are."""
    base, worker = stores.redis_url.rpartition("/")[0], os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    first = 6 + 2 * int(worker.removeprefix("gw"))
    return f"{base}/{first}", f"{base}/{first + 1}"


@pytest.fixture(scope="module")
def module_server(
    module_redis_urls: tuple[str, str], module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    running = a_server(module_redis_urls[0], module_database_url, tmp_path_factory.mktemp("server"))
    running.redis.flushdb()
    yield running.start()
    running.stop()


@pytest.fixture
def server(module_server: Server) -> Server:
    """One worker, two threads, the lane on. Started once for a file: no test changes it."""
    return module_server.begin()


@pytest.fixture
def own_server(redis_url: str, database_url: str, tmp_path: Path) -> Iterator[Server]:
    """The same, of one test's own: nothing has come to it before."""
    running = a_server(redis_url, database_url, tmp_path)
    yield running.start()
    running.stop()


def a_server(redis_url: str, database_url: str, folder: Path) -> Server:
    with psycopg.connect(database_url, autocommit=True) as conn:
        numbers.put(conn, Number(BUSINESS, "t", forwards(OWNER)))
    return Server(redis_url, database_url, folder)


def webhook(
    path: str = "/api/webhooks/status",
    params: dict[str, str] | None = None,
    *,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    signature: str | None = None,
    content_type: str = FORM,
    method: str = "POST",
    base: str = PUBLIC,
) -> bytes:
    """A signed webhook as bytes on the wire. `base` is the address that Twilio knows us by."""
    form = {"AccountSid": ACCOUNT, **(status() if params is None else params)}
    body = urlencode(form).encode() if body is None else body
    signed = RequestValidator(TOKEN).compute_signature(base + path, form) if signature is None else signature
    lines = {
        "Host": "calls.example.com", "User-Agent": "TwilioProxy/1.1", "Accept": "*/*", "Content-Type": content_type,
        "Content-Length": str(len(body)), "X-Twilio-Signature": signed, **(headers or {}),
    }  # fmt: skip
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return head.encode("latin-1") + b"\r\n" + body


def status(number: int = 1, state: str = "completed") -> dict[str, str]:
    return {"CallSid": f"CA{number:032x}", "CallStatus": state, "CallDuration": "3", "From": CUSTOMER, "To": BUSINESS}


def call(number: int = 1) -> dict[str, str]:
    return {
        "CallSid": f"CA{number:032x}",
        "CallStatus": "ringing",
        "Direction": "inbound",
        "From": CUSTOMER,
        "To": BUSINESS,
    }
