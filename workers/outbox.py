"""Telling one endpoint one notification: what counts as told, what an answer says of the endpoint, and what comes back."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from psycopg import Connection

from shared import log, metrics
from shared.db import endpoints, notifications, relay
from shared.db.endpoints import DisabledReason
from shared.db.jobs import Job
from shared.db.notifications import Delivery
from shared.db.relay import Attempt
from shared.domain import circuit, notice_body
from shared.domain.circuit import Health, Verdict
from shared.downstream import Answer, Target
from shared.errors import Permanent, Transient, TwilioServerError
from workers import as_call
from workers.context import WorkerRuntime

_GONE: Final = 410  # Standard Webhooks: the subscriber asks not to be called again
_TOO_MANY: Final = 429
# Statuses below 500 by which a receiver speaks of itself and not of what it was told.
_ILL: Final = frozenset({408, 425, _TOO_MANY})


@dataclass(frozen=True, slots=True)
class Told:
    """One attempt: what was answered (None: there was nothing to tell it), or how it failed."""

    delivery: Delivery
    attempt: Attempt
    answer: Answer | None
    fault: Exception | None

    @property
    def outcome(self) -> Exception | None:
        """What is to become of the job: None, it is done."""
        if self.fault is not None or self.answer is None or self.answer.ok:
            return self.fault
        if self.answer.status == _GONE:
            return Permanent("gone: the endpoint asked not to be called again")
        if self.answer.aborted:
            return Permanent(f"http_{self.answer.status}, and not again: the endpoint asked so")
        return Transient(f"http_{self.answer.status}", retry_after_s=self.answer.retry_after_s)

    @property
    def verdict(self) -> Verdict | None:
        """What it says of the endpoint; None: it was not asked."""
        if self.fault is not None:
            return "ill" if isinstance(self.fault, Transient) else None
        if self.answer is None:
            return None
        if self.answer.ok:
            return "well"
        return "ill" if self.answer.status >= 500 or self.answer.status in _ILL else "refused"


def tell(rt: WorkerRuntime, delivery: Delivery) -> Told:
    """One request, or as many as as-call-service needs. Nothing is held while it answers: it may call us back before it does.

    Raises nothing: whatever happens is in what it returns.
    """
    at, started = datetime.now(UTC), time.perf_counter()
    answer: Answer | None = None
    fault: Exception | None = None
    try:
        if not delivery.is_foreign:
            answer = as_call.post(rt, delivery) if delivery.adapter == "as-call-service" else _post(rt, delivery)
    except Exception as raised:  # noqa: BLE001 - the caller tells outcomes from bugs
        fault = raised
    spent_ms = round((time.perf_counter() - started) * 1000)
    attempt = Attempt(
        delivery_id=delivery.id,
        nth=delivery.attempts + 1,
        at=at,
        duration_ms=spent_ms,
        http_status=answer.status if answer is not None else None,
        error=_error(answer, fault),
        answer=answer.excerpt if answer is not None else "",
    )
    return Told(delivery, attempt, answer, fault)


def _post(rt: WorkerRuntime, delivery: Delivery) -> Answer:
    target = Target(delivery.url, tuple(delivery.secrets), delivery.headers)
    body = notice_body.document(delivery.type, delivery.created_at, delivery.data)
    return rt.downstream.post_signed(target, message_id=str(delivery.notification_id), document=body)


def _error(answer: Answer | None, fault: Exception | None) -> str | None:
    if isinstance(fault, TwilioServerError):
        return fault.reason
    if fault is not None:
        return f"bug: {type(fault).__name__}"
    return None if answer is None or answer.ok else f"http_{answer.status}"


def record(conn: Connection, told: Sequence[Told]) -> None:
    """Writes down the attempts, what has arrived, and what the answers say of their endpoints."""
    relay.record(conn, [one.attempt for one in told if one.answer is not None or one.fault is not None])
    well = [one for one in told if one.outcome is None]
    notifications.finish(conn, [one.delivery.id for one in well if one.answer is not None], outcome="delivered")
    notifications.finish(conn, [one.delivery.id for one in well if one.answer is None], outcome="skipped")
    for one in well:
        if one.delivery.adapter == "as-call-service" and one.answer is not None:
            as_call.remember(conn, one.delivery, one.answer)
    _judge(conn, told)
    for one in told:
        metrics.DELIVERIES.labels(one.delivery.endpoint_id, _word(one)).inc()


def _word(told: Told) -> str:
    if told.outcome is None:
        return "skipped" if told.answer is None else "delivered"
    return "refused"


def _judge(conn: Connection, told: Sequence[Told]) -> None:
    healths = relay.lock(conn, sorted({one.delivery.endpoint_id for one in told}))
    for endpoint_id, health in healths.items():
        _judge_endpoint(conn, endpoint_id, health, [one for one in told if one.delivery.endpoint_id == endpoint_id])


def _judge_endpoint(conn: Connection, endpoint_id: str, before: Health, told: Sequence[Told]) -> None:
    health = before
    for one in sorted(told, key=lambda one: one.attempt.at):
        now = datetime.now(UTC)
        if one.verdict is None:
            health = circuit.unanswered(health, now)
        else:
            health = circuit.after(health, one.verdict, now, longest_s=longest_s(one.delivery), pause_s=_pause_s(one))
    if health != before:
        relay.save(conn, endpoint_id, health)
    if before.circuit != "closed" and health.circuit == "closed":
        orders = relay.catch_up(conn, endpoint_id)
        log.get().info("endpoint_recovered", endpoint_id=endpoint_id, orders=orders)
    elif before.circuit == "closed" and health.circuit == "open":
        log.get().warning("endpoint_failing", endpoint_id=endpoint_id, reason=told[-1].attempt.error)
    if any(one.answer is not None and one.answer.status == _GONE for one in told):
        disable(conn, endpoint_id, "gone")
    elif health.is_given_up:
        disable(conn, endpoint_id, "failing")


def longest_s(delivery: Delivery) -> float:
    """Seconds between two probes of an endpoint that does not answer, at the most."""
    is_platform = delivery.adapter == "as-call-service"
    return circuit.LONGEST_PROBE_OF_PLATFORM_S if is_platform else circuit.LONGEST_PROBE_S


def _pause_s(told: Told) -> float | None:
    """Too many requests, or not now: that is meant for all of them."""
    if told.answer is None or told.answer.status not in (_TOO_MANY, 503):
        return None
    return told.answer.retry_after_s


def disable(conn: Connection, endpoint_id: str, reason: DisabledReason) -> None:
    """It is told nothing any more, and the others are told that. What waits for it is kept."""
    if not endpoints.disable(conn, endpoint_id, reason):
        return
    metrics.ENDPOINTS_DISABLED.labels(reason).inc()
    log.get().error("endpoint_disabled", endpoint_id=endpoint_id, reason=reason)
    endpoint = endpoints.find(conn, endpoint_id)
    if endpoint is None:
        return
    notifications.notify(
        conn,
        "endpoint.disabled",
        subject=f"{endpoint_id}:{endpoint.version}",
        tenant_id=endpoint.tenant_id,
        order_key=f"endpoint|{endpoint_id}",
        data={"endpoint_id": endpoint_id, "reason": reason, "url": endpoint.url, "tenant_id": endpoint.tenant_id},
    )


def deliver(rt: WorkerRuntime, job: Job) -> None:
    """One attempt, of one delivery alone. Raises an outcome of `shared.errors`."""
    with rt.db.connection() as conn:
        delivery = notifications.deliveries(conn, [int(job.ref)]).get(int(job.ref))
    if delivery is None:
        return
    told = tell(rt, delivery)
    with rt.db.connection() as conn:
        record(conn, [told])
    if told.outcome is not None:
        raise told.outcome


def give_up(conn: Connection, job: Job, outcome: TwilioServerError) -> None:
    """The schedule is used up, or the answer final: a dead letter, until somebody has it told again."""
    if notifications.finish(conn, [int(job.ref)], outcome="failed"):
        metrics.DELIVERIES.labels("any", "given_up").inc()
        log.get().warning("delivery_given_up", delivery_id=int(job.ref), reason=outcome.reason)
