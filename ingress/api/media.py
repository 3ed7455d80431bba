"""The sound of a recording, streamed from the store: whole or a range, never kept in memory or on our disk."""

from threading import BoundedSemaphore
from typing import Final

from flask import Response, request
from werkzeug.http import parse_range_header

from ingress.problem import Problem
from shared import log
from shared.db.recordings import Recording
from shared.domain.status import RECORDING_HAD
from shared.errors import Damaged, Transient
from shared.runtime import Runtime
from shared.store import open_store
from shared.store.kept import Source

_RETRY_S: Final = 5  # a recording is fetched and stored within seconds of its callback
_ON_ITS_WAY: Final = frozenset({"announced", "available", "fetched", "verified"})
_SUFFIXES: Final = {"audio/mpeg": "mp3", "audio/wav": "wav", "audio/x-wav": "wav"}


def sound(rt: Runtime, seats: BoundedSemaphore, recording: Recording) -> Response:
    """The stored object. Raises Problem 404, 409 (not stored yet), 410 (deleted), 416 or 503 (no seat), and Transient."""
    if recording.state not in RECORDING_HAD:
        raise _not_there(recording)
    etag = recording.sha256.hex() if recording.sha256 else ""
    if request.if_none_match.contains(etag):
        return _dressed(Response(status=304), recording, etag)
    part = _range(recording, etag)
    start, stop = part or (0, recording.size_bytes or 0)
    response = _dressed(Response(status=206 if part else 200), recording, etag)
    if request.method != "HEAD":
        _fill(response, rt, seats, recording, start, stop)
    response.content_length = stop - start
    if part:
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{recording.size_bytes}"
    return response


def _not_there(recording: Recording) -> Problem:
    if recording.state in _ON_ITS_WAY:
        return Problem(
            409, "recording-not-stored-yet", "Recording not stored yet", "It is on its way from Twilio.",
            headers={"Retry-After": str(_RETRY_S)}, members={"state": recording.state},
        )  # fmt: skip
    if recording.state == "deleted":
        return Problem(410, "recording-deleted", "Recording deleted", "It was here and has been deleted.")
    return Problem(404, "recording-without-sound", "There is no sound", "The recording has no media.")


def _range(recording: Recording, etag: str) -> tuple[int, int] | None:
    """First byte and the one after the last, if exactly one range is asked for. Raises Problem 416.

    Several ranges, or a range of an older object (If-Range), get the whole: RFC 9110, 14.2 and 13.1.5.
    """
    asked = parse_range_header(request.headers.get("Range"))
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    if request.headers.get("If-Range", f'"{etag}"') != f'"{etag}"':
        return None
    part = asked.range_for_length(recording.size_bytes)
    if part is None:
        headers = {"Content-Range": f"bytes */{recording.size_bytes}"}
        raise Problem(416, "range-not-satisfiable", "Range Not Satisfiable", headers=headers)
    return part


def _fill(
    response: Response, rt: Runtime, seats: BoundedSemaphore, recording: Recording, start: int, stop: int
) -> None:
    """A listener on a slow line holds a thread as long as the sound takes to leave, so that needs a seat too."""
    if not seats.acquire(blocking=False):
        raise Problem(503, "busy", "Too many slow requests at once", headers={"Retry-After": "1"})
    # Released by the server when the answer is sent or broken off, even if not a byte was read of it. (Not with
    # direct_passthrough: Werkzeug then runs no close hook.)
    response.call_on_close(seats.release)
    try:
        source = _opened(rt, recording, start, stop)
    except BaseException:
        response.close()
        raise
    response.call_on_close(source.close)
    response.response = source.pieces


def _opened(rt: Runtime, recording: Recording, start: int, stop: int) -> Source:
    """Opened before the answer begins, so that a missing store is a 503 and not half an answer."""
    try:
        return open_store(rt.settings).read(recording.object_key or "", start, stop)
    except Damaged as fault:
        log.get().error("recording_unreadable", recording_sid=recording.recording_sid, reason=fault.reason)
        raise Transient("recording store unavailable", retry_after_s=_RETRY_S) from fault


def _dressed(response: Response, recording: Recording, etag: str) -> Response:
    """Headers of the sound. What Twilio called it is passed on only if it is sound: never a page in our name."""
    content_type = recording.content_type or ""
    suffix = _SUFFIXES.get(content_type, "bin")
    response.content_type = content_type if content_type.startswith("audio/") else "application/octet-stream"
    response.set_etag(etag)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Disposition"] = f'inline; filename="{recording.recording_sid}.{suffix}"'
    return response
