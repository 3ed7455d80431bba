"""kombu's Redis transport with its holes mended: credit that leaks, messages that lose their way, and slow reconnecting.

In kombu 5.7 an ack that fails while Redis is away keeps its prefetch credit; when all have leaked the worker never polls
again, silently (the same family: celery issues 8030, 8091, 8990, 10205). The message itself is still in `unacked` and
comes back after the visibility timeout, where our effects make the repetition harmless.

It pops a message first and notes it in `unacked` then. A Redis that dies, or is full, in between has neither, and kombu
lets go of what it holds (and, when Redis is full, ends the worker). On `sms.jobs` that is the only copy there is.
"""

from typing import Any, Final

import kombu
from kombu.transport import redis
from kombu.transport.virtual import QoS as VirtualQoS
from kombu.utils.json import dumps
from redis import Redis
from redis.exceptions import RedisError

from shared import log
from shared.tasks import QUEUES

# Celery asks for a lost Redis after 2, 4, 6 … 30 s. That Redis is back must not go unnoticed for half a minute.
LONGEST_PAUSE_S: Final = 4.0


class SafeQoS(redis.QoS):
    """Accounts for a message, an ack or a reject even when Redis could not be told of it."""

    def append(self, message: Any, delivery_tag: Any) -> None:
        """As kombu's; but what Redis could not note is worked on from memory: it has been popped, this is its last copy."""
        try:
            super().append(message, delivery_tag)
        except (RedisError, OSError) as fault:
            log.get().warning("message_not_noted", error_type=type(fault).__name__)
            VirtualQoS.append(self, message, delivery_tag)

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """As kombu's; but what we hold goes back although Redis has no note of it (never had one, or a FLUSHALL)."""
        message = self._delivered.get(tag)
        if message is not None and tag not in self._dirty:
            self._note_again(message, tag, client)
        super().restore_by_tag(tag, client=client, leftmost=leftmost)

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

    def _note_again(self, message: Any, tag: Any, client: Any) -> None:
        told = message.delivery_info
        with self.channel.conn_or_acquire(client) as redis_:
            redis_.hsetnx(self.unacked_key, tag, dumps([message._raw, told["exchange"], told["routing_key"]]))


class Channel(redis.Channel):
    """kombu's channel with the safe accounting."""

    QoS = SafeQoS

    def _lookup(self, exchange: str, routing_key: str, default: str | None = None) -> list[str]:
        """As kombu's; but what was meant for a queue of ours gets there although its binding is gone (FLUSHALL).

        kombu drops such a message without a word, also when it gives an unacknowledged one back.
        """
        found = super()._lookup(exchange, routing_key, default)
        return list(found) or [queue for queue in QUEUES if queue == routing_key]


class Transport(redis.Transport):
    """What `broker_transport` names. Its driver type stays "redis", so Flower works."""

    Channel = Channel


class Connection(kombu.Connection):
    """A connection that asks every few seconds whether Redis is back, however long it was away."""

    def ensure_connection(self, *args: Any, **options: Any) -> Any:
        """Asked at the start and after every loss. Publishing has a policy of its own and does not come this way."""
        return super().ensure_connection(*args, **{"interval_max": LONGEST_PAUSE_S, **options})


def keep_bound(client: Redis, queue: str) -> None:
    """Binds `queue` to the exchange of its name, for senders who name that exchange: their own kombu asks this table.

    Who names the queue needs no binding. Said again and again, because a FLUSHALL forgets it.
    """
    member = Channel.sep.join([queue, "", queue])
    with client.pipeline(transaction=False) as pipe:
        pipe.sadd(Channel.keyprefix_queue % queue, member)
        pipe.sadd(Channel.keyprefix_binding_permanent % queue, member)  # type: ignore[attr-defined] - newer than its stubs
        pipe.execute()
