"""Celery's settings, each with its reason. Messages are hints here; the truth is in the inbox and in rows.

The loss windows named below were all reproduced on these versions: a message can vanish between BRPOP and `unacked`,
when a retry's publish fails, when a worker dies; so nothing depends on one, and eta, countdown, self.retry, rate_limit
and chords are forbidden by a test.
"""

from typing import Any

from kombu import Exchange, Queue

from shared.settings import Settings
from shared.tasks import QUEUES

# Longer than any task plus its wait in prefetch: an unacknowledged message is delivered again after this.
VISIBILITY_TIMEOUT_S = 300


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
            "socket_timeout": 30,  # longer than a frozen Redis stays frozen: a shorter one makes acks fail
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,  # a half-open connection is found in 21 s instead of 51
        },
        # A message is acknowledged after the work, and given back when the worker dies in it.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_ignore_result": True,
        "result_backend": None,
        "task_create_missing_queues": False,  # a typo fails loudly instead of filling a queue that nobody reads
        "task_queues": [Queue(name, Exchange(name, type="direct"), routing_key=name) for name in QUEUES],
        "task_default_queue": "events",
        "task_serializer": "json",
        "accept_content": ["json"],
        "worker_prefetch_multiplier": 1,  # what a worker holds unstarted is what it can lose
        "worker_eta_task_limit": 10,  # nothing sends an eta; if somebody does, it must not fill the memory
        # Flower needs it, and it is what notices a lost connection while every credit is in use.
        "worker_enable_remote_control": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,  # killing a send midway makes it ambiguous
        "worker_soft_shutdown_timeout": 20,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_send_task_events": True,
        "task_send_sent_event": False,
        "timezone": "UTC",
    }
