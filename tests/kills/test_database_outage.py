"""PostgreSQL goes away under a draining worker, and comes back."""

import os
import signal
import time
from pathlib import Path

import psycopg
import pytest

from ops.stack import postgres
from ops.stack.child import Child
from ops.stack.ports import free_port
from shared import inbox
from shared.db.migrate import migrate
from tests.integration.stack.conftest import wait_for
from tests.integration.workers.hands import REPO, Hand
from tests.kills.test_kills import House, calls, calls_from, once_each

# The pool asks every 2 s, the sweeper looks every 2 s for what is overdue by 2 s: six at the worst, and the machine.
RESUMES_WITHIN_S = 9


class OwnPostgres:
    """A PostgreSQL that a test may end and start again over its files."""

    def __init__(self, folder):
        self._folder, port = folder, free_port()
        server = postgres.server(folder, port, "secret", is_durable=False)
        self.url, self._service = server.url, server.service
        self.child = self.start()

    def start(self):
        self.child = Child(
            "postgres", list(self._service.argv), env=os.environ, cwd=REPO, log=self._folder / "postgres.log",
            before_exec=self._service.before_exec,
        )  # fmt: skip
        wait_for(lambda: postgres.probe(self.url) == "", "PostgreSQL answers")
        return self.child

    def stop_at_once(self):
        """As a crash: no checkpoint, every session cut (`immediate`)."""
        self.child.send(signal.SIGQUIT)
        wait_for(self.child.has_ended, "PostgreSQL is gone")


@pytest.fixture
def own_postgres(tmp_path):
    found = OwnPostgres(tmp_path)
    migrate(found.url)
    yield found
    found.child.kill()


@pytest.fixture
def house(tmp_path, redis_url, own_postgres):
    made = House(tmp_path, redis_url, own_postgres.url)
    yield made
    made.close()


def back(house, own_postgres):
    own_postgres.start()
    house.db.close()
    house.db = psycopg.connect(own_postgres.url, autocommit=True)


def test_an_immediate_shutdown_under_a_draining_worker_loses_nothing_and_it_resumes_soon(house, own_postgres):
    hand = house.start(threads=2).ready()
    inbox.put_many(house.redis, calls(1500))
    wait_for(lambda: house.one("select count(*) from events") >= 50, "it is in the middle")
    own_postgres.stop_at_once()
    inbox.put_many(house.redis, calls_from(1500, 20))
    wait_for(lambda: '"round_failed"' in hand.said(), "nobody gets a connection any more", 20)
    assert inbox.size(house.redis) > 0
    back(house, own_postgres)
    began = time.monotonic()
    wait_for(lambda: house.one("select max(processed_at) > now() - interval '1 s' from events"), "it resumes", 30)
    took_s = time.monotonic() - began
    wait_for(house.is_empty, "all is there", 30)
    once_each(house, 1520)
    assert took_s < RESUMES_WITHIN_S


def test_a_frozen_postgresql_holds_up_its_worker_and_nothing_else(house, own_postgres):
    house.start(threads=2).ready()
    inbox.put_many(house.redis, calls(300))
    wait_for(lambda: house.one("select count(*) from events") >= 50, "it is in the middle")
    os.kill(own_postgres.child.pid, signal.SIGSTOP)  # no new sessions ...
    for pid in backends(own_postgres):
        os.kill(pid, signal.SIGSTOP)  # ... and no answer in the old ones
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 4, "four seconds")
    for pid in (*backends(own_postgres), own_postgres.child.pid):
        os.kill(pid, signal.SIGCONT)
    wait_for(house.is_empty, "all is there", 30)
    once_each(house, 300)


def backends(own_postgres):
    listed = Path(f"/proc/{own_postgres.child.pid}/task/{own_postgres.child.pid}/children").read_text()
    return [int(word) for word in listed.split()]


def test_hands_start_without_postgresql(tmp_path, redis_url):
    hand = Hand(tmp_path, redis_url, queues=["events"])
    try:
        hand.ready()
    finally:
        hand.kill()
