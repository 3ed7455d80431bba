"""The queue contract: other services put `twilio_server.sms.send.v1` on `sms.jobs` and get what the API would give them.

The message becomes a row before it is acknowledged. A bad one is set aside with its reason; it is never retried in a loop.
"""

import hashlib
import json
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from marshmallow import ValidationError
from psycopg.errors import DeadlockDetected, LockNotAvailable

from shared import log, tasks
from shared.db import jobs, messages, numbers, set_aside
from shared.db.outage import is_outage
from shared.runtime import Runtime
from shared.sms_job import SmsJobSchema

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
    """Takes one job; says `accepted`, `known` or `rejected`. The same idempotency key again changes nothing.

    A job without a key is told apart by its task id, so a redelivery by the broker is no second text.
    """
    try:
        wanted: dict[str, Any] = _SCHEMA.load(job)  # type: ignore[assignment]
    except ValidationError as fault:
        return _reject(rt, job, fault.normalized_messages())
    with rt.db.connection() as conn:
        sender = wanted.get("from_") or numbers.sender_of(conn, wanted.get("tenant_id") or "")
        if sender is None:
            return _reject(rt, job, {"from": ["missing, and the tenant has no number"]})
        message = messages.insert_outbound(
            conn,
            client=wanted["client"],
            idempotency_key=wanted.get("idempotency_key") or f"task:{task_id}",
            tenant_id=wanted.get("tenant_id"),
            from_number=sender,
            to_number=wanted["to"],
            body=wanted.get("body", ""),
            media=[{"url": url} for url in wanted.get("media_urls") or ()],
        )
        job_id = jobs.promise(conn, "sms.send", str(message.id), hint_in_s=jobs.FIRST_HINT_S)
    if job_id is None:
        return "known"
    tasks.hint(rt.redis, "sms.send", job_id)
    log.get().info(
        "sms_accepted", message_id=str(message.id), client=message.client, request_id=wanted.get("request_id")
    )
    return "accepted"


def _reject(rt: Runtime, job: Any, faults: Any) -> str:
    record = json.dumps(job, default=str, sort_keys=True).encode()
    event_id = str(uuid5(NAMESPACE_URL, hashlib.sha256(record).hexdigest()))
    with rt.db.connection() as conn:
        set_aside.keep(conn, event_id=event_id, record=record, reason=f"sms job: {json.dumps(faults)}", tries=1)
    log.get().error("sms_job_rejected", event_id=event_id, fields=sorted(map(str, faults)))
    return "rejected"
