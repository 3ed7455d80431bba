"""What happened at Twilio, as it was told to us: for people who look for a call or a text."""

from functools import partial

from flask import Blueprint, Response

from ingress.api import resources, schemas
from ingress.api.paging import Listing
from ingress.api.reading import query
from ingress.service_guard import require
from shared.db import events
from shared.runtime import Runtime


def blueprint(rt: Runtime) -> Blueprint:
    """The routes of events, below /api."""
    routes = Blueprint("events", __name__)
    routes.add_url_rule("/events", "page", partial(page, rt))
    return routes


def page(rt: Runtime) -> Response:
    """The events that speak of one SID, newest first."""
    require(rt, "events:read")
    asked = query(schemas.EVENTS_PAGE)
    sid, limit = asked["sid"], asked["limit"]
    listing = Listing(rt.settings.twilio_auth_tokens, "/api/events", {"sid": sid})
    before = listing.position(asked.get("cursor"))
    with rt.db.connection() as conn:
        rows = events.of_sid(conn, sid, limit=limit + 1, before=before)
    return listing.page(rows, limit, position=lambda row: (row.received_at, row.key), shown=resources.event)
