"""A live transcription that is over: its pieces become one text, no secret is left over any number of them, and it is told."""

from datetime import UTC, datetime, timedelta
from math import fsum
from typing import Final

from psycopg import Connection

from shared.db import event_words, events, jobs, transcriptions
from shared.db.jobs import Job
from shared.db.transcriptions import Part, Stands, Transcription
from shared.domain.event import Event
from shared.domain.redaction import markers
from shared.domain.transcript import Piece, in_order, joined, without_secrets
from shared.errors import Deferred
from workers import payloads, said
from workers.context import WorkerRuntime

# Twilio's webhooks overtake each other by seconds; what comes later is joined all the same, but told to nobody.
QUIET: Final = timedelta(seconds=10)
# Of one that goes on its end is told by a webhook, which may be lost: so often we look whether its call is over.
LOOK: Final = timedelta(minutes=5)
# Twilio ends every call after a day at most.
LONGEST: Final = timedelta(hours=25)


def heard(conn: Connection, transcription_sid: str, stands: Stands) -> None:
    """Something of it came: what is over is joined once nothing more comes, and what came after that at once."""
    if stands.is_told:
        join(conn, transcription_sid)
        return
    jobs.promise(conn, "transcription.settle", transcription_sid, delay_s=LOOK.total_seconds())
    if stands.status != "in-progress":
        jobs.hurry(conn, "transcription.settle", transcription_sid)


def settle(rt: WorkerRuntime, job: Job) -> None:
    """Joins what was heard. Raises Deferred while something may still come."""
    with rt.db.connection() as conn:
        events.take_turn(conn)
        found = transcriptions.lock(conn, job.ref)
        if found is None:
            return
        now = datetime.now(UTC)
        if found.status != "in-progress" and now < found.said_at + QUIET:
            raise Deferred("more of it may come", until=found.said_at + QUIET)
        if found.status == "in-progress":
            _end(conn, found, now, job.created_at)
        join(conn, job.ref)


def _end(conn: Connection, found: Transcription, now: datetime, begun_at: datetime) -> None:
    is_call_over = transcriptions.is_call_over(conn, found.transcription_sid) and now > found.said_at + LOOK
    if not is_call_over and now < begun_at + LONGEST:
        raise Deferred("it goes on", until=now + LOOK)
    transcriptions.end(conn, found.transcription_sid)


def join(conn: Connection, transcription_sid: str) -> None:
    """Its final pieces as one text, told if it is over. Nothing happens once no word of it may be kept."""
    found = transcriptions.lock(conn, transcription_sid)
    if found is None or transcriptions.is_to_go(conn, recording_sid="", call_sid=found.call_sid):
        return
    parts = {(part.track, part.sequence): part for part in transcriptions.final_parts(conn, transcription_sid)}
    pieces = in_order([Piece(part.track, part.sequence, part.spoken_at, part.text) for part in parts.values()])
    texts = {(piece.track, piece.sequence): text for piece, text in zip(pieces, without_secrets(pieces), strict=True)}
    changed = {place: text for place, text in texts.items() if text != parts[place].text}
    clean = [Piece(one.track, one.sequence, one.spoken_at, texts[one.track, one.sequence]) for one in pieces]
    text = joined(clean, found.labels or {})
    if changed:
        _take_out(conn, transcription_sid, changed)
        said.take_back(conn, transcription_sid, text)
    confidence = _confidence([*parts.values()])
    transcriptions.keep_joined(conn, transcription_sid, text=text, confidence=confidence, redactions=markers(text))
    said.tell(conn, transcription_sid)


def _take_out(conn: Connection, transcription_sid: str, texts: dict[tuple[str, int], str]) -> None:
    """Of the parts, and of the events that brought them. What was said before it was final goes: it may hold as much."""
    transcriptions.reword(conn, transcription_sid, texts)

    def words(event: Event) -> str | None:
        told = payloads.read(event)
        if told["event"] != "transcription-content" or told["transcription_sid"] != transcription_sid:
            return None
        return "" if told["is_final"] is False else texts.get((told["track"] or "", told["sequence"] or 0))

    event_words.reword(conn, transcription_sid, words)


def _confidence(parts: list[Part]) -> float | None:
    """The mean over the pieces that have one."""
    told = [part.confidence for part in parts if part.confidence is not None]
    return round(fsum(told) / len(told), 4) if told else None
