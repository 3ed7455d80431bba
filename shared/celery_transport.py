"""kombu's Redis transport with its holes mended: credit that leaks, messages that lose their way, and slow reconnecting.

In kombu 5.7 an ack that fails while Redis is away keeps its prefetch credit; when all have leaked the worker never polls
again, silently (the same family: celery issues 8030, 8091, 8990, 10205). The message itself is still in `unacked` and
comes back after the visibility timeout, where our effects make the repetition harmless.

It pops a message first and notes it in `unacked` then. A worker that is killed in between takes it along (under load every
second kill did); a Redis that dies, or is full, in between has neither, and kombu lets go of what it holds (and, when Redis
is full, ends the worker). A hint may go. A text of another service, on `sms.jobs`, has no other copy: it is taken and noted in
one step.
"""

import time
from pathlib import Path
from typing import Any, Final

import kombu
from kombu.transport import redis
from kombu.transport.virtual import QoS as VirtualQoS
from kombu.utils.json import dumps, loads
from redis import Redis
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError, ResponseError

from shared import log
from shared.tasks import QUEUES, SMS_JOBS

# Celery asks for a lost Redis after 2, 4, 6 … 30 s. That Redis is back must not go unnoticed for half a minute.
LONGEST_PAUSE_S: Final = 4.0
# How often an empty `sms.jobs` is asked, for want of a command that waits, takes and notes: unnoticed by who sends a text,
# and ten small calls a second of Redis. While there are messages it is asked as soon as a thread is free.
TAKE_S: Final = 0.1
_TAKE: Final = (Path(__file__).parent / "queue_take.lua").read_text(encoding="ascii")


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
        message = (self._delivered or {}).get(tag)
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
        with self.channel.conn_or_acquire(client) as at:  # type: ignore[attr-defined] - the stubs know any channel
            at.hsetnx(self.unacked_key, tag, dumps([message._raw, told["exchange"], told["routing_key"]]))


class Channel(redis.Channel):
    """kombu's channel with the safe accounting, and with a safe way to take what has no other copy."""

    QoS = SafeQoS
    _empty_until = 0.0

    def take_only_copies(self) -> None:
        """Delivers what waits on `sms.jobs`, as long as there is credit. Raises what a lost connection raises."""
        while self._takes_only_copies and self.qos.can_consume() and time.monotonic() >= self._empty_until:
            message = self._taken()
            if message is None:
                self._empty_until = time.monotonic() + TAKE_S
            else:
                self.connection._deliver(loads(message), SMS_JOBS)

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """As kombu's; but to use a channel that was closed meanwhile is to have lost the connection, and no fault for which
        a worker ends (as an AttributeError it did, now and then, when Redis was killed)."""
        if self.connection is None or self.connection.client is None:
            raise ConnectionLost("the channel is closed")
        return super()._connparams(asynchronous)  # type: ignore[no-any-return, misc] - no stub

    @property
    def _takes_only_copies(self) -> bool:
        return SMS_JOBS in self.active_queues

    def _taken(self) -> bytes | None:
        queues = [self._q_for_pri(SMS_JOBS, step) for step in self.priority_steps]  # type: ignore[attr-defined] - no stub
        keys = [self.unacked_index_key, self.unacked_key, *queues]
        with self.conn_or_acquire() as client:
            try:
                return client.eval(_TAKE, len(keys), *keys, time.time())
            except ResponseError:  # full, or read-only: it stays where it is
                return None

    def _update_queue_cycle(self) -> None:
        """What kombu's BRPOP reads."""
        read = [queue for queue in self.active_queues if queue != SMS_JOBS]
        self._queue_cycle.update(read)  # type: ignore[attr-defined] - no stub

    def _lookup(self, exchange: str, routing_key: str, default: str | None = None) -> list[str]:
        """As kombu's; but what was meant for a queue of ours gets there although its binding is gone (FLUSHALL).

        kombu drops such a message without a word, also when it gives an unacknowledged one back.
        """
        found = super()._lookup(exchange, routing_key, default)
        return list(found) or [queue for queue in QUEUES if queue == routing_key]


class Poller(redis.MultiChannelPoller):
    """kombu's poller, which also looks for what BRPOP must not take."""

    def on_poll_start(self) -> None:
        """Before every wait of the worker's main loop."""
        super().on_poll_start()
        for channel in list(self._channels):  # type: ignore[attr-defined] - no stub
            channel.take_only_copies()


class Transport(redis.Transport):
    """What `broker_transport` names. Its driver type stays "redis", so Flower works."""

    Channel = Channel

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.cycle = Poller()

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """As kombu's; and the loop comes round every `TAKE_S`. One timer a loop, however often it reconnects."""
        super().register_with_event_loop(connection, loop)
        if (before := getattr(loop, "take_timer", None)) is not None:
            before.cancel()
        loop.take_timer = loop.call_repeatedly(TAKE_S, _nothing)


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


def _nothing() -> None:
    """To have come round is enough."""
