"""A message on its way from Redis to a worker. What another service put on `sms.jobs` is in Redis and nowhere else."""

import signal
import time

import pytest

from shared import tasks
from tests.integration.stack.conftest import wait_for
from tests.integration.workers.hands import OwnRedis, send
from tests.kills.test_kills import JOB, House

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


def texts(house):
    return house.one("select count(*) from messages")


def popped(house, redis, folder):
    """A worker that stands still; Redis has handed it a hint, and it has not read what it was handed."""
    hand = house.start().ready()
    (folder / "hint.go").touch()
    for _ in range(10):
        # A worker that has just been let go on must come to wait again, or it is stopped where it stood.
        wait_for(lambda: waits(redis), "it waits for a message")
        hand.child.send(signal.SIGSTOP)
        send(redis.client, "test.hold", str(folder / "hint"))
        if is_soon(lambda: redis.client.llen("events") == 0):
            return hand
        # It was stopped between two BRPOPs, and nobody waits for the hint.
        redis.client.delete("events")
        hand.child.send(signal.SIGCONT)
    raise AssertionError("never stopped while it waited for a message")


def waits(redis):
    """Whether a BRPOP stands at this Redis."""
    return any("b" in client["flags"] for client in redis.client.client_list())


def is_soon(fact):
    try:
        wait_for(fact, "it is on its way to the worker", 2)
    except AssertionError:
        return False
    return True


def test_a_hint_that_was_popped_when_redis_died_is_followed_all_the_same(house, redis, tmp_path):
    hand = popped(house, redis, tmp_path)
    redis.child.kill()
    hand.child.send(signal.SIGCONT)
    wait_for((tmp_path / "hint.began").exists, "it is followed without Redis")
    redis.start()
    send(redis.client, "test.hold", str(tmp_path / "hint"))
    wait_for(lambda: (tmp_path / "hint.began").read_text().count("began") == 2, "the worker goes on", 30)


def test_a_hint_that_was_popped_when_redis_was_full_does_not_end_its_worker(house, redis, tmp_path):
    hand = popped(house, redis, tmp_path)
    redis.client.config_set("maxmemory", 1)
    hand.child.send(signal.SIGCONT)
    wait_for((tmp_path / "hint.began").exists, "it is followed")
    redis.client.config_set("maxmemory", 0)
    send(redis.client, "test.hold", str(tmp_path / "hint"))
    wait_for(lambda: (tmp_path / "hint.began").read_text().count("began") == 2, "the worker goes on", 30)
    assert not hand.child.has_ended()


def test_a_text_stays_where_it_is_while_redis_is_full(house, redis):
    hand = house.start(queues=QUEUES).ready()
    hand.child.send(signal.SIGSTOP)
    send(redis.client, tasks.SMS_CONTRACT, JOB, queue="sms.jobs")
    redis.client.config_set("maxmemory", 1)
    hand.child.send(signal.SIGCONT)
    looks = redis.client.info("commandstats").get("cmdstat_eval", {"calls": 0})["calls"]
    wait_for(lambda: redis.client.info("commandstats")["cmdstat_eval"]["calls"] > looks + 2, "it has been looked for")
    assert redis.client.llen("sms.jobs") == 1
    redis.client.config_set("maxmemory", 0)
    wait_for(lambda: texts(house) == 1, "it is taken")
    assert not hand.child.has_ended()


def test_a_worker_killed_before_it_could_note_a_text_has_left_it_for_the_next(house, redis):
    hand = house.start(queues=QUEUES, dies="before_note").ready()
    send(redis.client, tasks.SMS_CONTRACT, JOB, queue="sms.jobs")
    wait_for(hand.child.has_ended, "it kills itself")
    assert (redis.client.llen("sms.jobs"), redis.client.hlen("unacked")) == (0, 1)
    house.start(name="two", queues=QUEUES).ready()
    wait_for(lambda: texts(house) == 1, "the next one takes it", 15)
    wait_for(lambda: redis.client.hlen("unacked") == 0, "it is acknowledged")
    assert redis.client.zcard("unacked_index") == 0


def test_texts_are_taken_from_the_lists_of_all_priorities_in_kombus_order(house, redis):
    for number, queue in enumerate(("sms.jobs\x06\x169", "sms.jobs\x06\x163", "sms.jobs")):
        send(redis.client, tasks.SMS_CONTRACT, {**JOB, "body": str(number)}, queue=queue)
    house.start(queues=QUEUES).ready()
    wait_for(lambda: texts(house) == 3, "all are taken")
    assert house.db.execute("select body from messages order by created_at").fetchall() == [("2",), ("1",), ("0",)]


def test_a_burst_of_texts_does_not_wait_for_the_next_look(house, redis):
    house.start(queues=("sms.jobs",), threads=2).ready()
    began = time.monotonic()
    for number in range(200):
        send(redis.client, tasks.SMS_CONTRACT, {**JOB, "body": str(number)}, queue="sms.jobs")
    wait_for(lambda: texts(house) == 200, "all are taken")
    # Two at each look, with a tenth of a second between, would take ten seconds.
    assert time.monotonic() - began < 7
