"""A worker whose acknowledgement fails goes on working; with kombu's own transport it would stand still for good."""

import time

import pytest

from tests.integration.stack.conftest import wait_for
from tests.integration.workers.hands import Hand, OwnRedis, send

# Its events go over the same line: whichever is sent first meets the frozen Redis, and the ack is to be that.
OURS = {"worker_send_task_events": False}
KOMBUS = {**OURS, "broker_transport": "redis"}
SHORT = {"socket_timeout": 1}  # shorter than the freeze, so that the ack fails; ours is 30


@pytest.fixture
def redis(tmp_path):
    own = OwnRedis(tmp_path)
    yield own
    own.close()


@pytest.fixture
def start(tmp_path, redis):
    hands = []

    def started(**asked):
        hands.append(Hand(tmp_path, redis.url, queues=["events"], **asked))
        return hands[-1].ready()

    yield started
    for hand in hands:
        hand.kill()


def held(redis, folder, name):
    """A task is under way; returns its file."""
    file = folder / name
    send(redis.client, "test.hold", str(file))
    wait_for((folder / f"{name}.began").exists, "the task begins")
    return file


def just_after_a_heartbeat(redis):
    """The next one is 2 s away: until then nothing but the ack speaks to Redis."""
    with redis.client.pubsub() as heard:
        heard.psubscribe("*worker.heartbeat*")
        wait_for(lambda: (told := heard.get_message(timeout=0.5)) and told["type"] == "pmessage", "the heart beats")


def ends_while_frozen(redis, hand, file):
    """The task ends, its ack fails, and Redis comes back after 4 s in all."""
    just_after_a_heartbeat(redis)
    redis.freeze()
    began = time.monotonic()
    file.with_suffix(".go").touch()
    wait_for(lambda: "Couldn't ack" in hand.said(), "the ack fails", 8)
    wait_for(lambda: time.monotonic() - began > 4, "four seconds")
    redis.thaw()


def is_consumed(redis, folder, name, limit_s):
    send(redis.client, "test.hold", str(folder / name))
    (folder / f"{name}.go").touch()
    wait_for((folder / f"{name}.began").exists, f"{name} is taken", limit_s)


def test_redis_frozen_while_a_task_ends_does_not_stop_the_worker(redis, start, tmp_path):
    hand = start(transport=SHORT, conf=OURS)
    ends_while_frozen(redis, hand, held(redis, tmp_path, "first"))
    is_consumed(redis, tmp_path, "second", 10)


def test_with_kombus_own_transport_the_same_worker_stands_still(redis, start, tmp_path):
    """When this fails, kombu has mended it itself and our transport can go."""
    hand = start(transport=SHORT, conf=KOMBUS)
    ends_while_frozen(redis, hand, held(redis, tmp_path, "first"))
    with pytest.raises(AssertionError, match="second is taken"):
        is_consumed(redis, tmp_path, "second", 6)
    assert not hand.child.has_ended()


def test_redis_killed_while_a_task_ends_does_not_stop_the_worker(redis, start, tmp_path):
    hand = start(conf={**OURS, "worker_enable_remote_control": False})  # which would notice the loss by chance
    file = held(redis, tmp_path, "first")
    just_after_a_heartbeat(redis)
    redis.child.kill()
    file.with_suffix(".go").touch()
    wait_for(lambda: "Couldn't ack" in hand.said(), "the ack fails", 8)
    redis.start()
    is_consumed(redis, tmp_path, "second", 10)
    assert not hand.child.has_ended()


def test_redis_killed_under_an_idle_worker_does_not_end_it(redis, start, tmp_path):
    hand = start()  # its heart beats into the dead line meanwhile
    redis.child.kill()
    wait_for(lambda: "Cannot connect" in hand.said(), "it has noticed", 10)
    redis.start()
    is_consumed(redis, tmp_path, "task", 10)
    assert not hand.child.has_ended()


def test_a_worker_that_stands_still_ends_itself(redis, start, tmp_path):
    hand = start(transport=SHORT, conf=KOMBUS, watch={"stall_s": 2, "look_s": 0.2, "kill_s": 5})
    ends_while_frozen(redis, hand, held(redis, tmp_path, "first"))
    send(redis.client, "test.hold", str(tmp_path / "second"))
    wait_for(hand.child.has_ended, "the watchdog ends the worker", 12)
    assert '"worker_stalled"' in hand.said()


def test_a_net_whose_thread_dies_is_started_anew(redis, start):
    hand = start(torn=True)
    wait_for(lambda: '"net_revived"' in hand.said(), "the main loop notices")
    redis.client.hset("ts:inbox", "lost", "its bell was lost")
    redis.client.zadd("ts:inbox:due", {"lost": 0})
    wait_for(lambda: redis.client.zscore("ts:inbox:due", "lost"), "it sweeps again: somebody has claimed it")
