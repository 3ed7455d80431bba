"""Celery's settings, each with its reason. Messages are hints here; the truth is in the inbox and in rows.

The loss windows named below were all reproduced on these versions: a message can vanish between BRPOP and `unacked`,
when a retry's publish fails, when a worker dies; so nothing depends on one, and eta, countdown, self.retry, rate_limit
and chords are forbidden by a test.

The pool is `threads`: the work waits for networks, and a process per task would cost 60 MB each. Not set, because this
pool does not read it (celery/concurrency/thread.py takes them as **_; a test holds that still):
- task_time_limit, task_soft_time_limit: a thread cannot be killed. Limits are in the clients (each request has its
  timeout), in the leases (others do the work again) and in the watchdog, which ends a process whose threads all hang.
- worker_max_tasks_per_child, worker_max_memory_per_child: there are no children. Memory is limited by the container.
- worker_proc_alive_timeout, worker_lost_wait: the same.
Not set either: task_acks_on_failure_or_timeout (True: a failed hint is let go, the row knows), retry_on_timeout (it
repeats writes), task_retry_on_worker_lost (it publishes with a countdown).

Stopping: SIGTERM is a warm stop; the threads finish what they have begun, without a limit of Celery's own, so whoever
stops us gives 75 s (docker-compose.yml): the clients' limits (45 s) and what closing takes. What is killed then comes
back by its lease.
"""

from typing import Any

from kombu import Exchange, Queue

from shared.settings import Settings
from shared.tasks import QUEUES

# An unacknowledged message is delivered again after this. Short, because every effect is guarded by a row: a task that
# runs longer costs one look at its lease, and a text that another service asked for waits no longer than this when the
# worker that held its only copy is killed. Longer than that task ever takes (5 s for a connection, 5 s a statement).
VISIBILITY_TIMEOUT_S = 30


def config(settings: Settings) -> dict[str, Any]:
    """The configuration of workers, beat and Flower (the ingress has no Celery)."""
    return {
        "broker_url": settings.redis_url,
        # Gives prefetch credit back when an ack fails; without it a worker can stall for good.
        "broker_transport": "shared.celery_transport:Transport",
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # the default gives up after some 50 minutes of outage
        "broker_transport_options": {
            "visibility_timeout": VISIBILITY_TIMEOUT_S,
            "unacked_restore_interval": 5,  # look for lost messages every 5 s ...
            "unacked_restore_throttle": 1,  # ... on every look; together the defaults take 100 s
            "unacked_mutex_expire": 10,  # a worker killed while it looks would keep all others from it for 300 s
            "socket_timeout": 30,  # longer than a frozen Redis stays frozen: a shorter one makes acks fail
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,  # a half-open connection is found in 21 s instead of 51
        },
        # A message is acknowledged after the work. With threads that is what brings it back when the process dies:
        # it stays in `unacked`. `reject` is for a pool with children; it costs nothing and is right if there is one.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_ignore_result": True,
        "result_backend": None,  # no growth, and no second need of Redis
        "task_create_missing_queues": False,  # a typo fails loudly instead of filling a queue that nobody reads
        # Bound to the nameless exchange, where the routing key is the list: a named one needs a table in Redis, and
        # what is published after a FLUSHALL would be dropped without a word.
        "task_queues": [Queue(name, Exchange("", type="direct"), routing_key=name) for name in QUEUES],
        "task_default_exchange": "",  # else Celery would put the queue's name in the empty place
        "task_default_queue": "events",
        "task_serializer": "json",
        "accept_content": ["json"],  # what is unpickled can run code
        # What a worker holds unstarted is what it can lose. More than one would gain nothing: a bell stands for any
        # number of events, and jobs wait for networks.
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": False,  # it would patch can_consume, which the transport counts on
        "worker_eta_task_limit": 10,  # nothing sends an eta; if somebody does, it must not fill the memory
        # After a reconnect Celery takes less and restores that by later acks; should one not come, it stays slower for
        # good. Full credit at once costs at most a few messages waiting in the process.
        "worker_enable_prefetch_count_reduction": False,
        # Flower needs it, and it is what notices a lost connection while every credit is in use.
        "worker_enable_remote_control": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,  # killing a send midway makes it ambiguous
        "worker_soft_shutdown_timeout": 20,  # read on SIGQUIT only: a cold stop gives running tasks this long
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_send_task_events": True,
        "task_send_sent_event": False,  # half the events, and senders are not ours
        "timezone": "UTC",
    }
