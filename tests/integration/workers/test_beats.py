"""Real beat processes: two at once, one that dies between claim and sending, one without Redis."""

import json
import sys
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from ops.stack.child import Child
from tests.integration.stack.conftest import wait_for
from tests.integration.workers.hands import REPO, OwnRedis, environment


@pytest.fixture
def start(tmp_path, database_url):
    beats = []

    def started(name, redis_url, **asked):
        argv = [sys.executable, str(Path(__file__).with_name("one_beat.py")), json.dumps({"period_s": 1, **asked})]
        env = environment(redis_url, database_url)
        beats.append(Child(name, argv, env=env, cwd=REPO, log=tmp_path / f"{name}.log"))
        return beats[-1]

    yield started
    for beat in beats:
        beat.kill()


@pytest.fixture
def claimed(database_url):
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield lambda: len(conn.execute("select from beat_slots").fetchall())


def test_two_beats_send_every_slot_once(start, claimed, redis_url):
    with Redis.from_url(redis_url) as redis:
        beats = [start("one", redis_url), start("two", redis_url)]
        wait_for(lambda: redis.llen("ticks") >= 5, "five slots")
        for beat in beats:
            beat.kill()
        assert redis.llen("ticks") in (claimed(), claimed() - 1)  # the last one may have been claimed and not sent


def test_a_beat_killed_between_claim_and_sending_costs_one_slot(start, claimed, redis_url):
    with Redis.from_url(redis_url) as redis:
        dying = start("one", redis_url, dies=2)
        wait_for(dying.has_ended, "it dies")
        assert (claimed(), redis.llen("ticks")) == (2, 1)
        start("two", redis_url)
        wait_for(lambda: redis.llen("ticks") == 2, "the next slot is sent", 5)
        assert claimed() == 3


def test_a_restarted_beat_does_not_send_the_running_slot_again_nor_wait_a_period(start, claimed, redis_url):
    with Redis.from_url(redis_url) as redis:
        first = start("one", redis_url, period_s=86_400)
        wait_for(lambda: redis.llen("ticks") == 1, "it is sent at once")
        first.kill()
        again = start("two", redis_url, period_s=86_400)
        start("three", redis_url)  # another schedule, only to see that time passes
        wait_for(lambda: redis.llen("ticks") >= 3, "others tick")
        assert not again.has_ended()
        assert claimed() == redis.llen("ticks")


def test_redis_down_at_the_due_moment_costs_the_slots_of_that_time_only(start, claimed, tmp_path):
    own = OwnRedis(tmp_path)
    try:
        beat = start("one", own.url)
        wait_for(lambda: own.client.llen("ticks") >= 1, "it ticks")
        own.child.kill()
        before = claimed()
        wait_for(lambda: claimed() > before, "a slot is due and cannot be sent")
        own.start()
        sent = own.client.llen("ticks")
        wait_for(lambda: own.client.llen("ticks") > sent, "the next one is sent", 10)
        assert not beat.has_ended()
    finally:
        own.close()
