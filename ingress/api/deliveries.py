"""Deliveries: what became of what we told, why not, and dead letters told again."""

from functools import partial
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response, jsonify
from psycopg import Connection

from ingress import request_id
from ingress.answer import Answer
from ingress.api import delivery_schemas as schemas
from ingress.api.paging import NO_TIME, Listing
from ingress.api.reading import checked, json_body, missing, optional_body, query
from ingress.api.schemas import NOTHING, PAGE
from ingress.idempotency import once
from ingress.problem import Problem
from ingress.service_guard import Caller, require_key
from shared import redriving, tasks
from shared.db import dead_letters, delivery_overview
from shared.db.delivery_overview import DeliveryOverview, NotificationOverview
from shared.db.ids import as_uuid
from shared.runtime import Runtime

_READ, _REDRIVE = "events:read", "events:replay"
_NOTIFICATION: Final = "/notifications/<id:notification_id>"


def blueprint(rt: Runtime) -> Blueprint:
    """The routes of deliveries and of what they tell, below /api."""
    routes = Blueprint("deliveries", __name__)
    for rule, name, view, method in (
        ("/deliveries", "list", list_, "GET"),
        ("/deliveries/<int:delivery_id>", "show", show, "GET"),
        ("/deliveries/<int:delivery_id>/redrive", "redrive", redrive, "POST"),
        ("/deliveries/redrive", "redrive_all", redrive_all, "POST"),
        (_NOTIFICATION, "notification", show_notification, "GET"),
        (f"{_NOTIFICATION}/deliveries", "of_notification", of_notification, "GET"),
        (f"{_NOTIFICATION}/attempts", "attempts", attempts, "GET"),
    ):
        routes.add_url_rule(rule, name, partial(view, rt), methods=[method])
    return routes


def list_(rt: Runtime) -> Response:
    """A page of deliveries, newest first; of one tenant only for whoever is bound to it."""
    caller, asked = require_key(rt, _READ), query(schemas.DELIVERIES_PAGE)
    filters = {name: value for name, value in asked.items() if name not in ("limit", "cursor")}
    return _page(rt, caller, "/api/deliveries", filters, asked, shown_filters=filters)


def show(rt: Runtime, delivery_id: int) -> Response:
    """One delivery, the text that is sent, and its attempts. Raises Problem 404."""
    caller = require_key(rt, _READ)
    with rt.db.connection() as conn:
        return _shown(conn, _seen(conn, caller, delivery_id)).response()


def redrive(rt: Runtime, delivery_id: int) -> Response:
    """Tells one dead letter again; one that waits already is shown as it is. Raises Problem 404, 409."""
    caller, document = require_key(rt, _REDRIVE), optional_body()
    checked(NOTHING, document)
    with once(rt, caller.client, document) as this:
        if this.stored:
            return this.stored
        with rt.db.connection() as conn:
            found = _seen(conn, caller, delivery_id)
            if found.state not in ("failed", "waiting"):
                raise _not_dead(found)
            _redrive(conn, caller, delivery_id)
            answer = _shown(conn, _seen(conn, caller, delivery_id))
            this.keep(conn, answer)
        tasks.ring_relay(rt.redis)
        return answer.response()


def redrive_all(rt: Runtime) -> Response:
    """Counts the dead letters by a filter; without `dry_run` tells up to `limit` of them again. Raises Problem 404, 409."""
    caller, document = require_key(rt, _REDRIVE), json_body()
    asked = checked(schemas.REDRIVE, document)
    filters: dict[str, Any] = {name: asked.get(name) for name in dead_letters.FILTERS} | {"owner": owner_of(caller)}
    with once(rt, caller.client, document) as this:
        if this.stored:
            return this.stored
        with rt.db.connection() as conn:
            _may_redrive(conn, caller, asked)
            counts = dead_letters.counts(conn, filters)
            chosen = dead_letters.ids(conn, filters, limit=asked["limit"])
            refused = redriving.refused(conn, counts)
        redriven = 0 if asked["dry_run"] else _redrive_chosen(rt, caller, chosen)
        open_ = sum(count.count for count in counts if count.is_open)
        answer = Answer(200, {
            "dry_run": asked["dry_run"], "matching": sum(count.count for count in counts),
            "counts": [*map(schemas.count, counts)], "sample": chosen[: redriving.SAMPLE], "refused": refused,
            "redriven": redriven, "left": open_ - redriven,
        })  # fmt: skip
        with rt.db.connection() as conn:
            this.keep(conn, answer)
        return answer.response()


def show_notification(rt: Runtime, notification_id: str) -> Response:
    """What is told. Raises Problem 404."""
    caller = require_key(rt, _READ)
    with rt.db.connection() as conn:
        found = _seen_notification(conn, caller, notification_id)
    return Answer(200, schemas.notification(found)).response()


def of_notification(rt: Runtime, notification_id: str) -> Response:
    """To whom it is told, and what became of that. Raises Problem 404."""
    caller, asked = require_key(rt, _READ), query(PAGE)
    with rt.db.connection() as conn:
        found = _seen_notification(conn, caller, notification_id)
    path = f"/api/notifications/{found.id}/deliveries"
    return _page(rt, caller, path, {"notification_id": found.id}, asked, shown_filters={})


def attempts(rt: Runtime, notification_id: str) -> Response:
    """Every request that was made for it. Raises Problem 404."""
    caller = require_key(rt, _READ)
    with rt.db.connection() as conn:
        found = _seen_notification(conn, caller, notification_id)
        made = delivery_overview.attempts_to_tell(conn, found.id, owner_of(caller))
    return jsonify({"data": [schemas.notifying_attempt(one) for one in made]})


def owner_of(caller: Caller) -> str | None:
    """The tenant beyond whom this caller sees nothing."""
    return caller.tenant_id if caller.is_bound else None


def seen_endpoint(conn: Connection, caller: Caller, endpoint_id: str) -> None:
    """Raises Problem 404 for an endpoint that never was, or is not there for this caller; one that was deleted still is."""
    found = delivery_overview.tenant_of_endpoint(conn, endpoint_id)
    if found is None or not caller.may_see(found[0]):
        raise missing("endpoint")


def endpoint_closed(detail: str) -> Problem:
    """The endpoint may be told nothing; the detail says what to do."""
    return Problem(409, "endpoint-closed", "The endpoint is told nothing", detail)


def _page(
    rt: Runtime,
    caller: Caller,
    path: str,
    filters: dict[str, Any],
    asked: dict[str, Any],
    *,
    shown_filters: dict[str, Any],
) -> Response:
    told = {name: value if isinstance(value, str) else str(value) for name, value in shown_filters.items()}
    listing = Listing(rt.settings.twilio_auth_tokens, path, told)
    start = listing.position(asked.get("cursor"))
    with rt.db.connection() as conn:
        rows = delivery_overview.page(
            conn, {**filters, "owner": owner_of(caller)}, limit=asked["limit"] + 1,
            before=int(start[1]) if start else None,
        )  # fmt: skip
    return listing.page(rows, asked["limit"], position=lambda row: (NO_TIME, str(row.id)), shown=schemas.delivery)


def _seen(conn: Connection, caller: Caller, delivery_id: int) -> DeliveryOverview:
    found = delivery_overview.find(conn, delivery_id)
    if found is None or not (caller.may_see(found.tenant_id) and caller.may_see(found.endpoint_tenant)):
        raise missing("delivery")
    return found


def _seen_notification(conn: Connection, caller: Caller, notification_id: str) -> NotificationOverview:
    id_: UUID | None = as_uuid(notification_id)
    found = delivery_overview.notification(conn, id_) if id_ else None
    if found is None or not caller.may_see(found.tenant_id):
        raise missing("notification")
    return found


def _shown(conn: Connection, row: DeliveryOverview) -> Answer:
    return Answer(200, schemas.whole_delivery(row, delivery_overview.attempts(conn, row.id)))


def _redrive(conn: Connection, caller: Caller, delivery_id: int) -> None:
    try:
        redriving.redrive(conn, delivery_id, actor=f"api:{caller.client}", request_id=request_id.current())
    except redriving.Refused as refused:
        raise endpoint_closed(str(refused)) from None


def _may_redrive(conn: Connection, caller: Caller, asked: dict[str, Any]) -> None:
    if (endpoint_id := asked.get("endpoint_id")) is None:
        return
    seen_endpoint(conn, caller, endpoint_id)
    if not asked["dry_run"] and (words := redriving.closed(conn, endpoint_id)):
        raise endpoint_closed(words)


def _redrive_chosen(rt: Runtime, caller: Caller, chosen: list[int]) -> int:
    redriven = redriving.redrive_all(
        rt.db.connection, chosen, actor=f"api:{caller.client}", request_id=request_id.current()
    )  # fmt: skip
    tasks.ring_relay(rt.redis)
    return redriven


def _not_dead(row: DeliveryOverview) -> Problem:
    way = "a replay of `delivered` tells it again" if row.state == "delivered" else "a replay of `missing` tells it"
    return Problem(
        409, "wrong-state", "Not possible in this state", f"It is {row.state}, no dead letter; {way}.",
        members={"state": row.state},
    )  # fmt: skip
