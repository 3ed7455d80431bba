"""Texts to many people, asked for at once: take the request, tell how far it has come, and stop, go on or call it off."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from flask import Blueprint, Response, request
from psycopg import Connection

from ingress.answer import Answer
from ingress.api import bulk_csv, resources, schemas
from ingress.api.faults import invalid
from ingress.api.paging import Listing
from ingress.api.reading import checked, json_body, missing, optional_body, query
from ingress.api.sheet import as_csv
from ingress.idempotency import once
from ingress.problem import Problem
from ingress.service_guard import Caller, require
from shared import tasks
from shared.db import bulks, jobs
from shared.db.bulks import Bulk, Recipient, Result
from shared.runtime import Runtime

_CSV_COLUMNS: Final[list[str]] = ["line", "to", "status", "message_id", "error_code", "error_reason", "faults"]


def blueprint(rt: Runtime) -> Blueprint:
    """The routes of bulks, below /api."""
    routes = Blueprint("bulk", __name__)
    routes.add_url_rule("/sms/bulk", "send", partial(send, rt), methods=["POST"])
    routes.add_url_rule("/sms/bulk/<id:bulk_id>", "show", partial(show, rt))
    routes.add_url_rule("/sms/bulk/<id:bulk_id>/items", "items", partial(items, rt))
    for name, change in (("pause", pause), ("resume", resume), ("cancel", cancel)):
        routes.add_url_rule(f"/sms/bulk/<id:bulk_id>/{name}", name, partial(_change, rt, change), methods=["POST"])
    return routes


def send(rt: Runtime) -> Response:
    """202 as soon as every recipient is kept. What is wrong with one of them is told of that one, later."""
    caller = require(rt, "sms:send")
    document = bulk_csv.document() if request.mimetype == "text/csv" else json_body()
    checked(schemas.BULK, document)
    most = rt.settings.bulk_most_recipients
    if len(document["recipients"]) > most:
        detail = f"Longer than maximum length {most}."
        raise invalid([{"pointer": "#/recipients", "code": "length", "detail": detail}])
    with once(rt, caller.client, document, is_required=True) as this:
        if this.stored:
            return this.stored
        with rt.db.connection() as conn:
            bulk = _kept(conn, caller, document)
            answer = Answer(202, resources.bulk(bulk, bulks.progress(conn, bulk.id)), {"Location": _path(bulk)})
            job_id = jobs.promise(conn, "bulk.expand", str(bulk.id), hint_in_s=jobs.FIRST_HINT_S)
            this.keep(conn, answer)
        if job_id is not None:
            tasks.hint(rt.redis, "bulk.expand", job_id)
        return answer.response()


def show(rt: Runtime, bulk_id: str) -> Response:
    """How far it has come."""
    require(rt, "sms:read")
    with rt.db.connection() as conn:
        return _shown(conn, _found(bulks.find(conn, bulk_id))).response()


def items(rt: Runtime, bulk_id: str) -> Response:
    """What became of its recipients, in the order of the request: JSON, or CSV for whoever prefers it."""
    require(rt, "sms:read")
    asked = query(schemas.PAGE)
    with rt.db.connection() as conn:
        bulk = _found(bulks.find(conn, bulk_id))
        listing, limit = Listing(rt.settings.twilio_auth_tokens, f"{_path(bulk)}/items", {}), asked["limit"]
        start = listing.position(asked.get("cursor"))
        found = bulks.results(conn, bulk.id, limit=limit + 1, after=int(start[1]) if start else None)
    page = listing.page(
        found, limit, position=lambda row: (bulk.created_at, str(row.line)), shown=resources.bulk_item
    )  # fmt: skip
    page.headers["Vary"] = "Accept"
    if request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv":
        page.set_data(_as_csv(found[:limit]))
        page.content_type = "text/csv; charset=utf-8"
    return page


def pause(conn: Connection, bulk: Bulk) -> None:
    """No more of its texts leave."""
    if bulk.state == "running":
        bulks.pause(conn, bulk)


def resume(conn: Connection, bulk: Bulk) -> None:
    """Its texts leave again."""
    if bulk.state == "paused":
        bulks.resume(conn, bulk)
        jobs.hurry(conn, "bulk.expand", str(bulk.id))


def cancel(conn: Connection, bulk: Bulk) -> None:
    """What of it has not left, never will."""
    if bulk.state != "canceled":
        bulks.cancel(conn, bulk)


def _change(rt: Runtime, change: Callable[[Connection, Bulk], None], bulk_id: str) -> Response:
    """The same change once more changes nothing. Raises Problem 409 for what was canceled and should go on or wait."""
    caller, document = require(rt, "sms:send"), optional_body()
    checked(schemas.NOTHING, document)
    with once(rt, caller.client, document) as this:
        if this.stored:
            return this.stored
        with rt.db.connection() as conn:
            bulk = _found(bulks.locked(conn, bulk_id))
            if bulk.state == "canceled" and change is not cancel:
                raise Problem(409, "wrong-state", "Not possible in this state", "The bulk is canceled.")
            change(conn, bulk)
            answer = _shown(conn, _found(bulks.find(conn, bulk_id)))
            this.keep(conn, answer)
        return answer.response()


def _kept(conn: Connection, caller: Caller, document: dict[str, Any]) -> Bulk:
    request_ = schemas.BULK.as_the_platform_spells_it(document)
    recipients = request_.pop("recipients")
    return bulks.insert(
        conn, client=caller.client, tenant_id=request_.get("tenant_id"), request=request_,
        recipients=[*map(_recipient, recipients, _doubles(recipients))],
    )  # fmt: skip


def _recipient(said: dict[str, Any], first: int | None) -> Recipient:
    if first is None:
        return Recipient(said)
    return Recipient(said, [{"pointer": "#/to", "code": "duplicate", "detail": f"line {first} has the same number"}])


def _doubles(recipients: list[dict[str, Any]]) -> list[int | None]:
    """For each recipient the line that has named the same number before: nobody gets a bulk twice."""
    lines: dict[str, int] = {}
    return [
        None if (first := lines.setdefault(str(one.get("to")), line)) == line else first
        for line, one in enumerate(recipients)
    ]


def _found(bulk: Bulk | None) -> Bulk:
    if bulk is None:
        raise missing("bulk")
    return bulk


def _path(bulk: Bulk) -> str:
    return f"/api/sms/bulk/{bulk.id}"


def _shown(conn: Connection, bulk: Bulk) -> Answer:
    return Answer(200, resources.bulk(bulk, bulks.progress(conn, bulk.id)))


def _as_csv(found: list[Result]) -> str:
    return as_csv(_CSV_COLUMNS, map(_line, found))


def _line(row: Result) -> dict[str, Any]:
    shown = resources.bulk_item(row)
    return shown | {"faults": "; ".join(f"{fault['pointer']} {fault['detail']}" for fault in shown["faults"] or ())}
