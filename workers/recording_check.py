"""Some minutes after a call: is its recording there? If not, and nothing but silence explains it, a person must look."""

from datetime import UTC, datetime, timedelta

from psycopg import Connection

from shared import log, metrics
from shared.db import alerts, call_steps, jobs, notifications, recording_due, recordings
from shared.db.jobs import Job
from shared.db.recording_due import OfCall
from shared.domain.recording_due import Missing, Named, is_whole, missing, on_their_way
from shared.errors import Deferred
from workers.context import WorkerRuntime


def expect(rt: WorkerRuntime, job: Job) -> None:
    """Looks for the recordings of this job's call. Raises Deferred while they still have time to come.

    The time counts from when the end of the call was known to us, not from its end: after an outage the webhooks of its
    recording come after that, too.
    """
    until = job.created_at + timedelta(seconds=rt.settings.recording_due_s)
    with rt.db.connection() as conn:
        why = _look(conn, job.ref, until)
    if why is not None:
        metrics.RECORDINGS.labels("missing").inc()
        log.get().error("recording_missing", call_sid=job.ref, reason=why)


def _look(conn: Connection, call_sid: str, until: datetime) -> Missing | None:
    """Why the recording is missing; None if it is not, or the alarm has been raised before."""
    call = recording_due.lock(conn, call_sid)
    named = recording_due.named(conn, call_sid)
    if call is None or is_whole(named):
        return None
    if datetime.now(UTC) < until:
        raise Deferred("the recording may still come", until=until)
    for recording_sid in on_their_way(named):
        # Its own callback may be lost; its sound is not.
        jobs.promise(conn, "recording.fetch", recording_sid, order_key=recordings.order_key(recording_sid))
    why = missing(call.facts, named)
    return why if why is not None and _raise_alarm(conn, call, why, named) else None


def _raise_alarm(conn: Connection, call: OfCall, why: Missing, named: list[Named]) -> bool:
    now = datetime.now(UTC)
    is_new = alerts.keep(
        conn,
        event_key=alerts.of_recording(call.call_sid),
        source="recording-missing",
        level="error",
        code=next((each.error_code for each in named if each.error_code), None),
        resource_sid=call.call_sid,
        account_sid=call.account_sid,
        at=now,
    )
    if is_new:
        call_steps.add(conn, call.call_sid, "recording", name="missing", at=now, detail={"reason": why})
        _notify(conn, call, why, named)
    return is_new


def _notify(conn: Connection, call: OfCall, why: Missing, named: list[Named]) -> None:
    """As for a recording that could not be had: whoever waits for it waits in vain, whatever the reason."""
    notifications.notify(
        conn,
        "recording.failed",
        subject=call.call_sid,
        tenant_id=call.tenant_id,
        order_key=f"recording|{call.call_sid}",
        data={
            "recording_sid": named[0].recording_sid if named else None,
            "call_sid": call.call_sid,
            "tenant_id": call.tenant_id,
            "state": "missing",
            "duration_s": None,
            "channels": None,
            "size_bytes": None,
            "sha256": None,
            "error_reason": "missing" if why == "none" else "absent",
        },
    )
