"""The sound of a recording, streamed from the store: whole or a range, never kept on our disk, and never other bytes than
those that were stored: each MiB is compared with its digest before any of it leaves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from threading import BoundedSemaphore
from typing import Any, Final, Literal

from flask import Response, request
from werkzeug.http import parse_range_header

from ingress.problem import Problem
from shared import log
from shared.db import recording_damage
from shared.db.recording_overview import RecordingOverview
from shared.domain.sound import Digest, Sound
from shared.domain.status import RECORDING_HAD
from shared.errors import Damaged
from shared.runtime import Runtime
from shared.store import Store, open_store
from shared.store.verified import Verified, verified

_RETRY_S: Final = 5  # a recording is fetched and stored within seconds of its callback
_REPAIR_S: Final = 300  # a damaged copy is fetched from Twilio again, if Twilio still has it
_ON_ITS_WAY: Final = frozenset({"announced", "available", "fetched", "verified"})
_SUFFIXES: Final = {"audio/mpeg": "mp3", "audio/wav": "wav", "audio/x-wav": "wav"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What one listener is given: the bytes of a recording from `start` up to `stop`, a link to them, or word of them."""

    row: RecordingOverview
    kind: Literal["whole", "range", "link", "head", "not-modified"]
    start: int
    stop: int
    as_file: bool

    @property
    def size_bytes(self) -> int:
        return self.row.size_bytes or 0

    @property
    def etag(self) -> str:
        return self.row.sha256.hex() if self.row.sha256 else ""

    @property
    def content_type(self) -> str:
        """What Twilio called it is passed on only if it is sound: never a page in our name."""
        told = self.row.content_type or ""
        return told if told.startswith("audio/") else "application/octet-stream"

    @property
    def filename(self) -> str:
        return f"{self.row.recording_sid}.{_SUFFIXES.get(self.row.content_type or '', 'bin')}"

    def told(self) -> dict[str, Any]:
        """For the audit."""
        return {"part": self.kind} | ({"first": self.start, "last": self.stop - 1} if self.kind == "range" else {})


def planned(row: RecordingOverview, *, by_link: bool, as_file: bool) -> Plan | Problem:
    """What this request is given of the sound, or why not: 404, 409 (not stored yet), 410 (deleted), 416, 503 (damaged)."""
    if not row.is_playable:
        return not_there(row)
    size, etag = row.size_bytes or 0, row.sha256.hex() if row.sha256 else ""
    if request.if_none_match.contains(etag):
        return Plan(row, "not-modified", 0, size, as_file)
    if by_link:
        return Plan(row, "link", 0, size, as_file)
    try:
        part = _range(size, etag)
    except Problem as refused:
        return refused
    if request.method == "HEAD":  # a range is for GET alone (RFC 9110, 14.2)
        return Plan(row, "head", 0, size, as_file)
    return Plan(row, "range" if part else "whole", *(part or (0, size)), as_file)


def not_there(row: RecordingOverview) -> Problem:
    """Why nobody hears this recording."""
    if row.is_gone:
        return Problem(410, "recording-deleted", "Recording deleted", "It was here and has been deleted.")
    if row.damage is not None and row.state in RECORDING_HAD:
        return _damaged(row.damage)
    if row.state in _ON_ITS_WAY:
        return Problem(
            409, "recording-not-stored-yet", "Recording not stored yet", "It is on its way from Twilio.",
            headers={"Retry-After": str(_RETRY_S)}, members={"state": row.state},
        )  # fmt: skip
    return Problem(404, "recording-without-sound", "There is no sound", "The recording has no media.")


def answer(rt: Runtime, seats: BoundedSemaphore, plan: Plan) -> Response:
    """The answer that was planned. Raises Problem 503 (no seat, or damaged), and Transient."""
    if plan.kind == "not-modified":
        return _dressed(Response(status=304), plan)
    response = _dressed(Response(status=206 if plan.kind == "range" else 200), plan)
    if plan.kind != "head":
        _fill(response, rt, seats, plan)
    response.content_length = plan.stop - plan.start
    if plan.kind == "range":
        response.headers["Content-Range"] = f"bytes {plan.start}-{plan.stop - 1}/{plan.size_bytes}"
    return response


def _range(size: int, etag: str) -> tuple[int, int] | None:
    """First byte and the one after the last, if exactly one range is asked for. Raises Problem 416.

    Several ranges, or a range of an older object (If-Range), get the whole: RFC 9110, 14.2 and 13.1.5.
    """
    asked = parse_range_header(request.headers.get("Range"))
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1 or request.method == "HEAD":
        return None
    if request.headers.get("If-Range", f'"{etag}"') != f'"{etag}"':
        return None
    part = asked.range_for_length(size)
    if part is None:
        headers = {"Content-Range": f"bytes */{size}"}
        raise Problem(416, "range-not-satisfiable", "Range Not Satisfiable", headers=headers)
    return part


def _fill(response: Response, rt: Runtime, seats: BoundedSemaphore, plan: Plan) -> None:
    """A listener on a slow line holds a thread as long as the sound takes to leave, so that needs a seat too."""
    if not seats.acquire(blocking=False):
        raise Problem(503, "busy", "Too many slow requests at once", headers={"Retry-After": "1"})
    # Released by the server when the answer is sent or broken off, even if not a byte was read of it. (Not with
    # direct_passthrough: Werkzeug then runs no close hook.)
    response.call_on_close(seats.release)
    try:
        pieces = _opened(rt, plan)
    except BaseException:
        response.close()
        raise
    response.call_on_close(pieces.close)
    response.response = _passed_on(rt, plan.row, pieces)


def _opened(rt: Runtime, plan: Plan) -> Verified:
    """The first block is read and compared before the answer begins, so that damage is a 503 and not half an answer."""
    store = open_store(rt.settings)
    key = plan.row.object_key or ""
    try:
        return verified(partial(store.read, key), _sound(store, plan), plan.start, plan.stop)
    except Damaged as fault:
        _alarm(rt, plan.row, fault.reason)
        raise _damaged(fault.reason) from fault


def _sound(store: Store, plan: Plan) -> Sound:
    """What was stored. Of recordings from before blocks were hashed all of it is read once more, to know them."""
    row = plan.row
    sound = Sound(plan.size_bytes, row.sha256 or b"", row.blocks or b"", plan.content_type)
    if row.blocks:
        return sound
    source, digest = store.read(row.object_key or "", 0, plan.size_bytes), Digest()
    try:
        for piece in source.pieces:
            digest.update(piece)
    finally:
        source.close()
    found = digest.sound(plan.content_type)
    if (found.size_bytes, found.sha256) != (sound.size_bytes, sound.sha256):
        raise Damaged("changed")
    return found


def _passed_on(rt: Runtime, row: RecordingOverview, pieces: Verified) -> Iterator[bytes]:
    """An error here breaks the connection off before the bad block: short of its Content-Length it is nobody's whole sound."""
    try:
        yield from pieces
    except Damaged as fault:
        _alarm(rt, row, fault.reason)
        raise


def _alarm(rt: Runtime, row: RecordingOverview, damage: str) -> None:
    """Nobody hears it from now on, a person is told, and while Twilio has it, it is fetched again."""
    log.get().error("recording_unreadable", recording_sid=row.recording_sid, reason=damage)
    with rt.db.connection() as conn:
        recording_damage.mark(conn, row.recording_sid, damage, object_key=row.object_key or "")


def _damaged(damage: str) -> Problem:
    """503 and not 502: it is there again once it has been fetched again."""
    return Problem(
        503, "recording-damaged", "The stored recording is damaged",
        "What is in the store is not what was stored, so none of it is passed on. Somebody has been told.",
        headers={"Retry-After": str(_REPAIR_S)}, members={"damage": damage},
    )  # fmt: skip


def _dressed(response: Response, plan: Plan) -> Response:
    response.content_type = plan.content_type
    response.set_etag(plan.etag)
    response.headers["Accept-Ranges"] = "bytes"
    manner = "attachment" if plan.as_file else "inline"
    response.headers["Content-Disposition"] = f'{manner}; filename="{plan.filename}"'
    return response
