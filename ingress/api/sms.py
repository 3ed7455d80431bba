"""Texts of our clients: send one, look one up, list them, call one off."""

from functools import partial
from typing import Any
from uuid import UUID

from flask import Blueprint, Response
from psycopg import Connection

from ingress.answer import Answer
from ingress.api import resources, schemas, texts
from ingress.api.paging import Listing
from ingress.api.reading import checked, json_body, missing, optional_body, query
from ingress.api.waiting import Waits
from ingress.idempotency import once
from ingress.problem import Problem
from ingress.service_guard import require
from shared import tasks
from shared.db import jobs, message_steps
from shared.db import texts as rows
from shared.db.message_steps import StepName
from shared.db.texts import Text
from shared.runtime import Runtime


def blueprint(rt: Runtime, waits: Waits) -> Blueprint:
    """The routes of texts, below /api."""
    sms = Blueprint("sms", __name__)
    sms.add_url_rule("/sms/send", "send", partial(send, rt, waits), methods=["POST"])
    sms.add_url_rule("/sms", "page", partial(page, rt))
    sms.add_url_rule("/sms/<id:message_id>", "show", partial(show, rt))
    sms.add_url_rule("/sms/<id:message_id>/cancel", "cancel", partial(cancel, rt), methods=["POST"])
    sms.add_url_rule("/sms/<id:message_id>/resolve", "resolve", partial(resolve, rt), methods=["POST"])
    return sms


def send(rt: Runtime, waits: Waits) -> Response:
    """202 with the text as it stands."""
    return texts.send(rt, waits, require(rt, "sms:send"), schemas.TEXT, _accepted)


def show(rt: Runtime, message_id: str) -> Response:
    """One text with all that has become of it, by our id or Twilio's."""
    require(rt, "sms:read")
    with rt.db.connection() as conn:
        return _whole(conn, _found(conn, message_id)).response()


def page(rt: Runtime) -> Response:
    """The newest texts, of one client or of all."""
    require(rt, "sms:read")
    asked = query(schemas.TEXTS_PAGE)
    limit, cursor = asked.pop("limit"), asked.pop("cursor", None)
    told = {name.removesuffix("_"): _told(value) for name, value in asked.items()}
    listing = Listing(rt.settings.twilio_auth_tokens, "/api/sms", told)
    start = listing.position(cursor)
    before = (start[0], UUID(start[1])) if start else None
    filters = {_COLUMNS.get(name, name): value for name, value in asked.items()}
    with rt.db.connection() as conn:
        found = rows.page(conn, filters, limit=limit + 1, before=before)
    return listing.page(found, limit, position=lambda row: (row.created_at, str(row.id)), shown=resources.message)


def cancel(rt: Runtime, message_id: str) -> Response:
    """What has not left is called off, once and for all. Raises Problem 409 when it has."""
    caller, document = require(rt, "sms:send"), optional_body()
    checked(schemas.NOTHING, document)
    with once(rt, caller.client, document) as this:
        if this.stored:
            return this.stored
        with rt.db.connection() as conn:
            answer = _whole(conn, _canceled(conn, message_id))
            this.keep(conn, answer)
        return answer.response()


def resolve(rt: Runtime, message_id: str) -> Response:
    """A person settles the doubt whether Twilio has a parked text. Raises Problem 409 when there is none."""
    caller, document = require(rt, "sms:send"), json_body()
    is_resend = checked(schemas.RESOLVE, document)["action"] == "resend"
    with once(rt, caller.client, document) as this:
        if this.stored:
            return this.stored
        with rt.db.connection() as conn:
            job_id = _resolved(conn, message_id, caller.client, is_resend=is_resend)
            answer = _whole(conn, _found(conn, message_id))
            this.keep(conn, answer)
        if job_id is not None:
            tasks.hint(rt.redis, "sms.send", job_id)
        return answer.response()


# What clients and columns call the same thing.
_COLUMNS = {"to": "to_number", "from_": "from_number"}


def _told(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _found(conn: Connection, message_id: str) -> Text:
    text = rows.find(conn, message_id)
    if text is None:
        raise missing("message")
    return text


def _outbound(conn: Connection, message_id: str) -> Text:
    text = _found(conn, message_id)
    if text.direction != "outbound":
        raise missing("outgoing message")
    return text


def _canceled(conn: Connection, message_id: str) -> Text:
    text = _outbound(conn, message_id)
    if rows.cancel(conn, text.id):
        message_steps.add(conn, text.id, "canceled")
    text = _found(conn, message_id)
    if text.send_state != "canceled":
        raise _too_late(text)
    return text


def _resolved(conn: Connection, message_id: str, client: str, *, is_resend: bool) -> int | None:
    """Does as the person says; the job that has become due by it."""
    text = _outbound(conn, message_id)
    if not (rows.resend_parked if is_resend else rows.cancel_parked)(conn, text.id):
        raise _too_late(text)
    step: StepName = "unsent" if is_resend else "canceled"
    message_steps.add(conn, text.id, step, detail={"resolved_by": client})
    return jobs.renew(conn, "sms.send", str(text.id), hint_in_s=jobs.FIRST_HINT_S) if is_resend else None


def _whole(conn: Connection, text: Text) -> Answer:
    shown = resources.whole_message(text, message_steps.of(conn, text.id), rows.attempts(conn, text.id))
    return Answer(200, shown)


def _too_late(text: Text) -> Problem:
    return Problem(
        409, "wrong-state", "Not possible in this state", f"The text is {text.send_state}.",
        members={"send_state": text.send_state, "message_status": text.state},
    )  # fmt: skip


def _accepted(text: Text) -> Answer:
    return Answer(202, resources.message(text), {"Location": f"/api/sms/{text.id}"})
