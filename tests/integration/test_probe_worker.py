"""A worker is healthy while it says that it consumes."""

import socket

import pytest
import redis

from ops import probe_worker
from ops.stack import ports


def test_a_worker_that_says_so_consumes(redis_url: str):
    with redis.Redis.from_url(redis_url) as client:
        client.set("ts:alive:events@host", 1)
    assert probe_worker.complaint(redis_url, "events@host") is None
    assert "sms@host does not" in str(probe_worker.complaint(redis_url, "sms@host"))


def test_without_redis_no_worker_consumes():
    assert "does not answer" in str(probe_worker.complaint(f"redis://127.0.0.1:{ports.free_port()}/0", "events@host"))


@pytest.mark.parametrize(("said", "code"), [("events", 0), ("sms", 1)])
def test_the_command_asks_for_the_worker_of_this_host(redis_url: str, monkeypatch, said: str, code: int):
    for name, value in {"TS_PUBLIC_URL": "http://127.0.0.1:9", "TS_REDIS_URL": redis_url,
                        "TS_DATABASE_URL": "postgresql://x@127.0.0.1/x", "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
                        "TWILIO_AUTH_TOKEN": "t"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    with redis.Redis.from_url(redis_url) as client:
        client.set(f"ts:alive:events@{socket.gethostname()}", 1)
    assert probe_worker.main([said]) == code


def test_a_name_is_needed():
    assert probe_worker.main([]) == 1
