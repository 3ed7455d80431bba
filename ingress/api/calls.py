"""Calls: list them, look one up, end one."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from flask import Blueprint, Response
from psycopg import Connection

from ingress.answer import Answer
from ingress.api import call_resources, call_schemas, schemas
from ingress.api.paging import Listing
from ingress.api.reading import checked, missing, optional_body, query
from ingress.api.waiting import Waits, applied, wished_s
from ingress.idempotency import once
from ingress.service_guard import Caller, require, require_key_or_user
from shared import tasks
from shared.db import call_controls, call_overview, call_steps, jobs, placed_calls, recordings
from shared.db.call_overview import CallOverview
from shared.db.placed_calls import PlacedCall
from shared.domain.status import CALL_FINAL
from shared.runtime import Runtime

# A call that Twilio does not have, in Twilio's words.
_STATUS_OF = {"canceled": "canceled", "refused": "failed"}


def blueprint(rt: Runtime, waits: Waits) -> Blueprint:
    """The routes of calls, below /api."""
    routes = Blueprint("calls", __name__)
    routes.add_url_rule("/calls", "page", partial(page, rt))
    routes.add_url_rule("/calls/<id:call_id>", "show", partial(show, rt))
    routes.add_url_rule("/calls/<id:call_id>/end", "end", partial(end, rt, waits), methods=["POST"])
    return routes


def page(rt: Runtime) -> Response:
    """The newest calls; of a tenant's people only its own."""
    caller = require_key_or_user(rt, "calls:read")
    asked = query(call_schemas.CALLS_PAGE)
    limit, cursor = asked.pop("limit"), asked.pop("cursor", None)
    if caller.is_bound and asked.setdefault("tenant_id", caller.tenant_id) != caller.tenant_id:
        raise missing("tenant")
    told = {name.removesuffix("_"): _told(value) for name, value in asked.items()}
    listing = Listing(rt.settings.twilio_auth_tokens, "/api/calls", told)
    start = listing.position(cursor)
    after = (start[0], UUID(start[1])) if start else None
    filters = {_COLUMNS.get(name, name): value for name, value in asked.items()}
    with rt.db.connection() as conn:
        found = call_overview.page(conn, filters, limit=limit + 1, after=after)
    return listing.page(found, limit, position=lambda row: (row.started_at, str(row.id)), shown=call_resources.listed)


def show(rt: Runtime, call_id: str) -> Response:
    """One call with its legs and all that became of it, by our id or its CallSid."""
    caller = require_key_or_user(rt, "calls:read")
    with rt.db.connection() as conn:
        call = found(conn, call_id)
        family = call_overview.family(conn, call) or [call]
        if not _is_visible(caller, family):
            raise missing("call")
        return Answer(200, _whole(conn, call, family)).response()


def end(rt: Runtime, waits: Waits, call_id: str) -> Response:
    """200 if the call is over; else 202: it will be ended, and with `Prefer: wait=N` 200 if it is over in N seconds."""
    caller = require(rt, "calls:control")
    document = optional_body()
    checked(schemas.NOTHING, document)
    with once(rt, caller.client, document) as this:
        if this.stored:
            return this.stored
        with rt.db.connection() as conn:
            job_id = _promised(conn, found(conn, call_id))
            answer = _ending(conn, call_id)
            this.keep(conn, answer)
        if job_id is not None:
            tasks.hint(rt.redis, "call.end", job_id)
        newer = None if _is_over(answer) else waits.until(partial(_ending, call_id=call_id), _is_over, wished_s())
        if newer is None:
            return answer.response()
        this.keep_newer(rt, newer)
        return applied(newer.response())


def found(conn: Connection, call_id: str, *, to_change: bool = False) -> CallOverview:
    """The call, also one that we are to place and that Twilio does not have. Raises Problem 404."""
    call = call_overview.find(conn, call_id, to_change=to_change)
    if call is not None:
        return call
    placed = placed_calls.find(conn, call_id)
    if placed is None:
        raise missing("call")
    return _unborn(placed)


# What clients and columns call the same thing.
_COLUMNS = {"to": "to_number", "from_": "from_number"}


def _told(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _unborn(placed: PlacedCall) -> CallOverview:
    return CallOverview(
        id=placed.id, call_sid=placed.call_sid, tenant_id=placed.tenant_id, direction="outbound-api",
        from_number=placed.from_number, to_number=placed.to_number, status=_STATUS_OF.get(placed.state, "queued"),
        started_at=placed.created_at, updated_at=placed.updated_at, error_code=placed.error_code,
        recording_wanted=bool(placed.plan.get("record")),
        ended_at=placed.updated_at if placed.state in _STATUS_OF else None,
    )  # fmt: skip


def _is_visible(caller: Caller, family: Sequence[CallOverview]) -> bool:
    """A leg belongs to whom the call belongs to: its own numbers may be nobody's."""
    return not caller.is_bound or any(caller.may_see(call.tenant_id) for call in family)


def _whole(conn: Connection, call: CallOverview, family: Sequence[CallOverview]) -> dict[str, Any]:
    sids = [leg.call_sid for leg in family if leg.call_sid]
    below = [leg for leg in family if leg.call_sid and leg.parent_call_sid == call.call_sid]
    placed = placed_calls.find(conn, str(call.id))
    return _shown(conn, call) | {
        "legs": [call_resources.listed(leg) for leg in below],
        "timeline": [call_resources.step(step) for step in call_steps.of(conn, sids)],
        "controls": [call_resources.control(control) for control in call_controls.of(conn, sids)],
        "placed": call_resources.placed(placed) if placed else None,
    }


def _ending(conn: Connection, call_id: str) -> Answer:
    """How far the end of the call has come."""
    call = found(conn, call_id)
    is_over = call.status in CALL_FINAL
    return Answer(200 if is_over else 202, _shown(conn, call) | {"ended" if is_over else "ending": True})


def _is_over(answer: Answer) -> bool:
    return "ended" in answer.body


def _promised(conn: Connection, call: CallOverview) -> int | None:
    """The promise to end it; None while one is being kept, and when there is nothing to do. One that failed is given anew:
    somebody asks again. A call that has not left is called off on the spot.
    """
    if call.status in CALL_FINAL or (call.call_sid is None and placed_calls.cancel(conn, call.id)):
        return None
    return jobs.renew(conn, "call.end", call.call_sid or str(call.id), hint_in_s=jobs.FIRST_HINT_S)


def _shown(conn: Connection, call: CallOverview) -> dict[str, Any]:
    return call_resources.call(call, recordings.of_call(conn, call.call_sid) if call.call_sid else [])
