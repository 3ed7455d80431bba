"""Whose our numbers are, asked of pns-provisioning-service in the background: cached, refreshed, and kept while it is away."""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from shared import log, metrics
from shared.db import numbers
from shared.domain.phone import masked
from shared.downstream import DEADLINE_S
from shared.errors import Transient
from workers.context import WorkerRuntime
from workers.handlers import calls

# Owners change rarely: an hour-old answer is good, and a provider of numbers is not asked more than it must.
OWNER_FRESH: Final = timedelta(hours=1)
# What the service finds wrong with one number: it must not keep those behind it waiting.
_ABOUT_THE_NUMBER: Final = (400, 404, 422)
_NOT_FOUND: Final = "PHONE_NUMBER_NOT_FOUND"
_LONGEST_STATUS: Final = 32  # a word; theirs have up to 12 letters
_NUMBERS_A_ROUND: Final = 50
# One round at a time, and none for a while after a failure: one that hangs for its 15 s would soon hold all the threads that
# recordings come by. The mark of a round that died with its worker goes by itself.
ROUND: Final = "ts:pns:round"
_ROUND_S: Final = 20.0  # between the last question and this there is room for one that hangs
_PAUSE_S: Final = 30.0


def refresh(rt: WorkerRuntime) -> int:
    """Asks pns-provisioning-service for the owners of numbers not asked for lately. Returns how many answered.

    While it is away, or says what is no answer, the owners stay that were known last.
    """
    metrics.BEAT_TICKS.labels("refresh_numbers").inc()
    if not rt.settings.pns_url or not rt.redis.set(ROUND, 1, nx=True, px=round(1000 * _ROUND_S)):
        return 0
    with rt.db.connection() as conn:
        asked = numbers.unchecked(conn, older_than=OWNER_FRESH, limit=_NUMBERS_A_ROUND)
    answered, until = 0, time.monotonic() + _ROUND_S - DEADLINE_S
    for phone_number in asked:
        try:
            answered += _refresh(rt, phone_number)
        except Transient as outcome:
            _pause(rt, phone_number, outcome.reason)
            return answered
        if time.monotonic() > until:
            break  # it is slow; the next round goes on with those not asked for the longest
    rt.redis.delete(ROUND)
    return answered


def _pause(rt: WorkerRuntime, phone_number: str, reason: str) -> None:
    """The next round begins with other numbers: perhaps it is this one that the service chokes on."""
    log.get().warning("number_lookup_failed", reason=reason, number=masked(phone_number))
    with rt.db.connection() as conn:
        numbers.note_unanswered(conn, phone_number)
    rt.redis.set(ROUND, 1, px=round(1000 * _PAUSE_S))


def _refresh(rt: WorkerRuntime, phone_number: str) -> bool:
    answer = rt.downstream.look_up_number(rt.settings.pns_url, phone_number)
    if not answer.ok and answer.status not in _ABOUT_THE_NUMBER:
        raise Transient(f"pns_{answer.status}")
    if answer.ok and not _is_answer(answer.json, phone_number):
        raise Transient("pns_unreadable")
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


def _is_answer(said: Mapping[str, Any], phone_number: str) -> bool:
    """Found, or known to be nobody's. A page of a proxy is neither, nor is a fault that is told with 200, or another number."""
    error = said.get("error")
    if said.get("success") is False:
        return isinstance(error, dict) and error.get("code") == _NOT_FOUND
    found = _found(said)
    return found.get("phoneNumber", phone_number) == phone_number and "tenantId" in found


def _owner(said: Mapping[str, Any]) -> tuple[str | None, str]:
    """Tenant and status."""
    found = _found(said)
    tenant_id, status = found.get("tenantId"), found.get("status")
    if not (isinstance(status, str) and 0 < len(status) <= _LONGEST_STATUS):
        status = "unknown"
    return (tenant_id if isinstance(tenant_id, str) and tenant_id else None), status


def _found(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Nothing, when it was not found. The design shows tenantId at the top, the running code inside `data`."""
    data = said.get("data")
    return {} if said.get("success") is False else data if isinstance(data, dict) else said
