"""Endpoints as people change them, by the API or the CLI: each change in the caller's transaction, with a word in the audit.

A secret is in what is returned here, and in the row; never in the audit or a log.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from psycopg import Connection

from shared.db import audit, endpoint_removal, endpoints, notifications, relay
from shared.db.endpoints import Endpoint
from shared.db.notifications import Notice
from shared.domain import endpoint_secret
from shared.domain.circuit import Health
from shared.domain.notices import FOR_AS_CALL

_SECRET_BYTES: Final = 32  # as many as the hash has; Standard Webhooks: 24 to 64
_ID_BYTES: Final = 8  # nobody gets there by chance
# Every notification of a tenant is told to each: more than this is a script that has lost its way (Svix: 50).
MOST_OF_TENANT: Final = 50
# What the audit says of a change besides the names of what was changed: nothing that could be a password.
_TOLD: Final = ("types", "tenant_id", "rate_per_s", "concurrency", "enabled")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, as the audit names them."""

    name: str
    request_id: str | None = None


class Taken(Exception):
    """There is an endpoint of this id already, or there was one of another tenant."""


class TooMany(Exception):
    """The tenant has as many endpoints as it may."""


def new_secret() -> str:
    """A secret in the form of Standard Webhooks."""
    return endpoint_secret.of(secrets.token_bytes(_SECRET_BYTES))


def made(said: Mapping[str, Any]) -> Endpoint:
    """The new endpoint that `endpoint_document.read` tells of, with an id and a secret of its own where none is given."""
    is_platform = said["adapter"] == "as-call-service"
    own = {"id": f"ep-{secrets.token_hex(_ID_BYTES)}", "secret": "" if is_platform else new_secret(), "tenant_id": None,
           "enabled": True, "types": list(FOR_AS_CALL) if is_platform else []}  # fmt: skip
    return Endpoint(**own | dict(said))


def to_change(conn: Connection, endpoint_id: str) -> Endpoint | None:
    """The endpoint, which nobody else changes before this transaction ends; None: there is none.

    Its state is locked first, as the relay does, which may find that it has to disable it.
    """
    relay.lock(conn, [endpoint_id])
    return endpoints.find(conn, endpoint_id, to_change=True)


def add(conn: Connection, endpoint: Endpoint, by: Actor) -> Endpoint:
    """Notified from now on. Raises Taken, TooMany."""
    if endpoint.tenant_id is not None and endpoints.count(conn, endpoint.tenant_id) >= MOST_OF_TENANT:
        raise TooMany
    # Nothing of a deleted endpoint is told to the one that has its id.
    while endpoint_removal.cancel_left(conn, endpoint.id) == endpoint_removal.MOST:
        pass
    relay.lock(conn, [endpoint.id])
    if not endpoints.add(conn, endpoint):
        raise Taken
    relay.save(conn, endpoint.id, Health())
    _note(
        conn, "created", endpoint.id, endpoint.tenant_id, by, _detail(endpoint, _TOLD) | {"adapter": endpoint.adapter}
    )
    return _found(conn, endpoint)


def change(conn: Connection, before: Endpoint, wanted: Endpoint, by: Actor) -> Endpoint:
    """Written, if it is another; `before` is from `to_change`. Enabled again, or moved, it starts as one that is well, and
    what has waited is due.
    """
    if wanted == before:
        return before
    endpoints.put(conn, wanted)
    is_back = wanted.enabled and not before.enabled
    if is_back or wanted.url != before.url:
        _renew(conn, wanted.id)
    names = [name for name in Endpoint.__slots__ if getattr(wanted, name) != getattr(before, name)]
    changed = [name for name in names if name not in ("enabled", "disabled_reason")]
    if changed:
        _note(conn, "changed", wanted.id, wanted.tenant_id, by, {"changed": changed} | _detail(wanted, changed))
    if wanted.enabled != before.enabled:
        _note(conn, "enabled" if is_back else "disabled", wanted.id, wanted.tenant_id, by, {})
    return _found(conn, wanted)


def rotate(conn: Connection, before: Endpoint, secret: str | None, overlap_s: int, by: Actor) -> Endpoint:
    """Signed with the new secret from now on, and with the one before for so many seconds. One that was before that signs no
    more.
    """
    until = datetime.now(UTC) + timedelta(seconds=overlap_s) if overlap_s else None
    wanted = replace(before, secret=secret or new_secret(), previous_secret=before.secret if until else None,
                     previous_until=until)  # fmt: skip
    endpoints.put(conn, wanted)
    _note(conn, "rotated", wanted.id, wanted.tenant_id, by, {"overlap_s": overlap_s, "is_given": secret is not None})
    return _found(conn, wanted)


def remove(conn: Connection, endpoint_id: str, tenant_id: str | None, by: Actor) -> int | None:
    """It is told nothing any more; how many notifications waited, and are canceled. None: it was deleted meanwhile.

    No lock of the endpoint is held when this is called: see `endpoint_removal`.
    """
    canceled = endpoint_removal.cancel(conn, endpoint_id)
    if not endpoints.delete(conn, endpoint_id):
        return None
    endpoint_removal.finish_jobs(conn, canceled)
    _note(conn, "deleted", endpoint_id, tenant_id, by, {"canceled": len(canceled)})
    return len(canceled)


def test(conn: Connection, endpoint: Endpoint, by: Actor) -> int:
    """Promises it a notification `endpoint.test`, as any other but in nobody's order; the delivery. `endpoint` is from
    `to_change`.
    """
    subject = f"{endpoint.id}:{uuid4()}"
    notice = Notice(
        type="endpoint.test",
        subject=subject,
        tenant_id=endpoint.tenant_id,
        order_key=f"test|{subject}",
        data={"endpoint_id": endpoint.id, "asked_at": datetime.now(UTC).isoformat()},
    )
    delivery_id = notifications.notify_one(conn, notice, endpoint.id)
    assert delivery_id is not None  # its subject is new, and the endpoint was found in this transaction
    _note(conn, "tested", endpoint.id, endpoint.tenant_id, by, {"delivery_id": delivery_id})
    return delivery_id


def _renew(conn: Connection, endpoint_id: str) -> None:
    """Nothing is held against it any more."""
    health = relay.lock(conn, [endpoint_id])[endpoint_id]
    relay.save(conn, endpoint_id, Health(last_success_at=health.last_success_at))
    relay.catch_up(conn, endpoint_id)


def _found(conn: Connection, endpoint: Endpoint) -> Endpoint:
    found = endpoints.find(conn, endpoint.id)
    assert found is not None  # written in this transaction
    return found


def _detail(endpoint: Endpoint, names: list[str] | tuple[str, ...]) -> dict[str, Any]:
    """Of an address only the host: the rest may hold a token."""
    told = {name: getattr(endpoint, name) for name in names if name in _TOLD}
    return told | ({"host": urlsplit(endpoint.url).hostname} if "url" in names else {})


def _note(
    conn: Connection, verb: str, endpoint_id: str, tenant_id: str | None, by: Actor, detail: Mapping[str, Any]
) -> None:
    audit.note(
        conn, f"endpoint.{verb}", actor=by.name, subject=endpoint_id, tenant_id=tenant_id, request_id=by.request_id,
        detail=detail,
    )  # fmt: skip
