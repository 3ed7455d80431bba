"""What this worker shows of itself, to the watchdog and to the health checks: the part of the watch that knows Celery."""

import os
from collections.abc import Sequence
from typing import Any, Final

from celery.signals import heartbeat_sent, worker_ready
from celery.worker import state
from redis import Redis

from shared.every import Every
from workers.watchdog import LOOK_S, Look, Watchdog, watch

ALIVE_FOR_S: Final = 30  # six looks: a busy worker may miss one or two


class Guard:
    """Watches one worker from a thread of its own; Celery's main loop watches the threads."""

    def __init__(self, worker: Any, redis: Redis, dog: Watchdog | None = None, look_s: float = LOOK_S) -> None:
        self._redis, self._node = redis, worker.hostname
        self._queues = list(worker.app.amqp.queues.consume_from)
        self._turns, self._has_begun = 0, False
        self._nets: Sequence[Every] = ()
        dog = dog or Watchdog(worker.concurrency)
        self.watching = Every("watch", look_s, lambda: watch(dog, self.see, self.say_alive))

    def keep_alive(self, nets: Sequence[Every]) -> None:
        """From now on every heartbeat of the main loop looks whether these threads live."""
        self._nets = nets
        heartbeat_sent.connect(self._turned)
        worker_ready.connect(self._is_ready)

    def see(self) -> Look:
        """Raises RedisError."""
        with self._redis.pipeline(transaction=False) as pipe:
            for queue in self._queues:
                pipe.llen(queue)
            waiting = sum(pipe.execute())
        return Look(waiting, state.all_total_count[0], len(state.active_requests), self._turns)

    def say_alive(self) -> None:
        """`ts:alive:<node>` is there while this worker consumes; a worker that is only a process loses it."""
        if self._has_begun:
            self._redis.set(f"ts:alive:{self._node}", os.getpid(), ex=ALIVE_FOR_S)

    def _is_ready(self, **_: Any) -> None:
        """The queues are being read: whoever waits for the start need not wait for the next look."""
        self._has_begun = True
        self.say_alive()

    def _turned(self, **_: Any) -> None:
        """Every two seconds, in the main loop."""
        self._turns += 1
        for net in self._nets:
            net.revive()
