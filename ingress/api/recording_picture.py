"""The picture of a recording, for people who would rather look."""

import hashlib
from typing import Any

from flask import Response, request

from ingress.api import media, recording_audit
from ingress.api import recording_schemas as schemas
from ingress.api.reading import missing, query
from ingress.problem import Problem
from ingress.service_guard import require_key_or_user
from shared.db import recording_overview, waveforms
from shared.db.recording_overview import RecordingOverview
from shared.db.waveforms import Waveform
from shared.domain import waveform
from shared.domain.status import RECORDING_HAD
from shared.runtime import Runtime


def show(rt: Runtime, sid: str) -> Response:
    """SVG, or PNG when `format=png` or the Accept header prefers it. Raises Problem 404, 409 and 410 as the sound does."""
    caller = require_key_or_user(rt, "recordings:read")
    asked = query(schemas.PICTURE)
    purpose = recording_audit.purpose(asked)
    with rt.db.connection() as conn:
        row = recording_overview.find(conn, sid)
        if row is None or not caller.may_see(row.tenant_id):
            raise missing("recording")
        peaks = waveforms.find(conn, sid)
        refused = _refusal(row, peaks)
        detail = {"refused": refused.slug} if refused else {"size": [asked["width"], asked["height"]]}
        recording_audit.note(conn, "recording.pictured", caller.client, row, purpose, detail)
    if refused or peaks is None:
        raise refused or missing("waveform")
    return _drawn(row, peaks, asked)


def _refusal(row: RecordingOverview, peaks: Waveform | None) -> Problem | None:
    if row.state not in RECORDING_HAD or row.deletion_asked_at is not None:
        return media.not_there(row)
    if peaks is None:
        return Problem(404, "recording-without-waveform", "There is no picture", _why_undrawn(row))
    return None


def _why_undrawn(row: RecordingOverview) -> str:
    """Nothing of ours decodes MP3, and what its frames say of their loudness is off by ten times and more."""
    if row.content_type == "audio/mpeg":
        return "It is kept as MP3, which is not drawn: a recording that is fetched as WAV has a picture."
    return "Its sound has not been drawn."


def _drawn(row: RecordingOverview, peaks: Waveform, asked: dict[str, Any]) -> Response:
    size = (asked["width"], asked["height"])
    if (asked.get("format") or _preferred()) == "png":
        picture, media_type = waveform.png(peaks.peaks, peaks.channels, *size), "image/png"
    else:
        title = f"Waveform of recording {row.recording_sid}, {row.duration_s or 0} s"
        picture, media_type = waveform.svg(peaks.peaks, peaks.channels, *size, title).encode(), "image/svg+xml"
    response = Response(picture, content_type=media_type)
    response.set_etag(hashlib.sha256(picture).hexdigest())
    response.headers["Content-Security-Policy"] = "default-src 'none'"  # an SVG opened by itself is a page
    response.vary.add("Accept")
    response.make_conditional(request)
    return response


def _preferred() -> str:
    accepted = request.accept_mimetypes
    return "png" if accepted.quality("image/png") > accepted.quality("image/svg+xml") else "svg"
