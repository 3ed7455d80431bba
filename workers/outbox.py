"""Delivering one notification to one endpoint: what counts as delivered, and what comes back."""

from psycopg import Connection

from shared import metrics
from shared.db import notifications
from shared.db.jobs import Job
from shared.db.notifications import Delivery
from shared.downstream import Answer, Target
from shared.errors import Permanent, Transient, TwilioServerError
from workers import as_call
from workers.context import WorkerRuntime

_GONE = 410  # Standard Webhooks: the subscriber asks not to be called again


def deliver(rt: WorkerRuntime, job: Job) -> None:
    """One attempt to a subscriber. Nothing is held while it answers: it may call us back before it does."""
    if delivery := _open(rt, job):
        answer = rt.downstream.post_signed(
            Target(delivery.url, (delivery.secret,)),
            message_id=str(delivery.notification_id),
            document=document(delivery),
        )
        _record(rt, delivery, answer)


def deliver_as_call(rt: WorkerRuntime, job: Job) -> None:
    """One attempt to as-call-service, which does call us back before it answers a missed call."""
    if delivery := _open(rt, job):
        _record(rt, delivery, as_call.post(rt, delivery))


def _open(rt: WorkerRuntime, job: Job) -> Delivery | None:
    with rt.db.connection() as conn:
        delivery = notifications.delivery(conn, int(job.ref))
    if delivery is not None and not delivery.enabled:
        raise Permanent("endpoint is disabled")
    return delivery


def give_up(conn: Connection, job: Job, outcome: TwilioServerError) -> None:
    """The schedule is used up: visible as failed until somebody redrives it."""
    if notifications.finish(conn, int(job.ref), outcome="failed"):
        metrics.DELIVERIES.labels("any", "given_up").inc()


def document(delivery: Delivery) -> dict[str, object]:
    """The body of a notification (Standard Webhooks): type, when it happened, data."""
    return {"type": delivery.type, "timestamp": delivery.created_at.isoformat(), "data": delivery.data}


def _record(rt: WorkerRuntime, delivery: Delivery, answer: Answer | None) -> None:
    outcome = "skipped" if answer is None else "delivered" if answer.ok else "refused"
    metrics.DELIVERIES.labels(delivery.endpoint_id, outcome).inc()
    if answer is not None and not answer.ok:
        if answer.status == _GONE:
            raise Permanent("gone: the endpoint asked not to be called again")
        raise Transient(f"http_{answer.status}", retry_after_s=answer.retry_after_s)
    with rt.db.connection() as conn:
        notifications.finish(
            conn, delivery.id, outcome=outcome, http_status=answer.status if answer is not None else None
        )
        if delivery.adapter == "as-call-service" and answer is not None:
            as_call.remember(conn, delivery, answer)
