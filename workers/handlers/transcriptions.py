"""What is said of a transcription: words of a recording at once, or of a live call piece by piece."""

from typing import Final

from psycopg import Connection

from shared.db import transcriptions
from shared.db.transcriptions import Heard, Part, Status
from shared.domain import loose_json
from shared.domain.event import Event
from shared.domain.redaction import redact
from workers import payloads
from workers.payloads import Said
from workers.payloads.fields import Share

_STEPS: Final[dict[str, Status]] = {
    "transcription-started": "in-progress",
    "transcription-content": "in-progress",
    "transcription-stopped": "completed",
    "transcription-error": "failed",
}


def of_recording(conn: Connection, event: Event) -> str:
    """`<Record transcribe>` is done, or could not do it."""
    said = payloads.read(event)
    status: Status = said["status"] or ("completed" if said["text"] else "in-progress")
    transcriptions.merge(
        conn,
        Heard(
            transcription_sid=said["transcription_sid"],
            account_sid=event.account_sid,
            status=status,
            at=event.received_at,
            call_sid=said["call_sid"] or "",
            recording_sid=said["recording_sid"] or "",
            text=redact(said["text"] or "")[0],
            language=said["language"],
            error_code=said["error_code"],
        ),
    )
    return status


def live(conn: Connection, event: Event) -> str:
    """A live transcription started, heard something, stopped or failed."""
    said = payloads.read(event)
    if said["event"] is None:
        return "unknown_status"
    transcriptions.merge(
        conn,
        Heard(
            transcription_sid=said["transcription_sid"],
            account_sid=event.account_sid,
            status=_STEPS[said["event"]],
            at=said["at"] or event.received_at,
            call_sid=said["call_sid"] or "",
            language=said["language"],
            error_code=said["error_code"],
        ),
    )
    return _keep_part(conn, event, said) if said["event"] == "transcription-content" else _STEPS[said["event"]]


def _keep_part(conn: Connection, event: Event, said: Said) -> str:
    """Without a track or a number a piece has no place among the others: it stays in the raw event."""
    if said["track"] is None or said["sequence"] is None:
        return "unplaced"
    heard = loose_json.members(said["said"] or "")
    part = Part(
        track=said["track"],
        sequence=said["sequence"],
        text=redact(loose_json.scalar(heard, "transcript"))[0],
        confidence=Share.of(loose_json.scalar(heard, "confidence")),
        language=said["language"],
        is_final=said["is_final"] is not False,  # partial results must be asked for
        spoken_at=said["at"] or event.received_at,
    )
    transcriptions.keep_part(conn, said["transcription_sid"], part)
    return "noted"
