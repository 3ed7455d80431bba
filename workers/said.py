"""What was said in a recording or a call: kept without its secrets, told once, and not at all once it is to be gone."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from psycopg import Connection

from shared.db import recordings, transcriptions
from shared.db.transcriptions import Heard
from shared.domain.pieces import BETWEEN, redact_pieces
from shared.domain.redaction import markers, redact


def record(conn: Connection, heard: Heard) -> None:
    """Keeps what was heard, in the caller's transaction. Nothing happens once the recording's deletion was asked for."""
    if heard.recording_sid and recordings.is_to_go(conn, heard.recording_sid):
        return
    transcriptions.merge(conn, cleaned(heard))


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
