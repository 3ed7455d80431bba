"""What is said of a recording: it exists, it can be fetched, or there is none."""

import re
from typing import Final, Literal

from psycopg import Connection

from shared import log, metrics
from shared.db import alerts, call_steps, jobs, recording_due, recordings
from shared.db.calls import Call
from shared.db.recordings import Recording
from shared.domain.event import Event
from shared.domain.recording_due import FIRST_LOOK_S, is_due
from shared.domain.status import CALL_FINAL
from workers import payloads
from workers.payloads import Said

_STATES: Final[dict[str, Literal["announced", "available", "absent", "failed"]]] = {
    "in-progress": "announced",
    "paused": "announced",
    "stopped": "announced",
    "processing": "announced",
    "completed": "available",
    "absent": "absent",
    "deleted": "absent",  # at Twilio; what is in our store stays
    "failed": "failed",
}
_IN_URL = re.compile(r"/Recordings/(RE[0-9a-fA-F]{32})(?:[./?]|\Z)")


def status(conn: Connection, event: Event) -> str:
    """Notes the recording; one that is complete at Twilio is promised to be fetched."""
    said = payloads.read(event)
    state = _STATES.get(said["status"] or "")
    if state is None:
        return "unknown_status"
    recording = recordings.announce(
        conn,
        recording_sid=said["recording_sid"],
        call_sid=said["call_sid"] or "",
        account_sid=event.account_sid,
        state=state,
        duration_s=said["duration_s"],
        channels=int(said["channels"]) if said["channels"] else None,
        source=said["source"] or event.params.get("RecordingSource", "")[:100] or None,
        track=said["track"],
        started_at=said["started_at"],
        error_code=said["error_code"],
    )
    if recording.state == "available":
        sid = recording.recording_sid
        jobs.promise(conn, "recording.fetch", sid, order_key=recordings.order_key(sid))
    if recording.call_sid:
        _tell_call(conn, event, recording, heard=said["status"] or "")
    return recording.state


def _tell_call(conn: Connection, event: Event, recording: Recording, *, heard: str) -> None:
    """The step goes with the call it was said of; a check or an alarm belongs to the call that this may be a leg of."""
    call_steps.add(
        conn,
        recording.call_sid,
        "recording",
        name=f"{heard} {recording.recording_sid}",
        at=event.received_at,
        detail={"recording_sid": recording.recording_sid, "status": heard},
    )
    call = recording_due.lock(conn, recording.call_sid)
    if call is None:
        return
    if is_due(call.facts):
        jobs.promise(conn, "recording.expect", call.call_sid, delay_s=FIRST_LOOK_S)
    if recording.state == "available" and alerts.resolve(conn, alerts.of_recording(call.call_sid)):
        call_steps.add(conn, call.call_sid, "recording", name="found", at=event.received_at)
        metrics.RECORDINGS.labels("found").inc()
        log.get().info("recording_found", call_sid=call.call_sid, recording_sid=recording.recording_sid)


def expect(conn: Connection, call: Call) -> None:
    """Promises a look for the recordings of a call that is over, if any has to come. For every webhook of a call or leg:
    which fact comes last, nobody knows.
    """
    if call.status not in CALL_FINAL:
        return
    whole = recording_due.lock(conn, call.call_sid)
    if whole is not None and is_due(whole.facts):
        jobs.promise(conn, "recording.expect", whole.call_sid, delay_s=FIRST_LOOK_S)


def note(conn: Connection, event: Event, said: Said) -> None:
    """A call's webhook names a recording: it is announced, should the recording's own callback be lost."""
    sid = said["recording_sid"] or ""
    if not sid and (named := _IN_URL.search(said["recording_url"] or "")):
        sid = named.group(1)
    if sid:
        recordings.announce(
            conn,
            recording_sid=sid,
            call_sid=said["parent_call_sid"] or said["call_sid"],
            account_sid=event.account_sid,
            state="announced",
            duration_s=said["recording_duration_s"],
        )
