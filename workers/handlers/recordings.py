"""What a recording's callback means: it exists, it can be fetched, or there is none."""

from typing import Final, Literal

from psycopg import Connection

from shared.db import jobs, recordings
from shared.domain.event import Event

_STATES: Final[dict[str, Literal["announced", "available", "absent", "failed"]]] = {
    "in-progress": "announced",
    "paused": "announced",
    "stopped": "announced",
    "processing": "announced",
    "completed": "available",
    "absent": "absent",
    "failed": "failed",
}


def status(conn: Connection, event: Event) -> str:
    """Notes the recording; one that is complete at Twilio is promised to be fetched."""
    posted = event.params
    state = _STATES.get(posted["RecordingStatus"])
    if state is None:
        return "unknown_status"
    channels = posted.get("RecordingChannels")
    duration = posted.get("RecordingDuration", "")
    recording = recordings.announce(
        conn,
        recording_sid=posted["RecordingSid"],
        call_sid=posted.get("CallSid", ""),
        account_sid=event.account_sid,
        state=state,
        duration_s=int(duration) if duration.isascii() and duration.isdigit() and len(duration) < 10 else None,
        channels=int(channels) if channels in ("1", "2") else None,
        source=posted.get("RecordingSource") or None,
    )
    if recording.state == "available":
        jobs.promise(conn, "recording.fetch", recording.recording_sid)
    return recording.state
