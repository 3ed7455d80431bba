"""Transcriptions: words of a recording at once, or of a live call piece by piece."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg import Connection
from psycopg.rows import class_row

Status = Literal["in-progress", "completed", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one webhook says of a transcription. None and "" mean: it does not say."""

    transcription_sid: str
    account_sid: str
    status: Status
    at: datetime
    call_sid: str = ""
    recording_sid: str = ""
    text: str = ""
    language: str | None = None
    error_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a live transcription. `sequence` counts within `track`; a partial piece may still change."""

    track: str
    sequence: int
    text: str
    confidence: float | None
    language: str | None
    is_final: bool
    spoken_at: datetime


def merge(conn: Connection, heard: Heard) -> None:
    """Adds what this webhook says; the further status stands, and no column asks which came first."""
    conn.execute(
        """
        insert into transcriptions as t (transcription_sid, call_sid, recording_sid, account_sid, status, text, language,
                                         error_code, started_at)
        values (%(transcription_sid)s, %(call_sid)s, %(recording_sid)s, %(account_sid)s, %(status)s, %(text)s,
                %(language)s, %(error_code)s, %(at)s)
        on conflict (transcription_sid) do update set
            status = case when transcription_rank(excluded.status) > transcription_rank(t.status)
                          then excluded.status else t.status end,
            call_sid = coalesce(nullif(t.call_sid, ''), excluded.call_sid),
            recording_sid = coalesce(nullif(t.recording_sid, ''), excluded.recording_sid),
            text = coalesce(nullif(t.text, ''), excluded.text),
            language = least(t.language, excluded.language),
            error_code = greatest(t.error_code, excluded.error_code),
            started_at = least(t.started_at, excluded.started_at), updated_at = now()
        """,
        {name: getattr(heard, name) for name in Heard.__slots__},
    )


def keep_part(conn: Connection, transcription_sid: str, part: Part) -> None:
    """Keeps a piece; a final one replaces a partial one of its number, never the other way round."""
    conn.execute(
        """
        insert into transcription_parts as p (transcription_sid, track, sequence, text, confidence, language, is_final,
                                              spoken_at)
        values (%(sid)s, %(track)s, %(sequence)s, %(text)s, %(confidence)s, %(language)s, %(is_final)s, %(spoken_at)s)
        on conflict (transcription_sid, track, sequence) do update set
            text = excluded.text, confidence = excluded.confidence, language = excluded.language,
            is_final = excluded.is_final, spoken_at = excluded.spoken_at
         where (excluded.is_final, excluded.spoken_at, excluded.text) > (p.is_final, p.spoken_at, p.text)
        """,
        {"sid": transcription_sid, **{name: getattr(part, name) for name in Part.__slots__}},
    )


def final_parts(conn: Connection, transcription_sid: str) -> list[Part]:
    """What was said, in order within each track. Between tracks Twilio gives no order but `spoken_at`."""
    with conn.cursor(row_factory=class_row(Part)) as cursor:
        return cursor.execute(
            """
            select track, sequence, text, confidence, language, is_final, spoken_at from transcription_parts
             where transcription_sid = %s and is_final order by track, sequence
            """,
            (transcription_sid,),
        ).fetchall()
