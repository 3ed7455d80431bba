"""Calls: look one up, end one."""

from functools import partial
from typing import Any

from flask import Blueprint, Response
from psycopg import Connection

from ingress.answer import Answer
from ingress.api import resources, schemas
from ingress.api.reading import checked, missing, optional_body
from ingress.api.waiting import Waits, applied, wished_s
from ingress.idempotency import once
from ingress.service_guard import require
from shared import tasks
from shared.db import calls, jobs, recordings
from shared.db.calls import Call
from shared.domain.status import CALL_FINAL
from shared.runtime import Runtime


def blueprint(rt: Runtime, waits: Waits) -> Blueprint:
    """The routes of calls, below /api."""
    routes = Blueprint("calls", __name__)
    routes.add_url_rule("/calls/<id:call_id>", "show", partial(show, rt))
    routes.add_url_rule("/calls/<id:call_id>/end", "end", partial(end, rt, waits), methods=["POST"])
    return routes


def show(rt: Runtime, call_id: str) -> Response:
    """One call, by our id or its CallSid."""
    require(rt, "calls:read")
    with rt.db.connection() as conn:
        return Answer(200, _shown(conn, _found(conn, call_id))).response()


def end(rt: Runtime, waits: Waits, call_id: str) -> Response:
    """200 if the call is over; else 202: it will be ended, and with `Prefer: wait=N` 200 if it is over in N seconds."""
    caller = require(rt, "calls:control")
    document = optional_body()
    checked(schemas.NOTHING, document)
    with once(rt, caller.client, document) as this:
        if this.stored:
            return this.stored
        with rt.db.connection() as conn:
            answer = _ending(conn, call_id)
            job_id = None if _is_over(answer) else _promised(conn, answer)
            this.keep(conn, answer)
        if job_id is not None:
            tasks.hint(rt.redis, "call.end", job_id)
        newer = None if _is_over(answer) else waits.until(partial(_ending, call_id=call_id), _is_over, wished_s())
        if newer is None:
            return answer.response()
        this.keep_newer(rt, newer)
        return applied(newer.response())


def _ending(conn: Connection, call_id: str) -> Answer:
    """How far the end of the call has come."""
    call = _found(conn, call_id)
    is_over = call.status in CALL_FINAL
    return Answer(200 if is_over else 202, _shown(conn, call) | {"ended" if is_over else "ending": True})


def _is_over(answer: Answer) -> bool:
    return "ended" in answer.body


def _promised(conn: Connection, answer: Answer) -> int | None:
    """The promise to end it; None while one is being kept. One that failed is given anew: somebody asks again."""
    return jobs.renew(conn, "call.end", answer.body["call_sid"], hint_in_s=jobs.FIRST_HINT_S)


def _found(conn: Connection, call_id: str) -> Call:
    call = calls.find(conn, call_id)
    if call is None:
        raise missing("call")
    return call


def _shown(conn: Connection, call: Call) -> dict[str, Any]:
    return resources.call(call, recordings.of_call(conn, call.call_sid))
