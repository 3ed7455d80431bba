import pytest
from kombu import Connection
from kombu.transport.virtual import QoS as VirtualQoS
from redis import Redis
from redis.exceptions import ConnectionError as RedisIsGone

from ops.stack.ports import free_port
from shared.celery_transport import Connection as Patient
from shared.celery_transport import SafeQoS, Transport, keep_bound


@pytest.fixture
def qos(redis_url, monkeypatch):
    """The accounting of a worker that holds one message, while Redis has just gone away."""

    def gone(*_args, **_kwargs):
        raise RedisIsGone("gone")

    with Connection(redis_url, transport=Transport) as connection:
        made = SafeQoS(connection.channel(), prefetch_count=1)
        VirtualQoS.append(made, "message", "tag")
        with monkeypatch.context() as away:
            away.setattr(made, "_remove_from_indices", gone)
            away.setattr(made, "restore_by_tag", gone)
            yield made
        made._delivered.clear()


@pytest.mark.parametrize("settle", [
    lambda qos: qos.ack("tag"), lambda qos: qos.reject("tag"), lambda qos: qos.reject("tag", requeue=True),
])  # fmt: skip
def test_a_failed_acknowledgement_gives_its_credit_back(qos, settle):
    assert not qos.can_consume()
    with pytest.raises(RedisIsGone):
        settle(qos)
    assert qos.can_consume()


def test_kombus_own_accounting_still_needs_the_mend(qos):
    """When this fails, kombu has mended it itself and our transport can go."""
    from kombu.transport.redis import QoS

    with pytest.raises(RedisIsGone):
        QoS.ack(qos, "tag")
    assert not qos.can_consume()


def test_a_channel_that_was_closed_is_a_lost_connection_and_not_the_end_of_its_worker(redis_url):
    with Connection(redis_url, transport=Transport) as connection:
        closed, of_a_lost_one = connection.channel(), connection.channel()
        closed.connection.close_channel(closed)
        of_a_lost_one.connection.client = None  # as kombu leaves it when it reconnects
        for channel in (closed, of_a_lost_one):
            with pytest.raises(connection.connection_errors):
                channel._connparams()
        of_a_lost_one.connection.client = connection


def test_flower_still_takes_it_for_redis():
    assert Transport.driver_type == "redis"
    assert Transport.Channel.QoS is SafeQoS


SENDERS = {"queue": ("", "sms.jobs"), "exchange of its name": ("sms.jobs", "sms.jobs")}


@pytest.mark.parametrize("to", SENDERS.values(), ids=SENDERS)
@pytest.mark.parametrize("is_bound", [True, False])
def test_a_message_for_our_queue_finds_it_with_and_without_a_binding(redis_url, to, is_bound):
    exchange, key = to
    with Redis.from_url(redis_url) as client, Connection(redis_url, transport=Transport) as connection:
        if is_bound:
            keep_bound(client, "sms.jobs")
        connection.Producer().publish({}, exchange=exchange, routing_key=key)
        assert client.llen("sms.jobs") == 1


def test_a_message_for_nobody_goes_nowhere(redis_url):
    with Redis.from_url(redis_url) as client, Connection(redis_url, transport=Transport) as connection:
        connection.Producer().publish({}, exchange="sms.jobs", routing_key="unknown")
        assert client.keys("*") == []


def test_the_binding_we_keep_is_kombus(redis_url):
    """Another service's kombu, which has none of our mends, finds the queue by it."""
    with Redis.from_url(redis_url) as client, Connection(redis_url) as plain:
        keep_bound(client, "sms.jobs")
        plain.Producer().publish({}, exchange="sms.jobs", routing_key="sms.jobs")
        assert client.llen("sms.jobs") == 1
        client.delete("_kombu.binding.sms.jobs")
        plain.Producer().publish({}, exchange="sms.jobs", routing_key="sms.jobs")
        assert client.llen("sms.jobs") == 1  # dropped without a word: that is why we keep it


def test_an_unacknowledged_message_comes_back_although_its_binding_is_gone(redis_url):
    with Redis.from_url(redis_url) as client, Connection(redis_url, transport=Transport) as connection:
        keep_bound(client, "sms.jobs")
        connection.Producer().publish({}, exchange="sms.jobs", routing_key="sms.jobs")
        channel = connection.channel()
        message = channel.basic_get("sms.jobs")
        client.delete("_kombu.binding.sms.jobs")
        channel.basic_reject(message.delivery_tag, requeue=True)
        assert client.llen("sms.jobs") == 1


@pytest.fixture
def taken(redis_url):
    """A channel that holds one message of `sms.jobs`, the client beside it, and the message."""
    with Redis.from_url(redis_url) as client, Connection(redis_url, transport=Transport) as connection:
        connection.Producer().publish({"a": 1}, exchange="", routing_key="sms.jobs")
        channel = connection.channel()
        yield channel, client, channel.basic_get("sms.jobs")


def test_a_message_that_goes_back_does_so_although_redis_has_forgotten_who_took_it(taken):
    channel, client, message = taken
    client.flushdb()
    channel.basic_reject(message.delivery_tag, requeue=True)
    assert client.llen("sms.jobs") == 1
    assert channel.basic_get("sms.jobs").payload == {"a": 1}


def test_what_a_worker_holds_at_its_stop_goes_back_once_and_what_it_has_acknowledged_does_not(taken):
    channel, client, _ = taken
    channel.connection.client.Producer().publish({"a": 2}, exchange="", routing_key="sms.jobs")
    done = channel.basic_get("sms.jobs")
    channel.basic_ack(done.delivery_tag)
    client.flushdb()
    channel.qos.restore_unacked()
    assert client.llen("sms.jobs") == 1
    assert channel.basic_get("sms.jobs").payload == {"a": 1}


def test_a_lost_redis_is_asked_for_every_few_seconds_however_long_it_is_away(monkeypatch):
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda _seconds: None)
    pauses = []

    def failed(_fault, pause):
        pauses.append(pause)
        if len(pauses) == 8:
            raise StopAsyncIteration

    with pytest.raises(StopAsyncIteration):
        Patient(f"redis://127.0.0.1:{free_port()}/0", transport=Transport).ensure_connection(failed, None)
    assert pauses == [2, 4, 4, 4, 4, 4, 4, 4]
