"""What is said of a transcription: words of a recording at once, or of a live call piece by piece."""

from typing import Final

from psycopg import Connection

from shared.db import event_words, transcriptions
from shared.db.transcriptions import Heard, Part, Status
from shared.domain import loose_json
from shared.domain.event import Event
from shared.domain.redaction import redact
from workers import live_words, payloads, said
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
    told = payloads.read(event)
    status: Status = told["status"] or ("completed" if told["text"] else "in-progress")
    heard = Heard(
        transcription_sid=told["transcription_sid"],
        account_sid=event.account_sid,
        status=status,
        at=event.received_at,
        call_sid=told["call_sid"] or "",
        recording_sid=told["recording_sid"] or "",
        text=told["text"] or "",
        language=told["language"],
        error_code=told["error_code"],
    )
    return status if said.record(conn, heard) else _erased(conn, heard.transcription_sid)


def live(conn: Connection, event: Event) -> str:
    """A live transcription started, heard something, stopped or failed."""
    told = payloads.read(event)
    if told["event"] is None:
        return "unknown_status"
    sid, call_sid = told["transcription_sid"], told["call_sid"] or ""
    if transcriptions.is_to_go(conn, recording_sid="", call_sid=call_sid):
        return _erased(conn, sid)
    labels = {"inbound_track": told["inbound_label"], "outbound_track": told["outbound_label"]}
    stands = transcriptions.merge(
        conn,
        Heard(
            transcription_sid=sid,
            account_sid=event.account_sid,
            status=_STEPS[told["event"]],
            at=told["at"] or event.received_at,
            call_sid=call_sid,
            language=told["language"],
            error_code=told["error_code"],
            labels={track: label for track, label in labels.items() if label} or None,
        ),
    )
    outcome = _keep_part(conn, event, told) if told["event"] == "transcription-content" else _STEPS[told["event"]]
    live_words.heard(conn, sid, stands)
    return outcome


def _erased(conn: Connection, transcription_sid: str) -> str:
    """What it was said in is gone or going, and the words do not stay behind in the event either."""
    event_words.take_out(conn, transcription_sid)
    return "erased"


def _keep_part(conn: Connection, event: Event, told: Said) -> str:
    """Without a track or a number a piece has no place among the others: it stays in the raw event."""
    if told["track"] is None or told["sequence"] is None:
        return "unplaced"
    heard = loose_json.members(told["said"] or "")
    part = Part(
        track=told["track"],
        sequence=told["sequence"],
        text=redact(loose_json.scalar(heard, "transcript"))[0],
        confidence=Share.of(loose_json.scalar(heard, "confidence")),
        language=told["language"],
        is_final=told["is_final"] is not False,  # partial results must be asked for
        spoken_at=told["at"] or event.received_at,
    )
    transcriptions.keep_part(conn, told["transcription_sid"], part)
    return "noted"
