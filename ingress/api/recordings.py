"""Recordings: what is known of one or of many, or their sound. For services with a key and a tenant's people with a token.

Nobody learns that there is a recording of another tenant: it is missing just as one is that never was.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from threading import BoundedSemaphore
from typing import Any

from flask import Blueprint, Response, request
from psycopg import Connection

from ingress.answer import Answer
from ingress.api import media, recording_audit, recording_links, recording_picture
from ingress.api import recording_schemas as schemas
from ingress.api.paging import Listing
from ingress.api.reading import missing, query
from ingress.problem import Problem
from ingress.service_guard import Caller, require_key_or_user
from shared.db import call_overview, recording_overview
from shared.db.recording_overview import RecordingOverview
from shared.runtime import Runtime

Finder = Callable[[Connection, str], RecordingOverview | None]
SCOPE = "recordings:read"


def blueprint(rt: Runtime, seats: BoundedSemaphore) -> Blueprint:
    """The routes of recordings, below /api."""
    routes = Blueprint("recordings", __name__)
    routes.add_url_rule("/recordings", "page", partial(page, rt))
    routes.add_url_rule("/recordings/<id:subject>", "show", partial(show, rt, seats, recording_overview.find))
    routes.add_url_rule("/recordings/<id:sid>/waveform", "waveform", partial(recording_picture.show, rt))
    routes.add_url_rule("/calls/<id:subject>/recording", "newest", partial(show, rt, seats, recording_overview.newest))
    routes.add_url_rule("/calls/<id:call_id>/recordings", "of_call", partial(of_call, rt))
    routes.add_url_rule("/media/<token>", "linked", partial(recording_links.show, rt, seats))
    return routes


def page(rt: Runtime) -> Response:
    """The newest recordings; for a user and a bound key only those of their tenant."""
    caller = require_key_or_user(rt, SCOPE)
    asked = query(schemas.RECORDINGS_PAGE)
    purpose = recording_audit.purpose(asked)
    asked.pop("purpose", None)
    limit, cursor = asked.pop("limit"), asked.pop("cursor", None)
    listing = Listing(rt.settings.twilio_auth_tokens, "/api/recordings", {key: _told(asked[key]) for key in asked})
    filters = asked | {"owner": (caller.tenant_id or "") if caller.is_bound else None}
    with rt.db.connection() as conn:
        rows = recording_overview.page(conn, filters, limit=limit + 1, after=listing.position(cursor))
        recording_audit.note_list(conn, caller, "recordings", rows[:limit], purpose)
    return listing.page(rows, limit, position=lambda row: (row.announced_at, row.recording_sid), shown=schemas.shown)


def of_call(rt: Runtime, call_id: str) -> Response:
    """All recordings of a call and of its legs, newest first."""
    caller = require_key_or_user(rt, SCOPE)
    purpose = recording_audit.purpose(query(schemas.READ))
    with rt.db.connection() as conn:
        call = call_overview.find(conn, call_id)
        rows = recording_overview.of_call(conn, call_id) if call else []
        seen = [row for row in rows if caller.may_see(row.tenant_id)]
        if call is None or not (seen or caller.may_see(call.tenant_id)):
            raise missing("call")
        recording_audit.note_list(conn, caller, call.call_sid or call_id, seen, purpose)
    return Answer(200, {"data": [schemas.shown(row) for row in seen]}).response()


def show(rt: Runtime, seats: BoundedSemaphore, find: Finder, subject: str) -> Response:
    """JSON, or the sound when `media=1`, `download=1` or the Accept header prefers it."""
    caller = require_key_or_user(rt, SCOPE)
    asked = query(schemas.SOUND)
    purpose = recording_audit.purpose(asked)
    if "1" in (asked["media"], asked["download"]) or _prefers_sound():
        response = _sound(rt, seats, partial(_visible, find, caller, subject), caller, asked, purpose)
    else:
        with rt.db.connection() as conn:
            row = _visible(find, caller, subject, conn)
            recording_audit.note(conn, "recording.read", caller.client, row, purpose, {})
        response = Answer(200, schemas.shown(row)).response()
    response.vary.add("Accept")
    return response


def _sound(
    rt: Runtime,
    seats: BoundedSemaphore,
    found: Callable[[Connection], RecordingOverview],
    caller: Caller,
    asked: dict[str, Any],
    purpose: str | None,
) -> Response:
    by_link = asked.get("delivery", rt.settings.recording_delivery) == "link" and request.method != "HEAD"
    with rt.db.connection() as conn:
        row = found(conn)
        plan = media.planned(row, by_link=by_link, as_file=asked["download"] == "1")
        if isinstance(plan, Problem):
            recording_audit.note(conn, "recording.read", caller.client, row, purpose, {"refused": plan.slug})
        else:
            recording_audit.note(conn, "recording.heard", caller.client, row, purpose, plan.told())
    if isinstance(plan, Problem):
        raise plan
    return recording_links.redirect(rt, plan) if plan.kind == "link" else media.answer(rt, seats, plan)


def _visible(find: Finder, caller: Caller, subject: str, conn: Connection) -> RecordingOverview:
    row = find(conn, subject)
    if row is None or not caller.may_see(row.tenant_id):
        raise missing("recording")
    return row


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _prefers_sound() -> bool:
    """An <audio> element lists audio types before everything else; `*/*` alone means JSON."""
    accepted = request.accept_mimetypes
    return max(accepted.quality("audio/mpeg"), accepted.quality("audio/wav")) > accepted.quality("application/json")
