"""Deleting a recording everywhere: at Twilio, then in our store, then its words and its picture; each with a receipt."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from psycopg import Connection

from shared import log, metrics
from shared.db import (
    audit,
    notifications,
    recording_damage,
    recording_deletions,
    recording_receipts,
    recordings,
)
from shared.db.jobs import Job
from shared.db.recording_deletions import Deletion
from shared.db.recordings import Recording
from shared.domain.recording_key import prefix
from shared.errors import Deferred, OnHold, Permanent, TwilioServerError
from workers.context import WorkerRuntime

# A hold lasts for months, and lifting one hurries nothing: an hour later is soon enough.
_HELD_WAIT: Final = timedelta(hours=1)


def delete(rt: WorkerRuntime, job: Job) -> None:
    """Goes on where it stopped: what has a receipt is gone. Raises Transient, Permanent, and Deferred while a hold or an object
    lock stands against it.
    """
    deletion = _begun(rt, job.ref)
    if deletion is None:
        return
    with rt.db.connection() as conn:
        recording = recordings.find(conn, job.ref)
        gone = {(receipt.place, receipt.object_key) for receipt in recording_receipts.of(conn, job.ref)}
    if recording is None:
        raise Permanent("no such recording")
    if ("twilio", "") not in gone:
        delete_at_twilio(rt, recording)
    erase_shown(rt, recording)  # before the store, which may be under a lock for months
    for key in _keys(rt, recording):
        delete_object(rt, recording, key)
    finish(rt, recording, deletion)


def give_up(conn: Connection, job: Job, outcome: TwilioServerError) -> None:
    """A copy may be left, which nobody is served: a person has to look, and the next sweep promises it anew."""
    log.get().error("recording_not_deleted", recording_sid=job.ref, reason=outcome.reason)


def _begun(rt: WorkerRuntime, recording_sid: str) -> Deletion | None:
    try:
        with rt.db.connection() as conn:
            return recording_deletions.begin(conn, recording_sid)
    except OnHold as held:
        with rt.db.connection() as conn:
            # The policy has asked, and will again; somebody's own wish waits until the hold is lifted.
            if recording_deletions.withdraw(conn, recording_sid):
                _fetch_what_was_left(conn, recording_sid)
                return None
        raise Deferred(held.reason, until=datetime.now(UTC) + _HELD_WAIT) from held


def _fetch_what_was_left(conn: Connection, recording_sid: str) -> None:
    """While it was to go, nobody fetched it; now it is held, and not with us."""
    found = recordings.find(conn, recording_sid)
    if found is not None and found.state in ("available", "fetched", "verified"):
        recording_damage.fetch_again(conn, recording_sid)


def delete_at_twilio(rt: WorkerRuntime, recording: Recording) -> None:
    """Twilio's copy and its receipt."""
    answer = rt.twilio.delete_recording(recording.account_sid, recording.recording_sid)
    _receipt(rt, recording, "twilio", answer)


def delete_object(rt: WorkerRuntime, recording: Recording, key: str) -> None:
    """One copy in our store, all its versions."""
    _receipt(rt, recording, "store", rt.store.delete(key), key)


def _keys(rt: WorkerRuntime, recording: Recording) -> list[str]:
    """Of every copy that lies there, also of one whose upload ended with its worker; and the one that we know of."""
    if not recording.object_key:
        return []
    listed = rt.store.listed(prefix(recording.object_key, recording.recording_sid))
    return sorted({recording.object_key, *(found.key for found in listed)})


def erase_shown(rt: WorkerRuntime, recording: Recording) -> None:
    """Its words and its picture."""
    with rt.db.connection() as conn:
        recording_deletions.erase_shown(conn, recording.recording_sid)


def finish(rt: WorkerRuntime, recording: Recording, deletion: Deletion) -> None:
    """Nothing is left: that is told, once."""
    sid = recording.recording_sid
    with rt.db.connection() as conn:
        recording_deletions.lock(conn, sid)
        recording_deletions.finish(conn, sid)
        if not recordings.advance(conn, sid, "deleted"):
            return
        places = [receipt.place for receipt in recording_receipts.of(conn, sid)]
        tenant_id, told = recordings.tenant_of(conn, sid), {**_what(recording), "reason": deletion.reason}
        audit.note(
            conn, "recording.deleted", actor=deletion.asked_by, subject=sid, tenant_id=tenant_id,
            detail={**told, "places": places},
        )  # fmt: skip
        notifications.notify(
            conn, "recording.deleted", subject=sid, tenant_id=tenant_id, order_key=f"recording|{sid}",
            data={"recording_sid": sid, "call_sid": recording.call_sid, "tenant_id": tenant_id, "state": "deleted", **told,
                  "duration_s": recording.duration_s, "channels": recording.channels, "error_reason": None},
        )  # fmt: skip
    metrics.RECORDINGS.labels("deleted").inc()
    log.get().info("recording_deleted", recording_sid=sid, reason=deletion.reason)


def _receipt(
    rt: WorkerRuntime,
    recording: Recording,
    place: recording_receipts.Place,
    answer: Mapping[str, object],
    key: str = "",
) -> None:
    with rt.db.connection() as conn:
        detail = {**answer, **_what(recording)}
        recording_receipts.keep(conn, recording.recording_sid, place, detail, object_key=key)
    metrics.RECORDING_DELETIONS.labels(place).inc()


def _what(recording: Recording) -> dict[str, object]:
    return {
        "sha256": recording.sha256.hex() if recording.sha256 else None, "size_bytes": recording.size_bytes,
    }  # fmt: skip
