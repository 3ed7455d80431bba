"""Redis killed, frozen, forgetful or full; the journal full: a webhook is answered all the same, and stored where it can be."""

import os
import resource
import signal
import statistics
import subprocess
import time

import pytest
import redis as redis_py

from ops.stack import redis as redis_stack
from ops.stack.ports import free_port
from tests.integration.ingress.lane.conftest import Server, call, children, status, until, webhook

BUDGET_S = 0.05


class OwnRedis:
    """A Redis that a test may hurt."""

    def __init__(self, folder) -> None:
        self._server = redis_stack.server(folder, free_port(), "pw", appendfsync="everysec")
        self.url, self._process = self._server.url, None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._server.service.argv, stdout=subprocess.DEVNULL)
        until(lambda: not self._server.service.probe(self._process.pid))

    def signal(self, number: signal.Signals) -> None:
        os.kill(self._process.pid, number)
        if number == signal.SIGKILL:
            self._process.wait()

    def client(self):
        return redis_py.Redis.from_url(self.url)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def own_redis(tmp_path):
    folder = tmp_path / "redis"
    folder.mkdir()
    server = OwnRedis(folder)
    yield server
    server.end()


@pytest.fixture(params=["on", "off"])
def server(request, own_redis, database_url, tmp_path):
    running = Server(own_redis.url, database_url, tmp_path, {"TS_HOT_LANE": request.param}).start()
    assert running.client().ask(webhook(params=status(0))).status == 204
    yield running
    running.stop()


def times(server, count: int, first: int = 1) -> list[float]:
    """Posts webhooks one after another; how long each waited for its 204."""
    client, took = server.client(), []
    for number in range(first, first + count):
        started = time.monotonic()
        assert client.ask(webhook(params=status(number))).status == 204, server.log()[-3000:]
        took.append(time.monotonic() - started)
    return took


def keys(server) -> set[str]:
    return {event.key for event in server.in_inbox()}


def missed_the_inbox(server) -> bool:
    """Whether a webhook went to the journal alone, for another reason than a Redis that had no CPU for 20 ms."""
    was_slow = '"error_type": "TimeoutError"' in server.log()
    return bool(server.metric('events_stored_total{where="journal"}')) and not was_slow


def expected(count: int) -> set[str]:
    return {f"call-status:CA{number:032x}:completed" for number in range(count)}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_without_redis_webhooks_are_answered_from_the_journal_and_come_into_the_inbox_when_it_is_back(
    server, own_redis, how
):
    own_redis.signal(how)
    took = times(server, 40)
    # One of them may have tried Redis (20 ms); the rest do not. A median, because this machine is shared.
    assert statistics.median(took) < BUDGET_S
    assert server.client().ask(webhook("/api/calls/incoming", call(99))).status == 200
    assert server.metric('events_stored_total{where="journal"}') >= 41
    own_redis.signal(signal.SIGCONT) if how == signal.SIGSTOP else own_redis.start()
    # Nobody posts anything any more: the drainer brings them by itself.
    until(lambda: expected(41) <= keys(server))
    until(lambda: "inbox_line_open" in server.log().rpartition("inbox_line_cut")[2])
    assert server.client().ask(webhook(params=status(50))).status == 204
    until(lambda: f"call-status:CA{50:032x}:completed" in keys(server))


def test_after_redis_has_restarted_no_webhook_misses_the_inbox(server, own_redis):
    """The first one finds a dead connection and tries once more, on a fresh one."""
    own_redis.signal(signal.SIGKILL)
    own_redis.start()
    times(server, 3)
    until(lambda: expected(4) <= keys(server))
    assert not missed_the_inbox(server)


def test_a_redis_that_forgot_its_scripts_is_told_them_again(server, own_redis):
    own_redis.client().script_flush()
    times(server, 3)
    until(lambda: expected(4) <= keys(server))
    assert not missed_the_inbox(server)


def test_a_full_redis_leaves_it_to_the_journal(server, own_redis):
    own_redis.client().config_set("maxmemory", 1)
    times(server, 3)
    assert server.metric('events_stored_total{where="journal"}') == 3
    own_redis.client().config_set("maxmemory", 0)
    until(lambda: expected(4) <= keys(server))


@pytest.mark.parametrize("server", ["on"], indirect=True)  # half a minute, and the same drainer both ways
def test_what_redis_lost_after_it_was_acknowledged_comes_back_from_the_journal(server, own_redis):
    times(server, 5)
    own_redis.client().flushall()
    # The segment is closed after ten seconds, and looked at fifteen later: PostgreSQL has none of them.
    until(lambda: expected(6) <= keys(server), within_s=60)


def limit_files(server, size: int) -> None:
    """From now on no process of the server can write a file beyond `size` bytes: its disk is full."""
    for pid in (server.process.pid, *children(server)):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_full_disk_leaves_it_to_redis_and_heals(server):
    limit_files(server, 0)
    times(server, 5)
    assert expected(6) <= keys(server)
    limit_files(server, resource.RLIM_INFINITY)
    until(lambda: server.client().ask(webhook(params=status(7))).status == 204)
    until(lambda: server.client().ask(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n").status == 200)


def test_when_both_stores_are_gone_a_call_is_answered_and_a_text_is_asked_for_again(server, own_redis):
    own_redis.signal(signal.SIGKILL)
    limit_files(server, 0)
    refused = server.client().ask(webhook(params=status(1)))
    assert (refused.status, refused.headers["content-type"]) == (503, "text/plain; charset=utf-8")
    assert int(refused.headers["retry-after"]) >= 1
    answered = server.client().ask(webhook("/api/calls/incoming", call(1)))
    assert (answered.status, b"<Record" in answered.body) == (200, True)
    assert server.client().ask(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n").status == 503
