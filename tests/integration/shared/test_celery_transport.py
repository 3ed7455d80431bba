import pytest
from kombu import Connection
from kombu.transport.virtual import QoS as VirtualQoS
from redis.exceptions import ConnectionError as RedisIsGone

from shared.celery_transport import SafeQoS, Transport


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


def test_flower_still_takes_it_for_redis():
    assert Transport.driver_type == "redis"
    assert Transport.Channel.QoS is SafeQoS
