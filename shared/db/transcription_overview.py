"""Transcriptions as their readers look at them: whose they are, what was said, and where a word was said."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import class_row

from shared.db.ids import as_uuid
from shared.db.transcriptions import IS_TO_GO, OWNER

# The marks around what was found. Nobody says these characters (private use); what a text has of them is taken out.
HIT, HIT_END = "\ue000", "\ue001"

_COLUMNS: LiteralString = """
    t.transcription_sid, nullif(t.recording_sid, '') as recording_sid, coalesce(owner.call_sid, t.call_sid) as call_sid,
    owner.tenant_id, t.status, t.provider, t.language, t.confidence, t.redactions, t.error_code, t.error_reason,
    t.started_at, t.updated_at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptionOverview:
    """One transcription. `excerpt` is there if it was searched for: the words around a hit, which stands between marks."""

    transcription_sid: str
    recording_sid: str | None
    call_sid: str
    tenant_id: str | None
    status: str
    provider: str
    language: str | None
    confidence: float | None
    redactions: int
    error_code: int | None
    error_reason: str | None
    started_at: datetime
    updated_at: datetime
    text: str = ""
    segments: list[dict[str, Any]] | None = None
    excerpt: str = ""


def find(conn: Connection, sid: str) -> TranscriptionOverview | None:
    """By the SID of the transcription or of its recording: with words rather than without, then the newest.

    Whether it is to go is not looked at here.
    """
    with conn.cursor(row_factory=class_row(TranscriptionOverview)) as cursor:
        return cursor.execute(
            f"""
            select {_COLUMNS}, t.text, t.segments from transcriptions t {OWNER}
             where t.recording_sid = %(sid)s and t.recording_sid <> '' or t.transcription_sid = %(sid)s
             order by t.status = 'completed' desc, t.text <> '' desc, t.updated_at desc, t.transcription_sid limit 1
            """,
            {"sid": sid},
        ).fetchone()


def of_call(conn: Connection, call_id: str) -> list[TranscriptionOverview]:
    """All of a call, by our id or its CallSid, of its legs, and of their recordings; without those that are to go."""
    with conn.cursor(row_factory=class_row(TranscriptionOverview)) as cursor:
        return cursor.execute(
            f"""
            with legs as (
                select leg.call_sid from calls call
                  join calls leg on leg.call_sid = call.call_sid or leg.parent_call_sid = call.call_sid
                 where call.call_sid = %(sid)s or call.id = %(id)s)
            select {_COLUMNS}, t.text, t.segments from transcriptions t {OWNER}
             where (t.call_sid in (select call_sid from legs) or t.recording_sid in (
                    select x.recording_sid from recordings x where x.call_sid in (select call_sid from legs)))
               and not ({IS_TO_GO})
             order by t.started_at desc, t.transcription_sid desc
            """,
            {"sid": call_id, "id": as_uuid(call_id)},
        ).fetchall()


def search(
    conn: Connection, filters: Mapping[str, Any], *, limit: int, after: tuple[datetime, str] | None
) -> list[TranscriptionOverview]:
    """Those in which `q` was said (names of `_FILTERS`; None is no filter), newest first, behind the row `after`.

    `q` is as people write it: words, "a phrase", or, -without. `owner` is the tenant beyond whom the caller sees nothing.
    Excerpts are made of what is shown only: each costs as much as its text is long.
    """
    at, sid = after or (None, None)
    with conn.cursor(row_factory=class_row(TranscriptionOverview)) as cursor:
        return cursor.execute(
            _SEARCH, {**{name: filters.get(name) for name in _FILTERS}, "limit": limit, "at": at, "sid": sid, **_MARKS}
        ).fetchall()


_FILTERS: Final = ("q", "owner", "tenant_id", "since", "until")
_MARKS: Final = {
    "marks": HIT + HIT_END,
    "headline": f"StartSel={HIT}, StopSel={HIT_END}, MaxWords=30, MinWords=10, MaxFragments=3, FragmentDelimiter=\" … \"",
}  # fmt: skip
_SEARCH: LiteralString = f"""
    with found as (
        select {_COLUMNS}, left(t.text, 200000) as words from transcriptions t {OWNER}
         where to_tsvector('simple', left(t.text, 200000)) @@ websearch_to_tsquery('simple', %(q)s)
           and (%(owner)s::text is null or owner.tenant_id = %(owner)s)
           and (%(tenant_id)s::text is null or owner.tenant_id = %(tenant_id)s)
           and (%(since)s::timestamptz is null or t.started_at >= %(since)s)
           and (%(until)s::timestamptz is null or t.started_at < %(until)s)
           and (%(at)s::timestamptz is null or (t.started_at, t.transcription_sid) < (%(at)s, %(sid)s))
           and not ({IS_TO_GO})
         order by t.started_at desc, t.transcription_sid desc limit %(limit)s)
    select transcription_sid, recording_sid, call_sid, tenant_id, status, provider, language, confidence, redactions,
           error_code, error_reason, started_at, updated_at,
           ts_headline('simple', translate(words, %(marks)s, ''), websearch_to_tsquery('simple', %(q)s),
                       %(headline)s) as excerpt
      from found order by started_at desc, transcription_sid desc
"""
