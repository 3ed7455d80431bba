"""What another service put on `sms.jobs` is in Redis and nowhere else: a worker that has popped it holds the last copy."""

import signal

import pytest

from shared import tasks
from tests.integration.stack.conftest import wait_for
from tests.integration.workers.hands import OwnRedis, send
from tests.integration.workers.test_kills import JOB, House

QUEUES = ("sms", "sms.jobs")


@pytest.fixture
def redis(tmp_path):
    (tmp_path / "redis").mkdir()
    own = OwnRedis(tmp_path / "redis")
    yield own
    own.close()


@pytest.fixture
def house(tmp_path, redis, database_url):
    made = House(tmp_path, redis.url, database_url)
    yield made
    made.close()


def popped(house, redis):
    """A worker that stands still; Redis has handed it a text, and it has not read what it was handed."""
    hand = house.start(queues=QUEUES).ready()
    hand.child.send(signal.SIGSTOP)
    send(redis.client, tasks.SMS_CONTRACT, JOB, queue="sms.jobs")
    wait_for(lambda: redis.client.llen("sms.jobs") == 0, "it is on its way to the worker")
    return hand


def texts(house):
    return house.one("select count(*) from messages")


def test_a_text_that_was_popped_when_redis_died_is_taken_all_the_same(house, redis):
    hand = popped(house, redis)
    redis.child.kill()
    hand.child.send(signal.SIGCONT)
    wait_for(lambda: texts(house) == 1, "its row is there without Redis", 15)
    redis.start()
    send(redis.client, tasks.SMS_CONTRACT, {**JOB, "body": "Another"}, queue="sms.jobs")
    wait_for(lambda: texts(house) == 2, "the worker goes on", 30)


def test_a_text_that_was_popped_when_redis_was_full_is_taken_and_its_worker_lives(house, redis):
    hand = popped(house, redis)
    redis.client.config_set("maxmemory", 1)
    hand.child.send(signal.SIGCONT)
    wait_for(lambda: texts(house) == 1, "its row is there", 15)
    redis.client.config_set("maxmemory", 0)
    send(redis.client, tasks.SMS_CONTRACT, {**JOB, "body": "Another"}, queue="sms.jobs")
    wait_for(lambda: texts(house) == 2, "the worker goes on", 30)
    assert not hand.child.has_ended()
    assert redis.client.hlen("unacked") == 0
