"""Deleting a recording at Twilio only: by policy, and once the store has confirmed that ours is whole."""

from datetime import UTC, datetime

from psycopg import Connection

from shared import log, metrics
from shared.db import (
    audit,
    jobs,
    recording_damage,
    recording_deletions,
    recording_holds,
    recording_receipts,
    recordings,
    retention,
)
from shared.db.jobs import Job
from shared.db.recordings import Recording
from shared.domain.retention import Policy, is_released
from shared.domain.sound import Sound
from shared.errors import Damaged, TwilioServerError
from shared.settings import Settings
from workers.context import WorkerRuntime

ACTOR = "retention"


def by_settings(settings: Settings) -> Policy:
    """What counts for recordings whose class nobody has set."""
    return Policy(settings.recording_keep_days, settings.twilio_recording_days)


def promise(conn: Connection, recording_sid: str) -> bool:
    """Its job is due, again if one was done before: somebody found it due. False while it is under way."""
    key = recordings.order_key(recording_sid)
    return jobs.renew(conn, "recording.release", recording_sid, order_key=key) is not None


def promise_when_due(conn: Connection, settings: Settings, recording_sid: str) -> None:
    """For a recording that was just stored, if Twilio's copy may go at once.

    None is promised for a later day, which is the sweep's: until then it would stand before a deletion, and a changed policy
    would come too late.
    """
    if _recording(conn, settings, recording_sid) is not None:
        promise(conn, recording_sid)


def release(rt: WorkerRuntime, job: Job) -> None:
    """Deletes Twilio's copy if that is due, nothing holds it back, and ours is proven. Raises Transient, Permanent."""
    with rt.db.connection() as conn:
        recording = _recording(conn, rt.settings, job.ref)
    if recording is None:
        return
    try:
        proof = rt.store.confirm(recording.object_key or "", _sound(recording))
    except Damaged as damage:
        _note_damage(rt, recording, damage.reason)
        return
    with rt.db.connection() as conn:
        recording_deletions.lock(conn, job.ref)
        recording_holds.no_new(conn)
        if _recording(conn, rt.settings, job.ref) is None:
            return
    # Only now: the store has answered with our checksum, so Twilio's is not the only copy. Killed before the next line there
    # are two copies, killed after it the next try is told "gone".
    answer = rt.twilio.delete_recording(recording.account_sid, job.ref)
    _record(rt, recording, {**answer, **_what(recording), "store": proof})


def give_up(conn: Connection, job: Job, outcome: TwilioServerError) -> None:
    """Two copies are left; the next sweep promises it anew."""
    log.get().error("recording_not_released", recording_sid=job.ref, reason=outcome.reason)


def _recording(conn: Connection, settings: Settings, recording_sid: str) -> Recording | None:
    """The recording, if Twilio's copy of it may go now."""
    found = recordings.find(conn, recording_sid)
    kept = retention.of_recording(conn, recording_sid, by_settings(settings))
    if found is None or kept is None or found.state != "stored" or found.damage or found.stored_at is None:
        return None
    if not is_released(kept.policy, found.stored_at, datetime.now(UTC)):
        return None
    if recording_deletions.find(conn, recording_sid) or recording_holds.is_held(conn, recording_sid):
        return None
    return found


def _sound(recording: Recording) -> Sound:
    return Sound(
        recording.size_bytes or 0, recording.sha256 or b"", recording.blocks or b"", recording.content_type or ""
    )


def _what(recording: Recording) -> dict[str, object]:
    return {
        "sha256": recording.sha256.hex() if recording.sha256 else None, "size_bytes": recording.size_bytes,
        "object_key": recording.object_key,
    }  # fmt: skip


def _record(rt: WorkerRuntime, recording: Recording, detail: dict[str, object]) -> None:
    sid = recording.recording_sid
    with rt.db.connection() as conn:
        recording_deletions.lock(conn, sid)
        recording_receipts.keep(conn, sid, "twilio", detail)
        recordings.advance(conn, sid, "provider-deleted")
        tenant_id = recordings.tenant_of(conn, sid)
        audit.note(conn, "recording.released", actor=ACTOR, subject=sid, tenant_id=tenant_id, detail=detail)
    metrics.RECORDING_DELETIONS.labels("twilio").inc()
    log.get().info("recording_released", recording_sid=sid)


def _note_damage(rt: WorkerRuntime, recording: Recording, reason: str) -> None:
    """Twilio's copy is the only good one now: it stays and is fetched again, and somebody is told."""
    with rt.db.connection() as conn:
        recording_damage.mark(conn, recording.recording_sid, reason, object_key=recording.object_key or "")
    log.get().error("recording_damaged", recording_sid=recording.recording_sid, damage=reason)
