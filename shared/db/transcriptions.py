"""Transcriptions: words of a recording at once, or of a live call piece by piece."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

Status = Literal["in-progress", "completed", "failed"]
Provider = Literal["twilio", "http"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one webhook, or one answer of an engine, says of a transcription. None and "" mean: it does not say.

    `segments` are what was heard when: `start_s`, `end_s` and `text` of each. `redactions` counts the secrets that were
    taken out of the words.
    """

    transcription_sid: str
    account_sid: str
    status: Status
    at: datetime
    call_sid: str = ""
    recording_sid: str = ""
    text: str = ""
    language: str | None = None
    error_code: int | None = None
    provider: Provider = "twilio"
    confidence: float | None = None
    redactions: int = 0
    segments: Sequence[dict[str, Any]] | None = None
    error_reason: str | None = None


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
    """Adds what is said here; the further status stands, and no column asks which came first.

    What belongs to the words goes with them: of two texts the one that sorts last stands, with its own confidence, segments
    and count of redactions.
    """
    conn.execute(
        """
        insert into transcriptions as t (transcription_sid, call_sid, recording_sid, account_sid, status, text, language,
                                         error_code, provider, confidence, redactions, segments, error_reason, started_at)
        values (%(transcription_sid)s, %(call_sid)s, %(recording_sid)s, %(account_sid)s, %(status)s, %(text)s,
                %(language)s, %(error_code)s, %(provider)s, %(confidence)s, %(redactions)s, %(segments)s,
                %(error_reason)s, %(at)s)
        on conflict (transcription_sid) do update set
            status = case when transcription_rank(excluded.status) > transcription_rank(t.status)
                          then excluded.status else t.status end,
            call_sid = coalesce(nullif(t.call_sid, ''), excluded.call_sid),
            recording_sid = coalesce(nullif(t.recording_sid, ''), excluded.recording_sid),
            (text, confidence, redactions, segments) = (
                select said.text, said.confidence, said.redactions, said.segments
                  from (values (t.text, t.confidence, t.redactions, t.segments),
                               (excluded.text, excluded.confidence, excluded.redactions, excluded.segments))
                       as said (text, confidence, redactions, segments)
                 order by said.text desc, said.redactions desc, said.confidence desc nulls last,
                          said.segments desc nulls last limit 1),
            language = least(t.language, excluded.language),
            error_code = greatest(t.error_code, excluded.error_code),
            error_reason = least(t.error_reason, excluded.error_reason),
            started_at = least(t.started_at, excluded.started_at), updated_at = now()
        """,
        {name: getattr(heard, name) for name in Heard.__slots__}
        | {"segments": None if heard.segments is None else Jsonb(list(heard.segments))},
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
