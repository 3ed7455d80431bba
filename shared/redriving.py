"""Dead letters told again: by whom that was asked is kept, and an endpoint that may be told nothing is refused."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from psycopg import Connection

from shared import log
from shared.db import audit, dead_letters, delivery_overview, endpoints

# At a handful of milliseconds each (a transaction of its own) the request is over within seconds.
MOST: Final = 500
# Enough to look at a few of them before all are redriven.
SAMPLE: Final = 10


class Refused(Exception):
    """It cannot be told again; the text says what to do."""


def closed(conn: Connection, endpoint_id: str) -> str | None:
    """Why this endpoint may be told nothing, and what to do about it; None when it may."""
    endpoint = endpoints.find(conn, endpoint_id)
    if endpoint is None:
        return f"The endpoint {endpoint_id} was deleted: make one of this id again, then ask again."
    if not endpoint.enabled:
        return f"The endpoint {endpoint_id} is disabled ({endpoint.disabled_reason}): enable it, then ask again."
    return None


def redrive(conn: Connection, delivery_id: int, *, actor: str, request_id: str | None = None) -> bool:
    """Has one dead letter told again, in a transaction of its own; False: it is none.

    Raises Refused when its endpoint may be told nothing.
    """
    found = delivery_overview.find(conn, delivery_id)
    if found is None or found.state != "failed":
        return False
    if words := closed(conn, found.endpoint_id):
        raise Refused(words)
    if not dead_letters.redrive(conn, delivery_id):
        return False
    audit.note(
        conn, "delivery.redriven", actor=actor, subject=f"delivery:{delivery_id}", tenant_id=found.tenant_id,
        request_id=request_id, detail={"endpoint_id": found.endpoint_id, "reason": found.reason},
    )  # fmt: skip
    log.get().info("delivery_redriven", delivery_id=delivery_id, endpoint_id=found.endpoint_id)
    return True


def redrive_all(
    connect: Callable[[], AbstractContextManager[Connection]],
    delivery_ids: Sequence[int],
    *,
    actor: str,
    request_id: str | None = None,
) -> int:
    """As `redrive`, each in a transaction of its own; how many. What is refused or none any more is passed over."""
    count = 0
    for delivery_id in delivery_ids:
        try:
            with connect() as conn:
                count += redrive(conn, delivery_id, actor=actor, request_id=request_id)
        except Refused:  # disabled since it was chosen
            continue
    return count


def refused(conn: Connection, counts: Sequence[dead_letters.Count]) -> list[Mapping[str, Any]]:
    """The endpoints among these that may be told nothing, each with how many letters and what to do."""
    told: list[Mapping[str, Any]] = []
    for endpoint_id in dict.fromkeys(count.endpoint_id for count in counts if not count.is_open):
        total = sum(count.count for count in counts if count.endpoint_id == endpoint_id)
        told.append({"endpoint_id": endpoint_id, "count": total, "detail": closed(conn, endpoint_id) or ""})
    return told
