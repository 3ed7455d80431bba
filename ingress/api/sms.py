"""Texts of our clients: send one, look one up, list them."""

from functools import partial
from uuid import UUID

from flask import Blueprint, Response

from ingress.answer import Answer
from ingress.api import resources, schemas, texts
from ingress.api.paging import Listing
from ingress.api.reading import missing, query
from ingress.api.waiting import Waits
from ingress.service_guard import require
from shared.db import messages
from shared.db.messages import Message
from shared.runtime import Runtime


def blueprint(rt: Runtime, waits: Waits) -> Blueprint:
    """The routes of texts, below /api."""
    sms = Blueprint("sms", __name__)
    sms.add_url_rule("/sms/send", "send", partial(send, rt, waits), methods=["POST"])
    sms.add_url_rule("/sms", "page", partial(page, rt))
    sms.add_url_rule("/sms/<id:message_id>", "show", partial(show, rt))
    return sms


def send(rt: Runtime, waits: Waits) -> Response:
    """202 with the text as it stands."""
    return texts.send(rt, waits, require(rt, "sms:send"), schemas.TEXT, _accepted)


def show(rt: Runtime, message_id: str) -> Response:
    """One text, by our id or Twilio's."""
    require(rt, "sms:read")
    with rt.db.connection() as conn:
        message = messages.find(conn, message_id)
    if message is None:
        raise missing("message")
    return Answer(200, resources.message(message)).response()


def page(rt: Runtime) -> Response:
    """The newest texts, of one client or of all."""
    require(rt, "sms:read")
    asked = query(schemas.TEXTS_PAGE)
    client, limit = asked.get("client"), asked["limit"]
    listing = Listing(rt.settings.twilio_auth_tokens, "/api/sms", {"client": client} if client else {})
    start = listing.position(asked.get("cursor"))
    before = (start[0], UUID(start[1])) if start else None
    with rt.db.connection() as conn:
        rows = messages.page(conn, client=client, limit=limit + 1, before=before)
    return listing.page(rows, limit, position=lambda row: (row.created_at, str(row.id)), shown=resources.message)


def _accepted(message: Message) -> Answer:
    return Answer(202, resources.message(message), {"Location": f"/api/sms/{message.id}"})
