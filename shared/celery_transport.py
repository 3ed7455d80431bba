"""kombu's Redis transport with one hole mended: an acknowledgement that fails gives its credit back.

In kombu 5.7 an ack that fails while Redis is away keeps its prefetch credit; when all have leaked the worker never polls
again, silently (the same family: celery issues 8030, 8091, 8990, 10205). The message itself is still in `unacked` and
comes back after the visibility timeout, where our effects make the repetition harmless.
"""

from typing import Any

from kombu.transport import redis
from kombu.transport.virtual import QoS as VirtualQoS


class SafeQoS(redis.QoS):
    """Accounts for an ack or reject even when Redis could not be told of it."""

    def ack(self, delivery_tag: Any) -> None:
        """As kombu's, but the credit returns whatever happens."""
        try:
            super().ack(delivery_tag)
        except Exception:
            VirtualQoS.ack(self, delivery_tag)
            raise

    def reject(self, delivery_tag: Any, requeue: bool = False) -> None:
        """As kombu's, but the credit returns whatever happens."""
        try:
            super().reject(delivery_tag, requeue=requeue)
        except Exception:
            VirtualQoS.ack(self, delivery_tag)
            raise


class Channel(redis.Channel):
    """kombu's channel with the safe accounting."""

    QoS = SafeQoS


class Transport(redis.Transport):
    """What `broker_transport` names. Its driver type stays "redis", so Flower works."""

    Channel = Channel
