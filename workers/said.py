"""What was said in a recording or a call: kept without its secrets, told once, and not at all once it is to be gone."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from psycopg import Connection

from shared import log, metrics
from shared.db import notifications, transcriptions
from shared.db.transcriptions import Heard, Transcription
from shared.domain.pieces import BETWEEN, redact_pieces
from shared.domain.redaction import markers, redact

# Words that a notification carries; the rest is read at the API. Subscribers take bodies of this size without a thought.
TOLD_BYTES: Final = 16_384


def record(conn: Connection, heard: Heard) -> bool:
    """Keeps what was heard and tells of its end, once, in the caller's transaction.

    False, and nothing happens, once the deletion of what it was said in was asked for.
    """
    if transcriptions.is_to_go(conn, recording_sid=heard.recording_sid, call_sid=heard.call_sid):
        return False
    transcriptions.merge(conn, cleaned(heard))
    tell(conn, heard.transcription_sid)
    return True


def tell(conn: Connection, transcription_sid: str) -> None:
    """Tells the subscribers how it has ended, if it has and they were not told before."""
    ended = transcriptions.mark_told(conn, transcription_sid)
    if ended is None:
        return
    tenant_id = transcriptions.tenant_of(conn, transcription_sid)
    notifications.notify(
        conn, "transcription.failed" if ended.status == "failed" else "transcription.completed",
        subject=transcription_sid, tenant_id=tenant_id, order_key=_order_key(ended), data=_told(ended, tenant_id),
    )  # fmt: skip
    metrics.TRANSCRIPTIONS.labels(ended.provider, ended.status).inc()
    log.get().info(
        "transcription_ended", transcription_sid=transcription_sid, recording_sid=ended.recording_sid,
        call_sid=ended.call_sid, provider=ended.provider, status=ended.status, redactions=ended.redactions,
    )  # fmt: skip


def take_back(conn: Connection, transcription_sid: str, text: str) -> None:
    """This is all that it may have said: another secret was found in it after that was promised to the subscribers."""
    told = _beginning(text)
    changed = {"text": told, "is_truncated": len(told) < len(text), "redactions": markers(text)}
    notifications.restate_words(conn, [transcription_sid], changed)


def cleaned(heard: Heard) -> Heard:
    """Without the secrets that it holds, which it counts.

    Where the segments show fewer than the text does, they may still hold one that only the text has shown: they go.
    """
    text, segments = redact(heard.text)[0], _clean_segments(heard.segments)
    said = BETWEEN.join(one["text"] for one in segments or ())
    if not text or markers(said) > markers(text):
        text = said or text
    if segments is not None and markers(said) < markers(text):
        segments = None
    return replace(heard, text=text, segments=segments, redactions=markers(text))


def _clean_segments(segments: Sequence[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    """Only what is known of a segment: lists of single words would hold what was taken out."""
    if segments is None:
        return None
    texts = redact_pieces([str(one.get("text", "")) for one in segments])
    return [
        {"start_s": one.get("start_s"), "end_s": one.get("end_s"), "text": text}
        for one, text in zip(segments, texts, strict=True)
    ]


def _order_key(ended: Transcription) -> str:
    """Of a recording, before the word of its deletion."""
    return f"recording|{ended.recording_sid}" if ended.recording_sid else f"call|{ended.call_sid}"


def _told(ended: Transcription, tenant_id: str | None) -> dict[str, Any]:
    text = _beginning(ended.text)
    of_recording, of_call = ended.recording_sid or None, ended.call_sid or None
    path = f"/api/recordings/{of_recording}/transcription" if of_recording else f"/api/calls/{of_call}/transcriptions"
    return {
        "transcription_sid": ended.transcription_sid, "recording_sid": of_recording, "call_sid": of_call,
        "tenant_id": tenant_id, "status": ended.status, "provider": ended.provider, "language": ended.language,
        "confidence": ended.confidence, "redactions": ended.redactions, "text": text,
        "is_truncated": len(text) < len(ended.text), "is_erased": False, "error_code": ended.error_code,
        "error_reason": ended.error_reason, "transcription_url": path if of_recording or of_call else None,
    }  # fmt: skip


def _beginning(text: str) -> str:
    return text.encode()[:TOLD_BYTES].decode(errors="ignore")
