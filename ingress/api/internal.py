"""The sibling services' door: their key, their spelling, their answers."""

from functools import partial
from typing import Any

from flask import Blueprint, Response
from psycopg import Connection

from ingress.answer import Answer
from ingress.api import schemas, texts
from ingress.api.waiting import Waits
from ingress.service_guard import require_service
from shared.db import text_backs
from shared.db import texts as rows
from shared.db.texts import Text
from shared.runtime import Runtime
from shared.text_plan import plain
from shared.texts import Taken


def blueprint(rt: Runtime, waits: Waits) -> Blueprint:
    """The routes below /internal."""
    routes = Blueprint("internal", __name__)
    routes.add_url_rule("/sms/send", "send", partial(send, rt, waits), methods=["POST"])
    return routes


def send(rt: Runtime, waits: Waits) -> Response:
    """202; they keep no SID while `messageSid` is null."""
    return texts.send(rt, waits, require_service(rt), schemas.PLATFORM_TEXT, _accepted, _take)


def _take(conn: Connection, rt: Runtime, client: str, key: str | None, wanted: dict[str, Any]) -> Taken:
    """A missed call is texted once. as-call-service asks for its text while it is told of the call, and, told again because
    its answer was lost, asks again: until the customer has written, the same words are the text that they got.
    """
    missed = text_backs.open_of(conn, customer=wanted["to"], business=wanted["from_"], tenant_id=wanted["tenant_id"])
    if missed is None:
        return texts.take(conn, rt, client, key, wanted)
    sent = text_backs.same_text(conn, missed, {wanted["body"], plain(wanted)})
    if sent is not None and (text := rows.find(conn, str(sent))) is not None:
        return Taken(text, is_new=False)
    taken = texts.take(conn, rt, client, key, wanted)
    if not taken.refusal:
        text_backs.note_text(conn, missed, taken.text.id)
    return taken


def _accepted(message: Text) -> Answer:
    body: dict[str, Any] = {
        "success": True,
        "messageSid": message.message_sid,
        "id": str(message.id),
        "status": message.state,
        "to": message.to_number,
        "from": message.from_number or None,
        "tenantId": message.tenant_id,
    }
    return Answer(202, body, {"Location": f"/api/sms/{message.id}"})
