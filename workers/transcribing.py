"""Having a stored recording written down by an engine. Whatever comes of that, the recording is as it was."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Literal

from psycopg import Connection

from shared import log, metrics, transcriber
from shared.db import jobs, recording_damage, recordings
from shared.db.jobs import Job
from shared.db.recordings import Recording
from shared.db.transcriptions import Heard
from shared.domain.sound import Sound
from shared.errors import Damaged, Deferred, Permanent, Transient, TwilioServerError, Unreadable
from shared.settings import Settings
from shared.store.verified import verified
from workers import said
from workers.context import WorkerRuntime
from workers.execute import Result, Step, caught

# Below, nobody says anything, and engines invent something (Twilio's own takes none of under two seconds either).
SHORTEST_S: Final = 2
# Two hours: what takes longer is no telephone call that somebody would read, and no engine has the time for it.
LONGEST_S: Final = 7_200
# Beside what the engine may take: to read the first block from the store, and to write what was heard.
LEASE_S: Final = 60.0
# An answer that nobody can read may be a proxy's in place of the engine's; after so many it is the engine's own.
UNREADABLE_TRIES: Final = 4
# A damaged copy is fetched anew within minutes, if Twilio has it and nobody has to look first.
MENDED_S: Final = 900
MENDED_WITHIN_S: Final = 86_400
# A mono WAV's, for a recording whose length nobody has said; an MP3 takes longer for its size, and gets less time.
_BYTES_A_SECOND: Final = 16_000


def promise(conn: Connection, settings: Settings, recording: Recording) -> None:
    """Promises the words of a recording that is stored now, if an engine is there for them and it is worth its while."""
    if settings.transcription != "http" or recordings.is_to_go(conn, recording.recording_sid):
        return
    if not SHORTEST_S <= _length_s(recording) <= LONGEST_S:
        log.get().info(
            "transcription_skipped", recording_sid=recording.recording_sid, length_s=round(_length_s(recording))
        )
        return
    jobs.promise(conn, "transcription.request", recording.recording_sid)


def begin(settings: Settings, conn: Connection, asked: Sequence[Job]) -> Step:
    """A lease covers what the engine may take for just this sound, so that a short one is soon taken up again after a kill."""
    for job in asked:
        recording = recordings.find(conn, job.ref)
        if recording is not None:
            jobs.hold(conn, job, LEASE_S + transcriber.deadline_s(_length_s(recording)))
    return lambda rt: [caught(request, rt, job) for job in asked]


def request(rt: WorkerRuntime, job: Job) -> Heard | None:
    """Asks the engine for the words of this job's recording. None: its deletion was asked for, so nobody wants them."""
    recording = _wanted(rt, job)
    if recording is None:
        return None
    started = time.perf_counter()
    words = _words(rt, job, recording)
    took_s = time.perf_counter() - started
    metrics.TRANSCRIPTION_SECONDS.observe(took_s)
    log.get().info(
        "recording_transcribed",
        recording_sid=recording.recording_sid,
        length_s=recording.duration_s,
        took_s=round(took_s, 3),
    )
    return _heard(
        recording,
        status="completed",
        text=words.text,
        language=words.language or rt.settings.transcription_language or None,
        confidence=words.confidence,
        segments=words.segments,
    )


def finish(conn: Connection, results: Sequence[tuple[Job, Result]]) -> None:
    """Records what was heard, in the transaction that ends the job: killed before, the engine is asked once more."""
    for _, heard in results:
        if heard is not None:
            said.record(conn, heard)


def give_up(conn: Connection, job: Job, outcome: TwilioServerError) -> None:
    """There will be no words. Whoever waits for them is told; the recording is as good as ever."""
    recording = recordings.find(conn, job.ref)
    log.get().error("transcription_failed", recording_sid=job.ref, reason=outcome.reason)
    if recording is not None:
        said.record(conn, _heard(recording, status="failed", error_reason=outcome.reason))


def _wanted(rt: WorkerRuntime, job: Job) -> Recording | None:
    """The recording, if there is sound to send. Raises Deferred while its copy is damaged, Permanent if it stays so."""
    with rt.db.connection() as conn:
        recording = recordings.find(conn, job.ref)
        is_to_go = recordings.is_to_go(conn, job.ref)
    if recording is None:
        raise Permanent("no such recording")
    if is_to_go or recording.state == "deleted":
        return None
    if recording.damage is not None:
        raise _until_mended(job, recording)
    return recording


def _words(rt: WorkerRuntime, job: Job, recording: Recording) -> transcriber.Words:
    sound = _sound(recording)
    try:
        pieces = verified(partial(rt.store.read, recording.object_key or ""), sound, 0, sound.size_bytes)
        try:
            return transcriber.ask(
                rt.settings,
                pieces,
                size_bytes=sound.size_bytes,
                content_type=sound.content_type,
                length_s=_length_s(recording),
            )
        finally:
            pieces.close()
    except Damaged as damage:
        _note_damage(rt, recording, damage.reason)
        raise _until_mended(job, recording) from damage
    except Unreadable as fault:
        if job.attempts < UNREADABLE_TRIES:
            raise Transient(fault.reason) from fault
        raise


def _note_damage(rt: WorkerRuntime, recording: Recording, reason: str) -> None:
    """Nobody hears it from now on, a person is told, and while Twilio has it, it is fetched again."""
    sid = recording.recording_sid
    log.get().error("recording_damaged", recording_sid=sid, damage=reason)
    with rt.db.connection() as conn:
        recording_damage.mark(conn, sid, reason, object_key=recording.object_key or "")


def _heard(recording: Recording, *, status: Literal["completed", "failed"], **said_of: Any) -> Heard:
    """Of this recording's only transcription by an engine: asked twice after a kill, it is still one."""
    return Heard(
        transcription_sid=f"http:{recording.recording_sid}",
        account_sid=recording.account_sid,
        call_sid=recording.call_sid,
        recording_sid=recording.recording_sid,
        provider="http",
        status=status,
        at=datetime.now(UTC),
        **said_of,
    )


def _until_mended(job: Job, recording: Recording) -> Deferred | Permanent:
    """Only what Twilio has is fetched anew, and not for ever."""
    now = datetime.now(UTC)
    if recording.state == "provider-deleted" or now > job.created_at + timedelta(seconds=MENDED_WITHIN_S):
        return Permanent("recording_damaged")
    return Deferred("the stored copy is damaged", until=now + timedelta(seconds=MENDED_S))


def _length_s(recording: Recording) -> float:
    if recording.duration_s is not None:
        return recording.duration_s
    return (recording.size_bytes or 0) / _BYTES_A_SECOND


def _sound(recording: Recording) -> Sound:
    return Sound(
        recording.size_bytes or 0, recording.sha256 or b"", recording.blocks or b"", recording.content_type or ""
    )
