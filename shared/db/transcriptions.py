"""Transcriptions: words of a recording at once, or of a live call piece by piece."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, LiteralString, NamedTuple

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.db import event_words, notifications

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
    labels: Mapping[str, str] | None = None  # of the tracks of a live one, by track


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcription:
    """What is known of one. `said_at`: when something new of it was heard last."""

    transcription_sid: str
    recording_sid: str
    call_sid: str
    status: Status
    provider: Provider
    text: str
    language: str | None
    confidence: float | None
    redactions: int
    error_code: int | None
    error_reason: str | None
    labels: dict[str, str] | None
    said_at: datetime


_COLUMNS: Final[LiteralString] = """
    transcription_sid, recording_sid, call_sid, status, provider, text, language, confidence, redactions, error_code,
    error_reason, labels, updated_at as said_at
"""
# All calls that are one with that of `t`: it, the call it is a leg of, and that one's legs.
_FAMILY: Final[LiteralString] = """
    select t.call_sid union all
    select leg.call_sid from calls self
      join calls leg on leg.call_sid = coalesce(self.parent_call_sid, self.call_sid)
                     or leg.parent_call_sid = coalesce(self.parent_call_sid, self.call_sid)
     where self.call_sid = t.call_sid and t.call_sid <> ''
"""
# Whether what was said is to be gone: with its recording; of a live one, with the last recording of its call that there is.
IS_TO_GO: Final[LiteralString] = f"""
    case when t.recording_sid <> '' then exists (
        select from recordings x left join recording_deletions d using (recording_sid)
         where x.recording_sid = t.recording_sid and (d.recording_sid is not null or x.state = 'deleted'))
    else coalesce((
        select bool_and(d.recording_sid is not null or x.state = 'deleted')
          from recordings x left join recording_deletions d using (recording_sid)
         where x.call_sid in ({_FAMILY}) and x.state not in ('absent', 'failed')), false)
    end
"""

# A webhook of a transcription need not name the call: then it is that of its recording.
OWNER: Final[LiteralString] = """
    left join recordings r on r.recording_sid = nullif(t.recording_sid, '')
    left join lateral (
        select c.call_sid, coalesce(c.tenant_id, p.tenant_id) as tenant_id
          from calls c left join calls p on p.call_sid = c.parent_call_sid
         where c.call_sid = coalesce(nullif(t.call_sid, ''), r.call_sid)
    ) owner on true
"""


def is_to_go(conn: Connection, *, recording_sid: str, call_sid: str) -> bool:
    """Whether no word of this may be kept any more. Until the transaction ends no deletion is asked for."""
    said = {"recording": recording_sid, "call": call_sid}
    conn.execute(
        f"""
        select from recordings x, (select %(recording)s::text as recording_sid, %(call)s::text as call_sid) t
         where case when t.recording_sid <> '' then x.recording_sid = t.recording_sid
                    else x.call_sid in ({_FAMILY}) and x.call_sid <> '' end
           for share of x
        """,
        said,
    )
    row = conn.execute(
        f"select {IS_TO_GO} from (select %(recording)s::text as recording_sid, %(call)s::text as call_sid) t", said
    ).fetchone()
    return bool(row and row[0])


class Stands(NamedTuple):
    """How far it is, and whether its end was told."""

    status: Status
    is_told: bool


def merge(conn: Connection, heard: Heard) -> Stands:
    """Adds what is said here; the further status stands, and no column asks which came first. Returns what stands.

    What belongs to the words goes with them: of two texts the one that sorts last stands, with its own confidence, segments
    and count of redactions.
    """
    row = conn.execute(
        """
        insert into transcriptions as t (transcription_sid, call_sid, recording_sid, account_sid, status, text, language,
                                         error_code, provider, confidence, redactions, segments, error_reason, labels,
                                         started_at)
        values (%(transcription_sid)s, %(call_sid)s, %(recording_sid)s, %(account_sid)s, %(status)s, %(text)s,
                %(language)s, %(error_code)s, %(provider)s, %(confidence)s, %(redactions)s, %(segments)s,
                %(error_reason)s, %(labels)s, %(at)s)
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
            labels = greatest(t.labels, excluded.labels),
            started_at = least(t.started_at, excluded.started_at), updated_at = now()
        returning status, told_at is not null
        """,
        {name: getattr(heard, name) for name in Heard.__slots__}
        | {
            "segments": None if heard.segments is None else Jsonb(list(heard.segments)),
            "labels": None if heard.labels is None else Jsonb(dict(heard.labels)),
        },
    ).fetchone()
    assert row is not None  # an upsert returns its row
    return Stands(*row)


def lock(conn: Connection, transcription_sid: str) -> Transcription | None:
    """Its row is this transaction's."""
    with conn.cursor(row_factory=class_row(Transcription)) as cursor:
        return cursor.execute(
            f"select {_COLUMNS} from transcriptions where transcription_sid = %s for update", (transcription_sid,)
        ).fetchone()


def mark_told(conn: Connection, transcription_sid: str) -> Transcription | None:
    """What is to be told of one that has ended. None: it goes on, or that was told before."""
    with conn.cursor(row_factory=class_row(Transcription)) as cursor:
        return cursor.execute(
            f"""
            update transcriptions set told_at = now()
             where transcription_sid = %s and told_at is null and status in ('completed', 'failed')
            returning {_COLUMNS}
            """,
            (transcription_sid,),
        ).fetchone()


def tenant_of(conn: Connection, transcription_sid: str) -> str | None:
    """Whose it is: the tenant of its call or, of a leg, of the call that is a leg of."""
    row = conn.execute(
        f"select owner.tenant_id from transcriptions t {OWNER} where t.transcription_sid = %s", (transcription_sid,)
    ).fetchone()
    return row[0] if row else None


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


def end(conn: Connection, transcription_sid: str) -> None:
    """It is over, though nobody has said so: its call is."""
    conn.execute(
        "update transcriptions set status = 'completed' where transcription_sid = %s and status = 'in-progress'",
        (transcription_sid,),
    )


def is_call_over(conn: Connection, transcription_sid: str) -> bool:
    """Whether the call that is transcribed has ended."""
    row = conn.execute(
        """
        select c.ended_at is not null from transcriptions t join calls c using (call_sid) where t.transcription_sid = %s
        """,
        (transcription_sid,),
    ).fetchone()
    return bool(row and row[0])


def reword(conn: Connection, transcription_sid: str, texts: Mapping[tuple[str, int], str]) -> None:
    """Other words for these final parts, by track and number. Partial ones go: they may hold what was taken out."""
    conn.execute("delete from transcription_parts where transcription_sid = %s and not is_final", (transcription_sid,))
    for (track, sequence), text in texts.items():
        conn.execute(
            "update transcription_parts set text = %s where transcription_sid = %s and track = %s and sequence = %s",
            (text, transcription_sid, track, sequence),
        )


def keep_joined(
    conn: Connection, transcription_sid: str, *, text: str, confidence: float | None, redactions: int
) -> None:
    """What its parts say together, in place of what they said before."""
    conn.execute(
        "update transcriptions set text = %s, confidence = %s, redactions = %s where transcription_sid = %s",
        (text, confidence, redactions, transcription_sid),
    )


def erase(conn: Connection, recording_sid: str) -> None:
    """No word is left of what was said in the recording, here or in what is told of it; that there was something stays known.

    Of a call whose last recording this was, what was heard while it went on goes too.
    """
    sids = [
        row[0]
        for row in conn.execute(
            f"""
            select t.transcription_sid from transcriptions t where t.recording_sid = %(sid)s
            union
            select t.transcription_sid
              from recordings own join calls c using (call_sid)
              join calls leg on leg.call_sid = coalesce(c.parent_call_sid, c.call_sid)
                             or leg.parent_call_sid = coalesce(c.parent_call_sid, c.call_sid)
              join transcriptions t on t.call_sid = leg.call_sid and t.call_sid <> '' and t.recording_sid = ''
             where own.recording_sid = %(sid)s and {IS_TO_GO}
            """,
            {"sid": recording_sid},
        ).fetchall()
    ]
    conn.execute("delete from transcription_parts where transcription_sid = any(%s)", (sids,))
    conn.execute(
        """
        update transcriptions set text = '', segments = null, labels = null, updated_at = now()
         where transcription_sid = any(%s) and (text <> '' or segments is not null or labels is not null)
        """,
        (sids,),
    )
    notifications.restate_words(conn, sids, {"text": "", "is_truncated": False, "is_erased": True})
    for sid in (recording_sid, *sids):
        event_words.take_out(conn, sid)
