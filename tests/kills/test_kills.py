"""Real worker processes that are killed in the middle of their work: nothing is lost, nothing is done twice."""

import random
import signal
import subprocess
import sys

import psycopg
import pytest
from redis import Redis

from shared import inbox
from shared.db import numbers
from shared.domain.routing import Number, forwards
from tests.integration.stack.conftest import wait_for
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, OWNER, TENANT, event
from tests.integration.workers.hands import Hand, environment

SOON = {"visibility_timeout": 2, "unacked_restore_interval": 1}  # ours: 30 and 5
JOB = {"to": CUSTOMER, "from": BUSINESS, "body": "Hello", "client": "billing"}


class House:
    """The stores of one test, and the workers it starts."""

    def __init__(self, folder, redis_url, database_url):
        self.folder, self.redis_url, self.database_url = folder, redis_url, database_url
        self.redis = Redis.from_url(redis_url)
        self.db = psycopg.connect(database_url, autocommit=True)
        self.hands = []
        numbers.put(self.db, Number(BUSINESS, TENANT, forwards(OWNER)))

    def start(self, *, queues=("events",), **asked):
        asked = {"transport": SOON, **asked}
        self.hands.append(Hand(self.folder, self.redis_url, self.database_url, queues=list(queues), **asked))
        return self.hands[-1]

    def one(self, query):
        row = self.db.execute(query).fetchone()
        return row and row[0]

    def leases_end(self):
        """What a killed worker had in hand is due: the tests do not wait for 30 s."""
        due = self.redis.zrange(inbox.DUE, 0, -1)
        if due:
            self.redis.zadd(inbox.DUE, dict.fromkeys(due, 0), xx=True)

    def is_empty(self):
        return inbox.size(self.redis) == 0

    def close(self):
        for hand in self.hands:
            hand.kill()
        self.redis.close()
        self.db.close()


@pytest.fixture
def house(tmp_path, redis_url, database_url):
    made = House(tmp_path, redis_url, database_url)
    yield made
    made.close()


def calls(count):
    """Each is a call's end, missed: it promises a notification and a text, once."""
    return [
        event("incoming", CallSid=f"CA{n:032x}", CallStatus="ringing", From=CUSTOMER, To=BUSINESS, Direction="inbound")
        for n in range(count)
    ]


def once_each(house, count):
    assert house.one("select count(*) from events") == count
    assert house.one("select count(*) from events where processed_at is null") == 0
    assert house.one("select count(*) from calls") == count
    assert house.one("select count(*) from jobs") == house.one("select count(distinct (kind, ref)) from jobs")
    assert house.one("select count(*) from set_aside") == 0


@pytest.mark.parametrize(("where", "committed"), [("before_commit", 0), ("after_commit", 50)])
def test_a_worker_killed_around_its_commit_leaves_every_event_with_one_effect(house, where, committed):
    inbox.put_many(house.redis, calls(60))
    hand = house.start(dies=where)
    wait_for(hand.child.has_ended, "it kills itself")
    assert house.one("select count(*) from events") == committed
    assert inbox.size(house.redis) == 60
    house.leases_end()
    house.start(name="two").ready()
    wait_for(house.is_empty, "the next one finishes")
    once_each(house, 60)


def test_workers_killed_at_random_moments_lose_and_double_nothing(house):
    moments, total = random.Random(7), 0
    for number in range(4):
        inbox.put_many(house.redis, calls_from(total, 250))
        total += 250
        hand = house.start(name=f"w{number}", threads=2).ready()
        house.leases_end()
        enough = moments.randrange(total - 200, total - 20)
        wait_for(lambda enough=enough: house.one("select count(*) from events") >= enough, "it is in the middle")
        hand.kill()
    house.leases_end()
    house.start(name="last").ready()
    wait_for(house.is_empty, "the last one finishes")
    once_each(house, total)


def calls_from(first, count):
    return calls(first + count)[first:]


def test_an_event_that_kills_its_worker_is_set_aside_without_its_neighbours(house):
    batch = calls(30)
    inbox.put_many(house.redis, batch)
    for number in range(2):  # once with its batch, once alone
        hand = house.start(name=f"w{number}", at=batch[11].params["CallSid"], most_tries=2)
        wait_for(hand.child.has_ended, "it takes the worker along")
        house.leases_end()
    house.start(name="last", at=batch[11].params["CallSid"], most_tries=2).ready()
    wait_for(house.is_empty, "all is settled")
    assert house.one("select count(*) from events") == 29
    assert house.one("select event_id from set_aside") == batch[11].event_id


def another_service_sends(house, how):
    """As a sibling service would: its own Celery, none of our code."""
    code = f"""
import celery, kombu, sys
app = celery.Celery(broker={house.redis_url!r})
{how}
"""
    env = environment(house.redis_url, house.database_url)
    done = subprocess.run([sys.executable, "-c", code], env=dict(env), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


BY_QUEUE = f"app.send_task('twilio_server.sms.send.v1', queue='sms.jobs', kwargs={{'job': {JOB!r}}})"
OWN_QUEUE = f"""
app.conf.task_queues = [kombu.Queue('sms.jobs', kombu.Exchange('sms.jobs'), routing_key='sms.jobs')]
app.send_task('twilio_server.sms.send.v1', args=[{JOB!r}], queue='sms.jobs')"""
BY_EXCHANGE = f"app.send_task('twilio_server.sms.send.v1', args=[{JOB!r}], exchange='sms.jobs', routing_key='sms.jobs')"


def test_a_text_of_another_service_survives_the_worker_that_held_its_only_copy(house, tmp_path):
    hand = house.start(queues=["sms", "sms.jobs"], hangs=str(tmp_path / "row"), threads=2).ready()
    another_service_sends(house, BY_QUEUE)
    wait_for((tmp_path / "row").exists, "its row is written, not committed")
    hand.child.send(signal.SIGKILL)
    wait_for(hand.child.has_ended, "it is dead")
    assert (house.redis.llen("sms.jobs"), house.redis.hlen("unacked")) == (0, 1)
    house.start(name="two", queues=["sms", "sms.jobs"]).ready()
    wait_for(lambda: house.one("select count(*) from messages") == 1, "it comes back", 15)
    wait_for(lambda: house.redis.hlen("unacked") == 0, "it is acknowledged")
    assert house.one("select count(*) from jobs where kind = 'sms.send'") == 1


@pytest.mark.parametrize("how", [BY_QUEUE, OWN_QUEUE, BY_EXCHANGE], ids=["queue", "own queue", "exchange"])
def test_after_flushall_under_a_running_worker_another_service_still_reaches_it(house, how):
    house.start(queues=["sms", "sms.jobs"]).ready()
    house.redis.flushdb()
    if how is BY_EXCHANGE:  # the only one that needs a table in Redis: it is back within BIND_S
        wait_for(lambda: house.redis.exists("_kombu.binding.sms.jobs"), "the binding is back")
    another_service_sends(house, how)
    wait_for(lambda: house.one("select count(*) from messages") == 1, "the text is taken")


def test_after_flushall_a_worker_drains_what_comes_next(house):
    house.start().ready()
    house.redis.flushdb()
    inbox.put_many(house.redis, calls(3))
    wait_for(house.is_empty, "drained")
    once_each(house, 3)
