"""Bringing one recording from Twilio into the store: fetched, checked, stored, in that order and resumable."""

import tempfile
import time
import wave
from typing import IO, Final

from psycopg import Connection

from shared import log, metrics
from shared.db import notifications, recordings
from shared.db.jobs import Job
from shared.db.recordings import Recording
from shared.domain.recording_key import object_key
from shared.domain.sound import Sound
from shared.domain.status import RECORDING_FINAL
from shared.errors import Permanent, Transient, TwilioServerError
from workers.context import WorkerRuntime

# Twilio rounds a duration to whole seconds, and cuts silence while it measures.
TOLERANCE_S: Final = 1.0
# Up to here a recording is held in memory, above it in a file: a minute of mono WAV is one megabyte.
_SPOOL_BYTES: Final = 1_000_000
_FRAMES_AT_ONCE: Final = 32_768  # four seconds of 8 kHz sound, so that memory stays small


def fetch(rt: WorkerRuntime, job: Job) -> None:
    """Stores the recording of this job, unless it is stored. Raises an outcome of `shared.errors`."""
    with rt.db.connection() as conn:
        recording = recordings.find(conn, job.ref)
    if recording is None:
        raise Permanent("no such recording")
    if recording.state in RECORDING_FINAL:
        return
    started = time.perf_counter()
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as file:
        sound = rt.twilio.fetch_recording(recording.recording_sid, into=file)
        _advance(rt, recording, "fetched")
        check(file, recording.duration_s)
        _advance(rt, recording, "verified")
        file.seek(0)
        key = _key(rt, recording, sound)
        rt.store.put(key, file, sound)
    _record(rt, recording, key, sound)
    metrics.RECORDING_SECONDS.observe(time.perf_counter() - started)


def give_up(conn: Connection, job: Job, outcome: TwilioServerError) -> None:
    """It could not be had: a person has to look, and the subscribers are told."""
    if not recordings.advance(conn, job.ref, "failed", reason=outcome.reason):
        return
    metrics.RECORDINGS.labels("failed").inc()
    if failed := recordings.find(conn, job.ref):
        _notify(conn, "recording.failed", failed)


def _key(rt: WorkerRuntime, recording: Recording, sound: Sound) -> str:
    with rt.db.connection() as conn:
        tenant_id = recordings.tenant_of(conn, recording.recording_sid)
    return object_key(
        tenant_id, recording.announced_at, recording.recording_sid, copy=recording.copy, suffix=sound.suffix
    )


def check(file: IO[bytes], duration_s: int | None) -> None:
    """The file is a WAV and its sound is as long as Twilio said. Raises Transient: a later try may be.

    The sound is counted, not taken from the header: that is written first, and a file cut short keeps it.
    """
    file.seek(0)
    try:
        with wave.open(file, "rb") as audio:
            width = audio.getnchannels() * audio.getsampwidth()
            length_s = _bytes_of_sound(audio) / width / audio.getframerate()
    except (wave.Error, EOFError, ZeroDivisionError) as fault:
        raise Transient(f"media_unreadable: {fault}") from fault
    if duration_s is not None and abs(length_s - duration_s) > TOLERANCE_S:
        raise Transient(f"media_length: {length_s:.1f} s instead of {duration_s} s")


def _bytes_of_sound(audio: wave.Wave_read) -> int:
    total = 0
    while chunk := audio.readframes(_FRAMES_AT_ONCE):
        total += len(chunk)
    return total


def _advance(rt: WorkerRuntime, recording: Recording, state: recordings.State) -> None:
    with rt.db.connection() as conn:
        recordings.advance(conn, recording.recording_sid, state)


def _record(rt: WorkerRuntime, recording: Recording, key: str, sound: Sound) -> None:
    with rt.db.connection() as conn:
        new = recordings.mark_stored(conn, recording.recording_sid, object_key=key, sound=sound)
        stored = recordings.find(conn, recording.recording_sid)
        if new and stored is not None:
            _notify(conn, "recording.available", stored)
    metrics.RECORDINGS.labels("stored").inc()
    metrics.RECORDING_BYTES.inc(sound.size_bytes)
    log.get().info("recording_stored", recording_sid=recording.recording_sid, size_bytes=sound.size_bytes)


def _notify(conn: Connection, type_: str, recording: Recording) -> None:
    """Thin on purpose: what it is and how to ask for it, no link that gives the sound to whoever reads it."""
    notifications.notify(
        conn,
        type_,
        subject=recording.recording_sid,
        tenant_id=recordings.tenant_of(conn, recording.recording_sid),
        order_key=f"recording|{recording.recording_sid}",
        data={
            "recording_sid": recording.recording_sid,
            "call_sid": recording.call_sid,
            "state": recording.state,
            "duration_s": recording.duration_s,
            "channels": recording.channels,
            "size_bytes": recording.size_bytes,
            "sha256": recording.sha256.hex() if recording.sha256 else None,
            "error_reason": recording.error_reason,
        },
    )
