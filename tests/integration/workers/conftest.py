"""A worker's Runtime on the real stores, with a simulated Twilio on loopback and a subscriber that notes what it gets."""

import itertools
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event as Gate
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from ops.twilio_sim.account import Account
from ops.twilio_sim.app import create_app
from ops.twilio_sim.server import server_for
from ops.twilio_sim.world import World
from shared import inbox
from shared.db import endpoints, numbers
from shared.db.endpoints import Endpoint
from shared.domain import event_keys
from shared.domain.event import Event
from shared.domain.routing import Number, forwards
from shared.settings import load
from workers import events
from workers.catalogue import CATALOGUE
from workers.context import WorkerRuntime, open_runtime
from workers.execute import run

ACCOUNT = Account("AC" + "0a" * 16, "a-token-for-tests")
TENANT, BUSINESS, OWNER, CUSTOMER = "tenant-1", "+14155550100", "+14155550199", "+12125550142"
SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_serial = itertools.count(1)


class Subscriber:
    """A real HTTP server that notes what it is told and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], Any]] = []
        self.answers: list[tuple[int, Any]] = []  # taken from the front; when empty: 200
        self.gate = Gate()  # closed, nobody is answered
        self.gate.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.got]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        subscriber = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                subscriber.got.append((self.path, dict(self.headers.items()), body))
                subscriber.gate.wait(30)
                status, answer = subscriber.answers.pop(0) if subscriber.answers else (200, {"success": True})
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    server = Subscriber()
    yield server
    server.close()


@pytest.fixture
def twilio(tmp_path) -> Iterator[str]:
    """A Twilio of this test's own, a hundred times as fast; its URL."""
    world = World(ACCOUNT, speed=100, seed=1)
    server = server_for(create_app(world), "127.0.0.1", 0)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.port}"
    requests.put(f"{url}/sim/numbers/{BUSINESS}", json={}, timeout=10).raise_for_status()
    yield url
    server.shutdown()
    world.close()


@pytest.fixture
def rt(redis_url: str, database_url: str, twilio: str, s3: Any) -> Iterator[WorkerRuntime]:
    settings = load({
        "TS_PUBLIC_URL": "http://127.0.0.1:9",  # nobody listens: Twilio's callbacks go nowhere, tests bring events themselves
        "TS_REDIS_URL": redis_url, "TS_DATABASE_URL": database_url, "TS_TWILIO_API_URL": twilio,
        "TWILIO_ACCOUNT_SID": ACCOUNT.sid, "TWILIO_AUTH_TOKEN": ACCOUNT.token, "INTERNAL_SERVICE_KEY": "platform-key",
        "TS_EVENT_ALLOW": "127.0.0.1",
        "TS_S3_ENDPOINT_URL": s3.endpoint_url, "TS_S3_BUCKET": s3.name,
        "TS_S3_ACCESS_KEY_ID": s3.access_key_id, "TS_S3_SECRET_ACCESS_KEY": s3.secret_access_key,
    })  # fmt: skip
    runtime = open_runtime(settings)
    with runtime.db.connection() as conn:
        numbers.put(conn, Number(BUSINESS, TENANT, forwards(OWNER)))
    yield runtime
    runtime.close()


@pytest.fixture
def world(rt: WorkerRuntime, subscriber: Subscriber) -> "Story":
    """Everything, with as-call-service and one signed subscriber listening."""
    with rt.db.connection() as conn:
        endpoints.put(
            conn,
            Endpoint(
                "as-call",
                f"{subscriber.url}/as-call",
                "as-call-service",
                "",
                ["call.incoming", "call.missed", "sms.received"],
                None,
                True,
            ),
        )
        endpoints.put(conn, Endpoint("all", f"{subscriber.url}/all", "standard", SECRET, [], None, True))  # fmt: skip
    return Story(rt, subscriber)


def event(door: event_keys.Door, query: str = "", answer: str = "", **params: str) -> Event:
    """A webhook as the ingress would store it."""
    params = {"AccountSid": ACCOUNT.sid, **params}
    name = event_keys.name(params, door, f"/{door}")
    return Event(
        event_id=f"{next(_serial):032x}", key=name.key, kind=name.kind, account_sid=ACCOUNT.sid, sids=name.sids,
        path=f"/{door}", query=query, content_type="application/x-www-form-urlencoded", token="",
        body=urlencode(params).encode(), received_ns=time.time_ns(), answer=answer,
    )  # fmt: skip


class Story:
    """What happens in a test: events come in, promised work is done, and somebody looks at the rows."""

    def __init__(self, rt: WorkerRuntime, subscriber: Subscriber) -> None:
        self.rt, self.subscriber = rt, subscriber

    def happens(self, *occurred: Event) -> None:
        """The events are stored and drained."""
        inbox.put_many(self.rt.redis, occurred)
        events.drain(self.rt)

    def work(self, *kinds: str) -> list[str]:
        """Does every job of these kinds that is ready, until none is left; what became of each."""
        outcomes: list[str] = []
        while ready := self._ready(kinds):
            outcomes += [run(self.rt, CATALOGUE, job_id) for job_id in ready]
        return outcomes

    def time_passes(self) -> None:
        """What waits for its time is due, and every sender may send again."""
        self.rows("update jobs set next_at = now(), awake = true where state = 'due' returning id")
        for key in self.rt.redis.scan_iter("ts:pace*"):
            self.rt.redis.delete(key)

    def rows(self, query: Any, *values: Any) -> list[tuple[Any, ...]]:
        with self.rt.db.connection() as conn:
            return conn.execute(query, values).fetchall()

    def one(self, query: Any, *values: Any) -> Any:
        """The only value of the only row."""
        ((value,),) = self.rows(query, *values)
        return value

    def listens_only(self, endpoint_id: str) -> None:
        """The other subscribers are switched off."""
        self.rows(
            """
            update endpoints set enabled = is_it, disabled_reason = case when not is_it then 'asked' end,
                                 disabled_at = case when not is_it then now() end
              from (select id as which, id = %s as is_it from endpoints) as wished where id = which returning id
            """,
            endpoint_id,
        )

    def _ready(self, kinds: tuple[str, ...]) -> list[int]:
        return [row[0] for row in self.rows(
            """
            select id from jobs where state = 'due' and next_at <= now() and kind = any(%s)
               and not exists (select 1 from jobs o where o.order_key = jobs.order_key and o.state = 'due' and o.id < jobs.id)
             order by id
            """, list(kinds))]  # fmt: skip
