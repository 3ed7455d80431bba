"""The queue contract: other services put `twilio_server.sms.send.v1` on `sms.jobs` and get what the API would give them.

The message becomes a row before it is acknowledged. A bad one is set aside with its reason; it is never retried in a loop.
"""

import hashlib
import json
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from marshmallow import ValidationError
from psycopg import Connection
from psycopg.errors import DeadlockDetected, LockNotAvailable

from shared import log, metrics, tasks, texts
from shared.db import messages, set_aside
from shared.db.outage import is_outage
from shared.runtime import Runtime
from shared.sms_job import SmsJobSchema
from shared.text_plan import NoSender
from shared.texts import Asked, KeyReused, Taken
from workers.handlers.messages import notify

_SCHEMA = SmsJobSchema()


def take(rt: Runtime, job: Any, task_id: str) -> bool:
    """`accept` for a message that is the only copy: False when it could neither be recorded nor set aside."""
    try:
        try:
            accept(rt, job, task_id)
        except Exception as fault:
            if is_outage(fault) or isinstance(fault, (DeadlockDetected, LockNotAvailable)):
                raise
            # A bug of ours, or a schema that is not there yet: kept whole, so that it can be replayed.
            log.get().error("task_broke", task=tasks.SMS_CONTRACT, task_id=task_id, where=log.where(fault))
            _reject(rt, job, {"bug": [type(fault).__name__]})
    except Exception as fault:  # noqa: BLE001 - whatever it is, the message must not go
        log.get().warning("sms_job_kept", task_id=task_id, where=log.where(fault))
        return False
    return True


def accept(rt: Runtime, job: Any, task_id: str) -> str:
    """Takes one job; says `accepted`, `refused`, `known` or `rejected`. The same idempotency key again changes nothing.

    What a rule forbids, or would leave too late, is kept as a refused text and told as `sms.failed`.

    A job without a key is told apart by its task id, so a redelivery by the broker is no second text.
    """
    try:
        wanted: dict[str, Any] = _SCHEMA.load(job)  # type: ignore[assignment]
    except ValidationError as fault:
        return _reject(rt, job, fault.normalized_messages())
    key = wanted["idempotency_key"] or f"task:{task_id}"
    try:
        with rt.db.connection() as conn:
            taken = texts.take(conn, Asked(wanted, key), rt.settings.law, client=wanted["client"])
            if taken.is_new and taken.refusal:
                _tell_refused(conn, taken)
    except NoSender as fault:
        return _reject(rt, job, {"from": [fault.detail]})
    except KeyReused:
        return "known"
    if not taken.is_new:
        return "known"
    taken.ring(rt.redis)
    log.get().info(
        "sms_accepted",
        message_id=str(taken.text.id),
        client=wanted["client"],
        request_id=wanted["request_id"],
        refusal=taken.refusal,
    )
    return "refused" if taken.refusal else "accepted"


def _tell_refused(conn: Connection, taken: Taken) -> None:
    """Nobody waits for an answer here: who asked hears of it as of any text that was not sent."""
    metrics.SMS.labels("refused").inc()
    if refused := messages.find(conn, str(taken.text.id)):
        notify(conn, "sms.failed", refused)


def _reject(rt: Runtime, job: Any, faults: Any) -> str:
    record = json.dumps(job, default=str, sort_keys=True).encode()
    event_id = str(uuid5(NAMESPACE_URL, hashlib.sha256(record).hexdigest()))
    with rt.db.connection() as conn:
        set_aside.keep(conn, event_id=event_id, record=record, reason=f"sms job: {json.dumps(faults)}", tries=1)
    log.get().error("sms_job_rejected", event_id=event_id, fields=sorted(map(str, faults)))
    return "rejected"
