"""The receiver that README shows, run as it stands there and told by the real relay."""

import re
from collections.abc import Iterator
from contextlib import closing
from threading import Thread
from typing import Any

import pytest
from werkzeug.serving import make_server

from shared.db import endpoints
from shared.db.endpoints import Endpoint
from tests.conftest import REPO
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, SECRET, event
from tests.told import faults
from workers.relay import Relay

OTHER_SECRET = "whsec_b3RoZXIgc2VjcmV0IGJ5dGVzIGhlcmU="


@pytest.fixture
def receiver(monkeypatch) -> Iterator[dict[str, Any]]:
    """The names of the example, with `url` where its application listens."""
    (text,) = re.findall(r"<!-- receiver:.*?```python\n(.*?)```", (REPO / "README.md").read_text(), re.S)
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    names: dict[str, Any] = {"__name__": "receiver"}
    exec(text, names)  # noqa: S102 - our own README
    server = make_server("127.0.0.1", 0, names["app"], threaded=True)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield names | {"url": f"http://127.0.0.1:{server.server_port}/hooks/twilio-server"}
    server.shutdown()
    server.server_close()


def tell(world, receiver, secret: str = SECRET) -> list[tuple[int, str]]:
    """A customer writes; (status, outcome) of every delivery after one round."""
    with world.rt.db.connection() as conn:
        endpoints.put(conn, Endpoint("readme", receiver["url"], "standard", secret, [], None, True))
    world.listens_only("readme")
    world.happens(event("sms", MessageSid="SM" + "1" * 32, From=CUSTOMER, To=BUSINESS, Body="Hello"))
    with closing(Relay(world.rt)) as relay:
        relay.drain()
    return world.rows("select http_status, outcome from deliveries")


def test_it_takes_what_the_relay_tells(world, receiver):
    assert tell(world, receiver) == [(204, "delivered")]
    told = receiver["to_do"].get_nowait()
    assert (told["type"], told["data"]["body"]) == ("sms.received", "Hello")
    assert faults(told) == []


def test_it_takes_the_same_notification_once(world, receiver):
    tell(world, receiver)
    world.rows("update deliveries set outcome = null, finished_at = null, http_status = null returning 1")
    world.rows("update jobs set state = 'due', finished_at = null, next_at = now(), hint_at = now() returning 1")
    with closing(Relay(world.rt)) as relay:
        assert relay.drain() == 1
    assert world.rows("select outcome, attempts from deliveries") == [("delivered", 2)]
    assert receiver["to_do"].qsize() == 1


def test_it_believes_nobody_else(world, receiver):
    assert tell(world, receiver, OTHER_SECRET) == [(401, None)]
    assert receiver["to_do"].empty()
    assert receiver["seen"] == set()
