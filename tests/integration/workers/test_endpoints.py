"""Endpoints from the API to a receiver that verifies: the stand-in of a subscriber, with the package of Standard Webhooks."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from threading import Event as Signal
from threading import Thread
from typing import Any

import pytest
import requests

from ops.standins.app import build
from ops.standins.server import listen
from shared.db import notifications
from shared.runtime import Runtime
from tests.integration.ingress.api.conftest import Api, application, new_key
from tests.integration.workers.conftest import Story
from workers import housekeeping
from workers.relay import Relay

pytestmark = pytest.mark.made_up_notices

_subjects = itertools.count(1)


@pytest.fixture
def standins() -> Iterator[str]:
    """The URL of the stand-ins."""
    server = listen(build("http://127.0.0.1:9", "platform-key"), "127.0.0.1", 0)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def api(world: Story) -> Api:
    world.rows("delete from endpoint_states returning 1")
    world.rows("delete from endpoints returning 1")
    rt = Runtime(world.rt.settings, world.rt.db, world.rt.redis)
    return Api(application(rt).test_client(), new_key(rt).text)


@pytest.fixture
def relay(world: Story) -> Iterator[Relay]:
    opened = Relay(world.rt)
    yield opened
    opened.close()


@pytest.fixture
def running(relay: Relay) -> Iterator[Relay]:
    """A relay that goes on by itself."""
    is_over = Signal()

    def rounds() -> None:
        while not is_over.is_set():
            relay.once()

    thread = Thread(target=rounds)
    thread.start()
    yield relay
    is_over.set()
    relay.bell()
    thread.join()


def knows(standins: str, secret: str) -> None:
    requests.put(f"{standins}/standin/subscriber/crm/secret", json={"secret": secret}, timeout=10).raise_for_status()


def heard(standins: str) -> list[dict[str, Any]]:
    return requests.get(f"{standins}/standin/subscriber/crm", timeout=10).json()["received"]


def happens(world: Story) -> None:
    with world.rt.db.connection() as conn:
        assert notifications.notify(
            conn,
            "call.missed",
            subject=f"{next(_subjects)}",
            tenant_id=None,
            order_key=f"{next(_subjects)}",
            data={"n": 1},
        )


def subscribed(api: Api, standins: str, **said: Any) -> dict[str, Any]:
    made = api.post("/api/endpoints", json={"id": "crm", "url": f"{standins}/subscriber/crm"} | said)
    assert made.status_code == 201, made.text
    return made.get_json()


def test_a_receiver_verifies_before_during_and_after_a_rotation_with_the_secret_it_has(world, api, relay, standins):
    first = subscribed(api, standins)["secret"]
    knows(standins, first)
    happens(world)
    relay.drain()
    assert [event["verified"] for event in heard(standins)] == [True]

    second = api.post("/api/endpoints/crm/rotate", json={"overlap_s": 3600}).get_json()["secret"]
    happens(world)
    relay.drain()
    knows(standins, second)
    happens(world)
    relay.drain()
    assert [event["verified"] for event in heard(standins)] == [True] * 3

    world.rows("update endpoints set previous_until = now() returning 1")  # the overlap is over
    happens(world)
    relay.drain()
    knows(standins, first)
    happens(world)
    relay.drain()
    assert [event["verified"] for event in heard(standins)] == [True] * 4 + [False]
    (last,) = api.get("/api/endpoints/crm/attempts?status=failed").get_json()["data"]
    assert (last["http_status"], last["error"]) == (401, "http_401")
    assert "INVALID_SIGNATURE" in last["answer"]
    assert world.one("select count(*) from deliveries where outcome = 'delivered'") == 4


def test_without_an_overlap_the_secret_before_is_worth_nothing_at_once(world, api, relay, standins):
    knows(standins, subscribed(api, standins)["secret"])
    api.post("/api/endpoints/crm/rotate", json={"overlap_s": 0})
    happens(world)
    relay.drain()
    assert [event["verified"] for event in heard(standins)] == [False]


def test_a_test_tells_what_the_receiver_answered(api, running, standins):
    knows(standins, subscribed(api, standins, types=["sms.sent"], headers={"x-team": "blue"})["secret"])
    tested = api.post("/api/endpoints/crm/test", headers={"Prefer": "wait=5"})
    shown = tested.get_json()
    assert (tested.status_code, tested.headers["Preference-Applied"]) == (200, "wait=5")
    assert (shown["outcome"], shown["attempt"]["http_status"], shown["attempt"]["error"]) == ("delivered", 204, None)
    (event,) = heard(standins)
    assert (event["id"], event["type"], event["verified"]) == (shown["notification_id"], "endpoint.test", True)
    assert event["data"]["endpoint_id"] == "crm"
    assert api.get("/api/endpoints/crm").get_json()["health"]["last_success_at"] is not None


def test_a_test_that_is_refused_says_why(api, running, standins):
    subscribed(api, standins)
    shown = api.post("/api/endpoints/crm/test", headers={"Prefer": "wait=5"}).get_json()
    assert (shown["outcome"], shown["attempt"]["http_status"]) == (None, 401)
    assert "no secret known" in shown["attempt"]["answer"]


def test_what_waited_while_it_was_disabled_is_told_once_it_is_enabled(world, api, relay, standins):
    knows(standins, subscribed(api, standins)["secret"])
    happens(world)
    api._ask("PATCH", "/api/endpoints/crm", json={"enabled": False})
    assert relay.drain() == 0
    api._ask("PATCH", "/api/endpoints/crm", json={"enabled": True})
    assert relay.drain() == 1
    assert [event["verified"] for event in heard(standins)] == [True]


def test_an_endpoint_deleted_while_it_is_told_leaves_nothing_behind(world, api, relay, subscriber):
    """The answer comes after the end of the endpoint."""
    is_asked, is_gone = Signal(), Signal()

    class Slow(list):
        def pop(self, _place: int) -> tuple[int, Any]:
            is_asked.set()
            is_gone.wait(10)
            return 500, {}

    subscriber.answers = Slow([1])
    subscribed(api, subscriber.url)
    happens(world)
    thread = Thread(target=relay.drain)
    thread.start()
    assert is_asked.wait(10)
    gone = api._ask("DELETE", "/api/endpoints/crm")
    is_gone.set()
    thread.join()
    assert gone.get_json()["canceled"] == 1
    assert world.rows("select outcome from deliveries") == [("canceled",)]
    assert world.rows("select state from jobs") == [("done",)]
    assert world.rows("select http_status from delivery_attempts") == [(500,)]


def test_what_was_promised_in_the_moment_of_an_end_is_swept(world, api):
    subscribed(api, "http://127.0.0.1:9")
    with world.rt.db.connection() as late:
        notifications.notify(late, "call.missed", subject="late", tenant_id=None, order_key="one", data={})
        api._ask("DELETE", "/api/endpoints/crm")
    assert world.rows("select outcome from deliveries") == [(None,)]
    housekeeping.forget(world.rt)
    assert world.rows("select outcome from deliveries") == [("canceled",)]
    assert world.rows("select state from jobs") == [("done",)]


def test_attempts_are_kept_for_thirty_days(world, api, relay, monkeypatch):
    subscribed(api, world.subscriber.url)
    for _ in range(7):
        happens(world)
    relay.drain()
    old = "update delivery_attempts set at = at - %s where delivery_id <= (select min(id) + 4 from deliveries) returning 1"
    world.rows(old, timedelta(days=30, minutes=1))
    world.rows(
        "update delivery_attempts set at = at - interval '29 days' where at > now() - interval '1 day' returning 1"
    )
    monkeypatch.setattr("shared.db.delivery_attempts.STEP", 2)
    housekeeping.forget(world.rt)
    assert world.one("select count(*) from delivery_attempts") == 2
    assert world.one("select count(*) from deliveries where attempts = 1") == 7
