"""Business numbers: whose they are, where their calls go, who changed that, and what would become of a call."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from flask import Blueprint, Response, request
from marshmallow import ValidationError
from psycopg import Connection

from ingress.answer import Answer
from ingress.api import number_schemas as schemas
from ingress.api.faults import in_body, invalid
from ingress.api.paging import Listing
from ingress.api.reading import checked, json_body, missing, query
from ingress.api.schemas import PAGE
from ingress.problem import Problem
from ingress.service_guard import require
from shared import log, number_document
from shared.db import numbers
from shared.db.numbers import VersionConflict
from shared.domain.call_preview import preview as preview_call
from shared.domain.phone import is_e164, masked
from shared.domain.routing import Caller, Number, Routing
from shared.phones import is_canonical
from shared.runtime import Runtime

_READ, _WRITE = "calls:read", "admin"
_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)  # pages go by number, or by version, alone

_NONE: Final = -1  # no version of any number


def blueprint(rt: Runtime) -> Blueprint:
    """The routes of numbers, below /api."""
    routes = Blueprint("numbers", __name__)
    routes.add_url_rule("/numbers", "list", partial(list_, rt))
    routes.add_url_rule("/numbers/<number>", "show", partial(show, rt))
    routes.add_url_rule("/numbers/<number>", "set", partial(set_, rt), methods=["PUT"])
    routes.add_url_rule("/numbers/<number>/versions", "versions", partial(versions, rt))
    routes.add_url_rule("/numbers/<number>/preview", "preview", partial(preview, rt), methods=["POST"])
    return routes


def list_(rt: Runtime) -> Response:
    """Our numbers, in order."""
    require(rt, _READ)
    asked = query(schemas.NUMBERS_PAGE)
    filters = {"tenant_id": asked["tenant_id"]} if asked.get("tenant_id") else {}
    listing = Listing(rt.settings.twilio_auth_tokens, "/api/numbers", filters)
    start = listing.position(asked.get("cursor"))
    with rt.db.connection() as conn:
        rows = numbers.page(conn, limit=asked["limit"] + 1, after=start[1] if start else None, **filters)
    return listing.page(
        rows, asked["limit"], position=lambda row: (_NO_TIME, row.phone_number), shown=schemas.number
    )  # fmt: skip


def show(rt: Runtime, number: str) -> Response:
    """One number with its routing; its version is its ETag."""
    require(rt, _READ)
    with rt.db.connection() as conn:
        found = _found(conn, number)
    return _shown(200, found)


def set_(rt: Runtime, number: str) -> Response:
    """The whole of it; 201 for a number that we did not know. With If-Match only what the client has seen is replaced."""
    caller = require(rt, _WRITE)
    if not is_canonical(number):
        raise missing("number")
    tenant_id, routing, note = _read(json_body(), number)
    with rt.db.connection() as conn:
        before = numbers.find(conn, number)
        version = _put(
            conn, Number(number, tenant_id, routing), by=caller.client, note=note, expected=_expected(before)
        )
        made = _found(conn, number)
    if before is None or before.version != version:
        log.get().info("number_changed", number=masked(number), version=version, is_new=before is None)
    return _shown(200 if before else 201, made)


def versions(rt: Runtime, number: str) -> Response:
    """What it was changed to, the newest first."""
    require(rt, _READ)
    asked = query(PAGE)
    listing = Listing(rt.settings.twilio_auth_tokens, f"/api/numbers/{number.replace('+', '%2B')}/versions", {})
    start = listing.position(asked.get("cursor"))
    with rt.db.connection() as conn:
        _found(conn, number)
        rows = numbers.versions(
            conn, number, limit=asked["limit"] + 1, before=int(start[1]) if start else None
        )  # fmt: skip
    return listing.page(
        rows, asked["limit"], position=lambda row: (_NO_TIME, str(row.version)), shown=schemas.version
    )  # fmt: skip


def preview(rt: Runtime, number: str) -> Response:
    """What would become of a call, by the number's routing or by one that is only tried."""
    require(rt, _READ)
    body = json_body()
    asked = checked(schemas.PREVIEW_CALL, body)
    with rt.db.connection() as conn:
        found = _found(conn, number)
    if asked["routing"] is not None:
        found = replace(found, routing=_tried(body["routing"], number), version=0)
    caller = Caller(asked["from_"], asked["stir"], asked["forwarded_from"])
    now = asked["at"] or datetime.now(UTC)
    return Answer(200, schemas.preview(preview_call(found, caller, now), now)).response()


def _put(conn: Connection, wanted: Number, *, by: str, note: str | None, expected: int | None) -> int:
    try:
        return numbers.put(conn, wanted, by=by, via="api", note=note, expected_version=expected)
    except VersionConflict as conflict:
        raise _stale(conflict.current) from None


def _found(conn: Connection, number: str) -> Number:
    found = numbers.find(conn, number) if is_e164(number) else None
    if found is None:
        raise missing("number")
    return found


def _shown(status: int, row: Number) -> Response:
    headers = {"ETag": f'"{row.version}"'}
    if status == 201:
        headers["Location"] = f"/api/numbers/{row.phone_number.replace('+', '%2B')}"
    return Answer(status, schemas.number(row), headers).response()


def _read(document: Any, number: str) -> tuple[str | None, Routing, str | None]:
    try:
        return number_document.read(document, number)
    except ValidationError as refused:
        raise invalid(in_body(refused.normalized_messages())) from None


def _tried(routing: Any, number: str) -> Routing:
    return _read({"tenant_id": None, "routing": routing}, number)[1]


def _expected(before: Number | None) -> int | None:
    """The version that may be replaced, by If-Match (RFC 9110, 13.1.1). None: whichever."""
    if "If-Match" not in request.headers:
        return None
    current = before.version if before else _NONE
    return current if request.if_match.contains(str(current)) else _NONE


def _stale(current: int) -> Problem:
    return Problem(
        412, "precondition-failed", "Precondition Failed",
        "The number has been changed since: read it again." if current else "There is no such number yet.",
        members={"version": current},
    )  # fmt: skip
