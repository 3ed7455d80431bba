"""The Celery side of the naive service: one task, one row."""

import hashlib
import os
from typing import Any

import psycopg
from celery import Celery

from ops.faultlab.keys import key_of, kind_of

app = Celery("naive", broker=os.environ["TS_REDIS_URL"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "visibility_timeout": 15,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 30,
        "max_retries": 0,
    },
    task_publish_retry=False,  # an answer within the second, rather than a publish that waits for minutes
)


@app.task(bind=True, max_retries=None, autoretry_for=(psycopg.Error,), retry_backoff=1, retry_backoff_max=5)
def store(self: Any, params: dict[str, str], token: str, body: str) -> None:
    """One row an event; the same key again changes nothing."""
    raw = body.encode("latin-1")
    values = (key_of(kind_of(params), params, token), raw, hashlib.sha256(raw).digest())
    with psycopg.connect(os.environ["TS_DATABASE_URL"], connect_timeout=5) as conn:
        conn.execute(
            "insert into events (key, body, body_sha256) values (%s, %s, %s) on conflict do nothing",
            values,
        )
