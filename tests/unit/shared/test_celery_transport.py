import pytest
from kombu import Connection
from kombu.transport.virtual import QoS as VirtualQoS
from redis.exceptions import ConnectionError as RedisIsGone

from shared.celery_transport import Channel, SafeQoS, Transport


@pytest.fixture
def qos(monkeypatch):
    """The accounting of a worker that holds one message, while Redis has just gone away."""

    class NoRedis(Channel):
        def __init__(self):
            self.connection = Connection("memory://")
            self.closed = False

    def gone(*_args, **_kwargs):
        raise RedisIsGone("gone")

    made = SafeQoS(NoRedis(), prefetch_count=1)
    VirtualQoS.append(made, "message", "tag")
    monkeypatch.setattr(made, "_remove_from_indices", gone)
    monkeypatch.setattr(made, "restore_by_tag", gone)
    return made


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
