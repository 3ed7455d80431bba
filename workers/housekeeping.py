"""Periodic work that beat asks for: asking whose numbers these are, and forgetting or freeing what is left over."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from shared import log, metrics
from shared.db import beat_slots, hourly, idempotency, jobs, numbers
from shared.domain.phone import masked
from shared.errors import Transient
from workers.context import WorkerRuntime
from workers.handlers import calls

# Owners change rarely: an hour-old answer is good, and a provider of numbers is not asked more than it must.
OWNER_FRESH: Final = timedelta(hours=1)
# What the service finds wrong with one number: it must not keep those behind it waiting.
_ABOUT_THE_NUMBER: Final = (400, 404, 422)
_NUMBERS_A_ROUND: Final = 50  # at one round trip each, a round ends well before the next


def refresh_numbers(rt: WorkerRuntime) -> int:
    """Asks pns-provisioning-service for the owners of numbers not asked for lately. Returns how many answered."""
    metrics.BEAT_TICKS.labels("refresh_numbers").inc()
    if not rt.settings.pns_url:
        return 0
    with rt.db.connection() as conn:
        asked = numbers.unchecked(conn, older_than=OWNER_FRESH, limit=_NUMBERS_A_ROUND)
    answered = 0
    for phone_number in asked:
        try:
            answered += _refresh(rt, phone_number)
        except Transient as outcome:
            log.get().warning("number_lookup_failed", reason=outcome.reason)
            break  # the service is away; the next round asks again
    return answered


def forget(rt: WorkerRuntime) -> None:
    """Deletes answers kept for idempotency and claimed slots of beat that nobody can ask for any more."""
    metrics.BEAT_TICKS.labels("forget").inc()
    with rt.db.connection() as conn:
        keys, slots = idempotency.forget_old(conn), beat_slots.forget_old(conn)
        hourly.forget_old(conn)
        orphans = jobs.unblock_orphans(conn)
    log.get().info("housekeeping_done", idempotency_keys=keys, beat_slots=slots, orphaned_jobs=orphans)


def _refresh(rt: WorkerRuntime, phone_number: str) -> bool:
    answer = rt.downstream.look_up_number(rt.settings.pns_url, phone_number)
    if not answer.ok and answer.status not in _ABOUT_THE_NUMBER:
        raise Transient(f"pns_{answer.status}")
    tenant_id, status = _owner(answer.json) if answer.ok else (None, None)
    with rt.db.connection() as conn:
        is_new = numbers.note_owner(conn, phone_number, tenant_id=tenant_id, status=status)
        if is_new and tenant_id:
            calls.owned(conn, phone_number, tenant_id)
    if not answer.ok:
        log.get().warning("number_lookup_failed", reason=f"pns_{answer.status}", number=masked(phone_number))
    if is_new:
        log.get().info("number_owner_changed", number=masked(phone_number))
    return answer.ok


def _owner(said: Mapping[str, Any]) -> tuple[str | None, str]:
    """Tenant and status. "Not found" is 200 with success false; the design shows tenantId at the top, the code inside data."""
    data = said.get("data") if said.get("success") else None
    found = data if isinstance(data, dict) else said if said.get("tenantId") else {}
    tenant_id, status = found.get("tenantId"), found.get("status")
    return (tenant_id if isinstance(tenant_id, str) and tenant_id else None), str(status or "unknown")
