"""Endpoints: who is notified of what, how they answer, and what they were told; for keys of scope endpoints:read and :write.

A key that is bound to a tenant sees and changes that tenant's endpoints only; every other is 404 for it.
"""

from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from flask import Blueprint, Response, request
from marshmallow import ValidationError
from psycopg import Connection

from ingress import request_id
from ingress.answer import Answer
from ingress.api import endpoint_schemas as schemas
from ingress.api.faults import in_body, invalid
from ingress.api.paging import Listing
from ingress.api.reading import checked, json_body, missing, optional_body, query
from ingress.api.schemas import NOTHING
from ingress.api.waiting import Waits, applied, wished_s
from ingress.idempotency import claimed
from ingress.problem import Problem
from ingress.service_guard import Caller, require_key
from shared import endpoint_care, endpoint_document, log, tasks
from shared.db import delivery_attempts, endpoint_overview
from shared.db.delivery_attempts import StoredAttempt
from shared.db.endpoint_overview import EndpointOverview
from shared.db.endpoints import Endpoint
from shared.endpoint_care import Actor
from shared.runtime import Runtime

_READ, _WRITE = "endpoints:read", "endpoints:write"
_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)  # pages go by id alone
_ONE: Final = "/endpoints/<endpoint_id>"


def blueprint(rt: Runtime, waits: Waits) -> Blueprint:
    """The routes of endpoints, below /api."""
    routes = Blueprint("endpoints", __name__)
    for rule, name, view, method in (
        ("/endpoints", "list", list_, "GET"),
        ("/endpoints", "add", add, "POST"),
        (_ONE, "show", show, "GET"),
        (_ONE, "change", change, "PATCH"),
        (_ONE, "delete", delete, "DELETE"),
        (f"{_ONE}/rotate", "rotate", rotate, "POST"),
        (f"{_ONE}/attempts", "attempts", attempts, "GET"),
    ):
        routes.add_url_rule(rule, name, partial(view, rt), methods=[method])
    routes.add_url_rule(f"{_ONE}/test", "test", partial(test, rt, waits), methods=["POST"])
    return routes


def list_(rt: Runtime) -> Response:
    """Endpoints by id; of a bound key's tenant only its own."""
    caller, asked = require_key(rt, _READ), query(schemas.ENDPOINTS_PAGE)
    if caller.is_bound and asked.setdefault("tenant_id", caller.tenant_id) != caller.tenant_id:
        raise missing("tenant")
    told = {name: asked[name] for name in ("tenant_id", "enabled") if name in asked}
    listing = Listing(rt.settings.twilio_auth_tokens, "/api/endpoints", told)
    start = listing.position(asked.get("cursor"))
    with rt.db.connection() as conn:
        rows = endpoint_overview.page(
            conn, limit=asked["limit"] + 1, after=start[1] if start else None, tenant_id=asked.get("tenant_id"),
            is_enabled=asked["enabled"] == "1" if "enabled" in asked else None,
        )  # fmt: skip
    return listing.page(rows, asked["limit"], position=lambda row: (_NO_TIME, row.id), shown=schemas.endpoint)


def add(rt: Runtime) -> Response:
    """201 with the endpoint and its secret. Raises Problem 409 for an id that is taken."""
    caller, document = require_key(rt, _WRITE), json_body()
    said = _read(partial(endpoint_document.read, document, rt.settings.event_allow, bound_to=caller.tenant_id))
    with rt.db.connection() as conn:
        this = claimed(conn, _owner(caller), document)
        if this.stored:
            return this.stored
        made = _added(conn, endpoint_care.made(said), caller)
        answer = _secret(conn, 201, made, {"Location": f"/api/endpoints/{made.id}"})
        this.keep(conn, answer)
    return _changed(made.id, "created", answer)


def show(rt: Runtime, endpoint_id: str) -> Response:
    """One endpoint, how it answers and what waits there."""
    caller = require_key(rt, _READ)
    with rt.db.connection() as conn:
        row = _seen(conn, caller, endpoint_id)
        return Answer(200, schemas.whole(row, endpoint_overview.backlog(conn, endpoint_id)), _tag(row)).response()


def change(rt: Runtime, endpoint_id: str) -> Response:
    """What is said of it changes (RFC 7396); with If-Match only what the client has seen. Raises Problem 412."""
    caller, document = require_key(rt, _WRITE), json_body()
    with rt.db.connection() as conn:
        before = _to_change(conn, caller, endpoint_id)
        wanted = _read(
            partial(
                endpoint_document.read_changes, document, before, rt.settings.event_allow, bound_to=caller.tenant_id
            )
        )
        # As it was wanted already: whoever asks again after an answer that was lost has seen an older version.
        if wanted != before and not _is_expected(before):
            raise _stale(before.version)
        endpoint_care.change(conn, before, wanted, _actor(caller))
        row = _overview(conn, endpoint_id)
    answer = Answer(200, schemas.endpoint(row), _tag(row))
    if wanted == before:
        return answer.response()
    if wanted.enabled:
        tasks.ring_relay(rt.redis)
    return _changed(endpoint_id, "changed", answer)


def delete(rt: Runtime, endpoint_id: str) -> Response:
    """200 with the endpoint as it was; its id is free again."""
    caller = require_key(rt, _WRITE)
    with rt.db.connection() as conn:
        row = _seen(conn, caller, endpoint_id)
        canceled = endpoint_care.remove(conn, row.id, row.tenant_id, _actor(caller))
    if canceled is None:
        raise missing("endpoint")
    return _changed(endpoint_id, "deleted", Answer(200, schemas.endpoint(row) | {"canceled": canceled}))


def rotate(rt: Runtime, endpoint_id: str) -> Response:
    """200 with the new secret; the one before signs, too, for a while."""
    caller, document = require_key(rt, _WRITE), optional_body()
    with rt.db.connection() as conn:
        this = claimed(conn, _owner(caller), document)
        if this.stored:
            return this.stored
        before = _to_change(conn, caller, endpoint_id)
        secret, overlap_s = _read(partial(endpoint_document.read_rotation, document, before))
        if before.adapter == "as-call-service":
            raise _platforms("it verifies no signature")
        answer = _secret(conn, 200, endpoint_care.rotate(conn, before, secret, overlap_s, _actor(caller)))
        this.keep(conn, answer)
    return _changed(endpoint_id, "rotated", answer)


def test(rt: Runtime, waits: Waits, endpoint_id: str) -> Response:
    """202: it will be told `endpoint.test`; with `Prefer: wait=N` 200 with what it answered, if that is known in N seconds."""
    caller, document = require_key(rt, _WRITE), optional_body()
    checked(NOTHING, document)
    with rt.db.connection() as conn:
        this = claimed(conn, _owner(caller), document)
        if this.stored:
            return this.stored
        delivery_id = endpoint_care.test(conn, _testable(_to_change(conn, caller, endpoint_id)), _actor(caller))
        answer = _testing(conn, delivery_id)
        this.keep(conn, answer)
    tasks.ring_relay(rt.redis)
    newer = waits.until(partial(_testing, delivery_id=delivery_id), _is_answered, wished_s())
    if newer is None:
        return answer.response()
    this.keep_newer(rt, newer)
    return applied(newer.response())


def attempts(rt: Runtime, endpoint_id: str) -> Response:
    """The last attempts to tell it something, newest first; a bound key sees what is of its tenant."""
    caller, asked = require_key(rt, _READ), query(schemas.ATTEMPTS_PAGE)
    told = {name: str(asked[name]) for name in ("status", "since") if name in asked}
    listing = Listing(rt.settings.twilio_auth_tokens, f"/api/endpoints/{endpoint_id}/attempts", told)
    start = listing.position(asked.get("cursor"))
    with rt.db.connection() as conn:
        _seen(conn, caller, endpoint_id)
        rows = delivery_attempts.page(
            conn, endpoint_id, limit=asked["limit"] + 1, before=_before(start), since=asked.get("since"),
            has_failed=asked["status"] == "failed" if "status" in asked else None, tenant_id=caller.tenant_id,
        )  # fmt: skip
    return listing.page(rows, asked["limit"], position=_position, shown=schemas.attempt)


def _position(row: StoredAttempt) -> tuple[datetime, str]:
    return row.at, f"{row.delivery_id}.{row.nth}"


def _before(position: tuple[datetime, str] | None) -> tuple[datetime, int, int] | None:
    if position is None:
        return None
    delivery_id, _, nth = position[1].partition(".")
    return position[0], int(delivery_id), int(nth)


def _read(read: Any) -> Any:
    """What was said of an endpoint. Raises Problem 422 that lists every fault."""
    try:
        return read()
    except ValidationError as refused:
        raise invalid(in_body(refused.normalized_messages())) from None


def _added(conn: Connection, wanted: Endpoint, caller: Caller) -> Endpoint:
    try:
        return endpoint_care.add(conn, wanted, _actor(caller))
    except endpoint_care.Taken:
        detail = "There is an endpoint of this id, or was one that is not yours, or is still replayed to."
        raise Problem(409, "endpoint-exists", "The id is taken", detail) from None
    except endpoint_care.TooMany:
        detail = f"A tenant has at most {endpoint_care.MOST_OF_TENANT} endpoints."
        raise Problem(409, "too-many-endpoints", "Too many endpoints", detail) from None


def _seen(conn: Connection, caller: Caller, endpoint_id: str) -> EndpointOverview:
    row = endpoint_overview.find(conn, endpoint_id) if endpoint_document.ID.fullmatch(endpoint_id) else None
    if row is None or not caller.may_see(row.tenant_id):
        raise missing("endpoint")
    return row


def _overview(conn: Connection, endpoint_id: str) -> EndpointOverview:
    row = endpoint_overview.find(conn, endpoint_id)
    assert row is not None  # it is locked
    return row


def _to_change(conn: Connection, caller: Caller, endpoint_id: str) -> Endpoint:
    found = endpoint_care.to_change(conn, endpoint_id) if endpoint_document.ID.fullmatch(endpoint_id) else None
    if found is None or not caller.may_see(found.tenant_id):
        raise missing("endpoint")
    return found


def _testable(endpoint: Endpoint) -> Endpoint:
    if endpoint.adapter == "as-call-service":
        raise _platforms("it has no door for a test")
    if not endpoint.enabled:
        raise Problem(409, "endpoint-disabled", "The endpoint is disabled", "Enable it first: it is told nothing.")
    return endpoint


def _platforms(why: str) -> Problem:
    return Problem(409, "not-for-as-call-service", "Not for as-call-service", f"Of as-call-service {why}.")


def _secret(conn: Connection, status: int, endpoint: Endpoint, headers: dict[str, str] | None = None) -> Answer:
    row = _overview(conn, endpoint.id)
    return Answer(status, schemas.endpoint(row) | {"secret": endpoint.secret or None}, _tag(row) | (headers or {}))


def _testing(conn: Connection, delivery_id: int) -> Answer:
    found = delivery_attempts.standing(conn, delivery_id)
    assert found is not None  # deliveries are kept
    standing, last = found
    is_answered = last is not None or standing.outcome is not None
    return Answer(
        200 if is_answered else 202, schemas.test(standing, last), {"Location": f"/api/deliveries/{delivery_id}"}
    )


def _is_answered(answer: Answer) -> bool:
    return answer.status == 200


def _tag(row: EndpointOverview) -> dict[str, str]:
    return {"ETag": f'"{row.version}"'}


def _is_expected(before: Endpoint) -> bool:
    """Whether it may be changed, by If-Match (RFC 9110, 13.1.1)."""
    return "If-Match" not in request.headers or request.if_match.contains(str(before.version))


def _stale(current: int) -> Problem:
    return Problem(
        412, "precondition-failed", "Precondition Failed", "The endpoint has been changed since: read it again.",
        members={"version": current},
    )  # fmt: skip


def _owner(caller: Caller) -> str:
    """Whose Idempotency-Key it is. The answers have secrets: keys of one client that are bound to two tenants share none."""
    return caller.client if caller.tenant_id is None else f"{caller.client}|{caller.tenant_id}"


def _changed(endpoint_id: str, change: str, answer: Answer) -> Response:
    log.get().info("endpoint_changed", endpoint_id=endpoint_id, change=change)
    return answer.response()


def _actor(caller: Caller) -> Actor:
    return Actor(f"api:{caller.client}", request_id.current())
