"""What is said of a recording: it exists, it can be fetched, or there is none."""

import re
from typing import Final, Literal

from psycopg import Connection

from shared.db import jobs, recordings
from shared.domain.event import Event
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
        jobs.promise(conn, "recording.fetch", recording.recording_sid)
    return recording.state


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
