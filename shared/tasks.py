"""The names of our Celery tasks, and their messages written without Celery.

A message is a hint: it names a row and carries nothing else, so losing one costs seconds and reading one tells nothing.
The ingress must not import Celery (25 MB and half a second a process), and a publish through Celery costs 0.5 ms and can
block for seconds when Redis is away; so the message is written here in Celery's own protocol 2, and every worker compares
it with what its Celery would send before it starts (`workers/message_check.py`).
"""

import contextlib
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
SEND: Final = "workers.send"
RELAY: Final = "workers.relay"
SMS_CONTRACT: Final = (
    "twilio_server.sms.send.v1"  # what other services send; conventions: name and version never change
)

EVENTS: Final = "events"
SMS: Final = "sms"
SMS_JOBS: Final = "sms.jobs"
CALLS: Final = "calls"  # of its own: whoever ends a call waits for no bulk of texts
TRANSCRIPTS: Final = "transcripts"  # of its own: an engine that hangs must not keep a recording waiting
NOTIFY: Final = "notify"
QUEUES: Final = (EVENTS, SMS, CALLS, "recordings", TRANSCRIPTS, NOTIFY, SMS_JOBS, "ticks")
QUEUE_OF: Final[Mapping[JobKind, str]] = {
    "sms.send": SMS,
    "bulk.expand": "ticks",
    "call.end": CALLS,
    "call.settle": EVENTS,
    "call.control": CALLS,
    "call.place": CALLS,
    "recording.expect": EVENTS,
    "recording.fetch": "recordings",
    "recording.release": "recordings",
    "recording.delete": "recordings",
    "transcription.request": TRANSCRIPTS,
    "transcription.settle": EVENTS,
    "deliver": NOTIFY,
    "as-call": NOTIFY,
    "replay.expand": "ticks",
}


SMS_BELL: Final = "ts:sms:bell"
RELAY_BELL: Final = "ts:relay:bell"
# A bell whose message was lost may be rung again after this: sooner than anybody would notice.
BELL_MS: Final = 1_000


def message(task: str, args: list[Any], queue: str, *, task_id: str | None = None) -> bytes:
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
            "delivery_info": {"exchange": "", "routing_key": queue}, "priority": 0, "body_encoding": "base64",
            "delivery_tag": task_id,
        },
    }).encode()  # fmt: skip


def hint(redis: Redis, kind: JobKind, job_id: int) -> bool:
    """Tells the workers that a job is ready. False if Redis did not take it: the dispatcher finds the row anyway."""
    return hint_many(redis, [(kind, job_id)])


def hint_many(redis: Redis, ready: Sequence[tuple[JobKind, int]]) -> bool:
    """As `hint`, for all of these at once. False if Redis took none, or perhaps some."""
    queues: dict[str, list[bytes]] = {}
    for kind, job_id in ready:
        queues.setdefault(QUEUE_OF[kind], []).append(message(RUN, [job_id], QUEUE_OF[kind]))
    try:
        with redis.pipeline(transaction=False) as pipe:
            for queue, messages in queues.items():
                pipe.lpush(queue, *messages)
            pipe.execute()
    except RedisError as fault:
        metrics.HINTS_LOST.inc(len(ready))
        log.get().warning("hint_lost", jobs=len(ready), error_type=type(fault).__name__)
        return False
    return True


def ring(redis: Redis) -> bool:
    """Tells the workers that texts may leave; they take from the rows what has been let go. False if Redis did not take it.

    One bell calls for any number of texts: none is pushed while one is on its way or being answered.
    """
    try:
        if redis.set(SMS_BELL, 1, nx=True, px=BELL_MS):
            redis.lpush(SMS, message(SEND, [], SMS))
    except RedisError as fault:
        metrics.HINTS_LOST.inc()
        log.get().warning("hint_lost", jobs=1, error_type=type(fault).__name__)
        return False
    return True


def ring_relay(redis: Redis) -> None:
    """Tells the relay that subscribers may be told something. A bell that is lost is rung again by the next look."""
    try:
        if redis.set(RELAY_BELL, 1, nx=True, px=BELL_MS):
            redis.lpush(NOTIFY, message(RELAY, [], NOTIFY))
    except RedisError as fault:
        metrics.HINTS_LOST.inc()
        log.get().warning("hint_lost", jobs=1, error_type=type(fault).__name__)


def relay_heard(redis: Redis) -> None:
    """Whoever rings the relay's bell from now on is heard anew."""
    with contextlib.suppress(RedisError):  # the bell is forgotten after `BELL_MS` all the same
        redis.delete(RELAY_BELL)


def call_more(redis: Redis, hands: int) -> None:
    """Calls so many further threads for texts that one has found. Redis may be away: then one does it all."""
    try:
        if hands > int(redis.llen(SMS)):
            redis.lpush(SMS, *[message(SEND, [], SMS) for _ in range(hands)])
    except RedisError as fault:
        log.get().warning("hint_lost", jobs=hands, error_type=type(fault).__name__)


def answered(redis: Redis) -> None:
    """Whoever rings from now on is heard anew. Look once more after this, and nothing that came before it is missed."""
    with contextlib.suppress(RedisError):  # the bell is forgotten after `BELL_MS` all the same
        redis.delete(SMS_BELL)
