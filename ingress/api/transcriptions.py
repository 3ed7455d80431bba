"""Transcriptions: read by recording or call, and searched. For services with a key and a tenant's people with a token.

As for recordings, nobody learns of what belongs to another tenant, and what cannot be audited is not answered.
"""

from functools import partial

from flask import Blueprint, Response

from ingress.answer import Answer
from ingress.api import media, recording_audit
from ingress.api import recording_schemas as reading
from ingress.api import transcription_schemas as schemas
from ingress.api.paging import Listing
from ingress.api.reading import missing, query
from ingress.service_guard import require_key_or_user
from shared.db import call_overview, recording_overview, transcription_overview
from shared.domain.redaction import redact
from shared.runtime import Runtime

SCOPE = "recordings:read"


def blueprint(rt: Runtime) -> Blueprint:
    """The routes of transcriptions, below /api."""
    routes = Blueprint("transcriptions", __name__)
    routes.add_url_rule("/recordings/<id:sid>/transcription", "show", partial(show, rt))
    routes.add_url_rule("/calls/<id:call_id>/transcriptions", "of_call", partial(of_call, rt))
    routes.add_url_rule("/transcriptions", "search", partial(search, rt))
    return routes


def show(rt: Runtime, sid: str) -> Response:
    """What was said in a recording. Raises Problem 404, and 410 once the recording's deletion was asked for."""
    caller = require_key_or_user(rt, SCOPE)
    purpose = recording_audit.purpose(query(reading.READ))
    with rt.db.connection() as conn:
        recording = recording_overview.find(conn, sid)
        if recording is None or not caller.may_see(recording.tenant_id):
            raise missing("recording")
        is_gone = recording.is_gone
        found = None if is_gone else transcription_overview.find(conn, sid)
        detail = {"transcriptions": [found.transcription_sid]} if found else {"refused": "gone" if is_gone else "none"}
        recording_audit.note(conn, "transcript.read", caller.client, recording, purpose, detail)
    if is_gone:
        raise media.not_there(recording)
    if found is None:
        raise missing("transcription")
    return Answer(200, schemas.shown(found)).response()


def of_call(rt: Runtime, call_id: str) -> Response:
    """What was said in a call and in its legs, newest first; nothing of what is to be deleted."""
    caller = require_key_or_user(rt, SCOPE)
    purpose = recording_audit.purpose(query(reading.READ))
    with rt.db.connection() as conn:
        call = call_overview.find(conn, call_id)
        rows = transcription_overview.of_call(conn, call_id) if call else []
        seen = [row for row in rows if caller.may_see(row.tenant_id)]
        if call is None or not (seen or caller.may_see(call.tenant_id)):
            raise missing("call")
        detail = {"transcriptions": [row.transcription_sid for row in seen]}
        recording_audit.note_words(conn, caller, "transcript.read", call.call_sid or call_id, purpose, detail)
    return Answer(200, {"data": [schemas.shown(row) for row in seen]}).response()


def search(rt: Runtime) -> Response:
    """Where it was said, newest first; for a user and a bound key only in what is their tenant's."""
    caller = require_key_or_user(rt, SCOPE)
    asked = query(schemas.SEARCH)
    purpose = recording_audit.purpose(asked)
    asked.pop("purpose", None)
    limit, cursor = asked.pop("limit"), asked.pop("cursor", None)
    named = {"since": "from", "until": "to"}
    told = {
        named.get(name, name): value if isinstance(value, str) else value.isoformat() for name, value in asked.items()
    }
    listing = Listing(rt.settings.twilio_auth_tokens, "/api/transcriptions", told)
    filters = asked | {"owner": (caller.tenant_id or "") if caller.is_bound else None}
    with rt.db.connection() as conn:
        rows = transcription_overview.search(conn, filters, limit=limit + 1, after=listing.position(cursor))
        # Somebody may look for a card number: the audit must not keep it either.
        detail = {**told, "q": redact(told["q"])[0], "transcriptions": [row.transcription_sid for row in rows[:limit]]}
        recording_audit.note_words(conn, caller, "transcript.searched", "transcriptions", purpose, detail)
    return listing.page(
        rows, limit, position=lambda row: (row.started_at, row.transcription_sid), shown=schemas.hit
    )  # fmt: skip
