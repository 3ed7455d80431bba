"""What our settings rest on in the Celery that is installed, and that Celery knows each of them."""

import inspect

import pytest
from celery.app.defaults import NAMESPACES, flatten
from celery.concurrency.thread import TaskPool
from kombu.transport import redis

from shared import tasks
from shared.settings import load
from workers.celery_config import VISIBILITY_TIMEOUT_S, config

SETTINGS = load({
    "TS_PUBLIC_URL": "http://127.0.0.1:9", "TS_REDIS_URL": "redis://127.0.0.1:1", "TS_DATABASE_URL": "postgresql://x@h/x",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "t",
})  # fmt: skip


@pytest.mark.parametrize("name", config(SETTINGS))
def test_celery_knows_every_setting(name):
    assert name in {known for known, _ in flatten(NAMESPACES)}


@pytest.mark.parametrize("name", config(SETTINGS)["broker_transport_options"])
def test_kombu_knows_every_option_of_the_transport(name):
    assert name in redis.Channel.from_transport_options


def test_the_pool_of_threads_still_knows_no_limits():
    """When this fails, time limits have come to the pool of threads: set them."""
    assert set(inspect.signature(TaskPool.on_apply).parameters) == {
        "self", "target", "args", "kwargs", "callback", "accept_callback", "_",
    }  # fmt: skip


def test_a_message_comes_back_within_the_half_minute_in_which_faults_must_settle():
    options = config(SETTINGS)["broker_transport_options"]
    assert options["visibility_timeout"] == VISIBILITY_TIMEOUT_S <= 30
    assert options["unacked_restore_interval"] * options["unacked_restore_throttle"] <= 5
    assert options["unacked_mutex_expire"] <= 10


def test_every_queue_is_a_list_that_needs_no_binding():
    queues = config(SETTINGS)["task_queues"]
    assert [(queue.name, queue.routing_key, queue.exchange.name) for queue in queues] == [
        (name, name, "") for name in tasks.QUEUES
    ]
