"""Recordings: what is known of one, or its sound. Read by services with a key, and by a tenant's people with a token."""

from collections.abc import Callable
from functools import partial
from threading import BoundedSemaphore

from flask import Blueprint, Response, request
from psycopg import Connection

from ingress.answer import Answer
from ingress.api import media, resources, schemas
from ingress.api.reading import missing, query
from ingress.service_guard import Caller, require_key_or_user
from shared.db import calls, recordings
from shared.db.recordings import Recording
from shared.runtime import Runtime

Finder = Callable[[Connection, str], Recording | None]


def blueprint(rt: Runtime, seats: BoundedSemaphore) -> Blueprint:
    """The routes of recordings, below /api."""
    routes = Blueprint("recordings", __name__)
    routes.add_url_rule("/recordings/<id:subject>", "show", partial(show, rt, seats, recordings.find))
    routes.add_url_rule("/calls/<id:subject>/recording", "of_call", partial(show, rt, seats, of_call))
    return routes


def show(rt: Runtime, seats: BoundedSemaphore, find: Finder, subject: str) -> Response:
    """JSON, or the sound when `media=1` or the Accept header prefers it."""
    caller = require_key_or_user(rt, "recordings:read")
    wants_sound = query(schemas.MEDIA_CHOICE)["media"] == "1" or _prefers_sound()
    with rt.db.connection() as conn:
        recording = find(conn, subject)
        if recording is None or not _is_visible(conn, caller, recording):
            raise missing("recording")
    if wants_sound:
        response = media.sound(rt, seats, recording)
    else:
        response = Answer(200, resources.recording(recording)).response()
    response.vary.add("Accept")
    return response


def of_call(conn: Connection, call_id: str) -> Recording | None:
    """The recording of a call: of several, the newest one whose sound we have, else the newest."""
    call = calls.find(conn, call_id)
    found = recordings.of_call(conn, call.call_sid) if call else []
    stored = [each for each in found if each.state == "stored"]
    return (stored or found or [None])[-1]


def _is_visible(conn: Connection, caller: Caller, recording: Recording) -> bool:
    """A user hears the calls of their tenant; a key hears all of them."""
    return caller.kind != "user" or caller.may_see(recordings.tenant_of(conn, recording.recording_sid))


def _prefers_sound() -> bool:
    """An <audio> element lists audio types before everything else; `*/*` alone means JSON."""
    accepted = request.accept_mimetypes
    return max(accepted.quality("audio/mpeg"), accepted.quality("audio/wav")) > accepted.quality("application/json")
