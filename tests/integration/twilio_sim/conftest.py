"""A running simulator, a receiver that stands where the service would, and the SDK pointed at the simulator."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import pytest
import requests
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from ops.twilio_sim.account import Account
from ops.twilio_sim.app import create_app
from ops.twilio_sim.server import server_for
from ops.twilio_sim.world import World

ACCOUNT = Account("AC" + "0a" * 16, "a-token-for-tests")
BUSINESS, OWNER, CUSTOMER = "+14155550100", "+14155550199", "+12125550142"
WITHIN_S = 10.0  # what a busy machine may need; a passing test never waits for it

T = TypeVar("T")


def eventually(probe: Callable[[], T], within_s: float = WITHIN_S) -> T:
    """The first truthy answer of `probe`. Fails when none came in time."""
    pause, tries = threading.Event(), int(within_s / 0.01)
    for _ in range(tries):
        if found := probe():
            return found
        pause.wait(0.01)
    raise AssertionError(f"did not become true within {within_s} s")


@dataclass(frozen=True)
class Got:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


@dataclass
class Reply:
    body: str | bytes = "<Response/>"
    status: int = 200
    content_type: str = "text/xml"
    headers: dict[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None
    cut_after: int | None = None


class _Server(ThreadingHTTPServer):
    request_queue_size = 256  # fifty calls knock in one moment; five may wait by default, the others' data is dropped


class Receiver:
    """Answers each path with the replies it was told, the last one for ever; remembers every request."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._got: list[Got] = []
        self._replies: dict[str, list[Reply]] = {}
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def says(self, path: str, *replies: Reply | str) -> str:
        """The address of `path`, which from now on answers so."""
        self._replies[path] = [r if isinstance(r, Reply) else Reply(r) for r in replies]
        return self.url + path

    def got(self, path: str | None = None) -> list[Got]:
        with self._changed:
            return [g for g in self._got if path is None or g.path == path]

    def wait_for(self, path: str, count: int = 1, within_s: float = WITHIN_S) -> list[Got]:
        with self._changed:
            enough = self._changed.wait_for(lambda: sum(g.path == path for g in self._got) >= count, within_s)
        assert enough, f"{count} requests for {path} did not come, but {[(g.method, g.target) for g in self.got()]}"
        return self.got(path)

    def close(self) -> None:
        for replies in self._replies.values():
            for reply in replies:
                if reply.hold:
                    reply.hold.set()
        self._server.shutdown()
        self._server.server_close()

    def _note(self, got: Got) -> Reply:
        with self._changed:
            self._got.append(got)
            self._changed.notify_all()
        replies = self._replies.get(got.path, [Reply()])
        return replies.pop(0) if len(replies) > 1 else replies[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                reply = receiver._note(Got(self.command, self.path, dict(self.headers.items()), body))
                if reply.hold:
                    reply.hold.wait(20)
                self._send(reply)

            def do_GET(self) -> None:
                self.do_POST()

            def _send(self, reply: Reply) -> None:
                body = reply.body.encode() if isinstance(reply.body, str) else reply.body
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if reply.content_type:
                    self.send_header("Content-Type", reply.content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: reply.cut_after])

            def log_message(self, format: str, *args: Any) -> None:
                return

        return Handler


class ToSimulator(TwilioHttpClient):
    """Sends what the SDK addresses to api.twilio.com to the simulator instead."""

    def __init__(self, base_url: str) -> None:
        super().__init__(timeout=10)
        self._base = urlsplit(base_url)

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        there = urlunsplit(urlsplit(url)._replace(scheme=self._base.scheme, netloc=self._base.netloc))
        return super().request(method, there, *args, **kwargs)


class Simulator:
    """The control API and raw REST in short words."""

    def __init__(self, world: World, url: str) -> None:
        self.world, self.url, self.account = world, url, ACCOUNT
        self.rest_url = f"{url}/2010-04-01/Accounts/{ACCOUNT.sid}"

    def sim(self, method: str, path: str, wishes: dict[str, Any] | None = None, status: int = 200) -> Any:
        answer = requests.request(method, f"{self.url}/sim{path}", json=wishes, timeout=20)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def rest(self, method: str, path: str, form: Any = None, **params: str) -> requests.Response:
        return requests.request(
            method, self.rest_url + path, data=form, params=params, auth=(ACCOUNT.sid, ACCOUNT.token), timeout=20
        )

    def number(self, number: str = BUSINESS, **urls: str) -> dict[str, Any]:
        return self.sim("PUT", f"/numbers/{number}", urls)

    def phone(self, number: str = OWNER, **behaviour: Any) -> None:
        self.sim("PUT", f"/phones/{number}", behaviour)

    def call(self, to: str = BUSINESS, **wishes: Any) -> str:
        return self.sim("POST", "/calls", {"from": CUSTOMER, "to": to, **wishes}, 201)["sid"]

    def text(self, body: str, **wishes: Any) -> str:
        return self.sim("POST", "/messages", {"from": CUSTOMER, "to": BUSINESS, "body": body, **wishes}, 201)["sid"]

    def ended_call(self, sid: str) -> dict[str, Any]:
        """The call once its thread is done with it, the last callback included."""
        eventually(lambda: all(thread.name != sid for thread in threading.enumerate()))
        return self.sim("GET", f"/calls/{sid}")

    def webhooks(self, **query: str) -> list[dict[str, Any]]:
        return requests.get(f"{self.url}/sim/webhooks", params=query, timeout=20).json()["data"]

    def message(self, sid: str, status: str) -> dict[str, Any]:
        """The message once it has this status."""
        eventually(lambda: self.sim("GET", f"/messages/{sid}")["status"] == status)
        return self.sim("GET", f"/messages/{sid}")


@pytest.fixture(scope="session")
def running() -> Iterator[Simulator]:
    """Fast, so that a call of half a minute takes a moment; seeded, so that a failure repeats."""
    world = World(ACCOUNT, speed=100, seed=7)
    server = server_for(create_app(world), "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield Simulator(world, f"http://127.0.0.1:{server.port}")
    server.shutdown()
    world.close()


@pytest.fixture
def sim(running: Simulator) -> Iterator[Simulator]:
    running.world.forget()
    running.world.clock.set_speed(100)
    yield running
    running.world.forget()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def client(sim: Simulator) -> Client:
    return Client(ACCOUNT.sid, ACCOUNT.token, http_client=ToSimulator(sim.url))


@pytest.fixture
def reply() -> type[Reply]:
    """The class, for tests that want more of an answer than its body."""
    return Reply


@pytest.fixture
def until() -> Callable[..., Any]:
    return eventually
