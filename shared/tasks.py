"""The names of our Celery tasks, and their messages written without Celery.

A message is a hint: it names a row and carries nothing else, so losing one costs seconds and reading one tells nothing.
The ingress must not import Celery (25 MB and half a second a process), and a publish through Celery costs 0.5 ms and can
block for seconds when Redis is away; so the message is written here in Celery's own protocol 2, and every worker compares
it with what its Celery would send before it starts (`workers/message_check.py`).
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from redis import Redis
from redis.exceptions import RedisError

from shared import log, metrics
from shared.domain.job_kinds import JobKind

DRAIN: Final = "workers.drain"
RUN: Final = "workers.run"
RUN_MANY: Final = "workers.run_many"
SMS_CONTRACT: Final = (
    "twilio_server.sms.send.v1"  # what other services send; conventions: name and version never change
)

EVENTS: Final = "events"
SMS: Final = "sms"
SMS_JOBS: Final = "sms.jobs"
QUEUES: Final = (EVENTS, SMS, "recordings", "notify", SMS_JOBS, "ticks")
QUEUE_OF: Final[Mapping[JobKind, str]] = {
    "sms.send": SMS,
    "bulk.expand": "ticks",
    "call.end": SMS,
    "call.settle": EVENTS,
    "recording.fetch": "recordings",
    "deliver": "notify",
    "as-call": "notify",
}


# kombu's Redis transport keeps a list for each priority of a queue and reads them in this order: ours by lane.
PRIORITY_OF_LANE: Final = (0, 3, 6)
_SEP: Final = "\x06\x16"  # kombu.transport.redis.Channel.sep


def lanes(queue: str) -> list[str]:
    """The lists of a queue's lanes, the first goes first."""
    return [_list(queue, priority) for priority in PRIORITY_OF_LANE]


def message(task: str, args: list[Any], queue: str, *, task_id: str | None = None, priority: int = 0) -> bytes:
    """A Celery protocol 2 message for `queue`, as kombu's Redis transport keeps it in the list of that name."""
    task_id = task_id or str(uuid4())
    body = json.dumps([args, {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    return json.dumps({
        "body": b64encode(body.encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py", "task": task, "id": task_id, "shadow": None, "eta": None, "expires": None, "group": None,
            "group_index": None, "retries": 0, "timelimit": [None, None], "root_id": task_id, "parent_id": None,
            "argsrepr": "", "kwargsrepr": "", "origin": "twilio-server", "ignore_result": True,
            "replaced_task_nesting": 0, "stamped_headers": None, "stamps": {},
        },
        "properties": {
            "correlation_id": task_id, "reply_to": task_id, "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue}, "priority": priority, "body_encoding": "base64",
            "delivery_tag": task_id,
        },
    }).encode()  # fmt: skip


def hint(redis: Redis, kind: JobKind, job_id: int, lane: int | None = None) -> bool:
    """Tells the workers that a job is ready. False if Redis did not take it: the dispatcher finds the row anyway."""
    return hint_many(redis, [(kind, job_id, lane)])


def hint_many(redis: Redis, ready: Sequence[tuple[JobKind, int, int | None]]) -> bool:
    """As `hint`, for all of these at once: kind, id, and the lane if it has one. False if Redis took none, or perhaps some."""
    lists: dict[str, list[bytes]] = {}
    for kind, job_id, lane in ready:
        queue, priority = QUEUE_OF[kind], PRIORITY_OF_LANE[lane or 0]
        lists.setdefault(_list(queue, priority), []).append(message(RUN, [job_id], queue, priority=priority))
    return _push(redis, lists, len(ready))


def _push(redis: Redis, lists: Mapping[str, Sequence[bytes]], jobs: int) -> bool:
    try:
        with redis.pipeline(transaction=False) as pipe:
            for name, messages in lists.items():
                pipe.lpush(name, *messages)
            pipe.execute()
    except RedisError as fault:
        metrics.HINTS_LOST.inc(jobs)
        log.get().warning("hint_lost", jobs=jobs, error_type=type(fault).__name__)
        return False
    return True


def hint_together(redis: Redis, groups: Sequence[tuple[JobKind, int | None, Sequence[int]]]) -> bool:
    """Tells the workers that these jobs are ready, each group (kind, lane, ids) by one message: they are done together."""
    lists: dict[str, list[bytes]] = {}
    for kind, lane, job_ids in groups:
        queue, priority = QUEUE_OF[kind], PRIORITY_OF_LANE[lane or 0]
        made = message(RUN_MANY, [list(job_ids)], queue, priority=priority)
        lists.setdefault(_list(queue, priority), []).append(made)
    return _push(redis, lists, sum(len(job_ids) for _, _, job_ids in groups))


def _list(queue: str, priority: int) -> str:
    return f"{queue}{_SEP}{priority}" if priority else queue
