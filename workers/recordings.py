"""Bringing one recording from Twilio into the store: fetched, checked, planned, stored, in that order and resumable."""

import tempfile
import time
from dataclasses import dataclass
from typing import IO, Final

from psycopg import Connection

from shared import log, metrics
from shared.db import alerts, notifications, recording_deletions, recordings
from shared.db.jobs import Job
from shared.db.recordings import Recording
from shared.domain.recording_key import copy_key, object_key
from shared.domain.sound import Sound
from shared.errors import Damaged, Permanent, Transient, TwilioServerError
from shared.settings import Settings
from shared.store.kept import Receipt
from shared.twilio.media import disk
from workers import recording_deletion, recording_release, transcribing
from workers.context import WorkerRuntime
from workers.sound_check import Heard, check

# Up to here a recording is held in memory, above it in a file: a minute of mono WAV is one megabyte.
_SPOOL_BYTES: Final = 1_000_000
# So often Twilio's word for the number of channels is held against what comes; then sound in fewer beats none.
_CHANNEL_TRIES: Final = 5
# Copies that may lie in our way: each would be of a try that was cut off and brought other bytes.
_COPIES: Final = 5


@dataclass(frozen=True, slots=True)
class _Kept:
    """Where it lies in the store, and what that answered."""

    key: str
    copy: int
    receipt: Receipt


def fetch(rt: WorkerRuntime, job: Job) -> None:
    """Stores the recording of this job, unless it is stored and intact. Raises an outcome of `shared.errors`."""
    recording = _wanted(rt, job.ref)
    if recording is None:
        return
    started = time.perf_counter()
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as file:
        sound, heard = _brought(rt, recording, file, tries=job.attempts)
        kept = _put(rt, recording, file, sound)
    _record(rt, recording, kept, sound, heard)
    metrics.RECORDING_SECONDS.observe(time.perf_counter() - started)


def give_up(conn: Connection, job: Job, outcome: TwilioServerError) -> None:
    """It could not be had: a person has to look, and the subscribers are told."""
    if not recordings.advance(conn, job.ref, "failed", reason=outcome.reason):
        return
    metrics.RECORDINGS.labels("failed").inc()
    if failed := recordings.find(conn, job.ref):
        _notify(conn, "recording.failed", failed)


def after_stored(conn: Connection, settings: Settings, recording: Recording, *, is_first: bool) -> None:
    """What follows once a recording is stored, in the transaction that says so; not `is_first`: for a further copy."""
    recording_release.promise_when_due(conn, settings, recording.recording_sid)
    if is_first:
        transcribing.promise(conn, settings, recording)


def _wanted(rt: WorkerRuntime, sid: str) -> Recording | None:
    """The recording if it is to be fetched: not had yet, or damaged, and nobody has asked for its deletion."""
    with rt.db.connection() as conn:
        recording = recordings.find(conn, sid)
        is_to_go = recordings.is_to_go(conn, sid)
    if recording is None:
        raise Permanent("no such recording")
    if is_to_go or recording.state == "deleted":
        return None
    if recording.state in ("stored", "provider-deleted") and recording.damage is None:
        return None
    if recording.state == "provider-deleted":
        raise Permanent(f"{recording.damage} here, and Twilio has it no more: it was deleted there")
    return recording


def _brought(rt: WorkerRuntime, recording: Recording, file: IO[bytes], *, tries: int) -> tuple[Sound, Heard]:
    """The sound in the file, checked."""
    told = recording.channels
    channels = 2 if rt.settings.recording_channels == "dual" and told != 1 else 1
    sound = rt.twilio.fetch_recording(
        recording.account_sid,
        recording.recording_sid,
        into=file,
        format=rt.settings.recording_format,
        channels=channels,
    )
    _advance(rt, recording, "fetched")
    expected = min(told, channels) if told and tries <= _CHANNEL_TRIES else None
    try:
        heard = check(file, recording.duration_s, is_mp3=sound.suffix == "mp3", channels=expected)
    except OSError as fault:
        raise disk(fault) from fault
    _advance(rt, recording, "verified")
    return sound, heard


def _put(rt: WorkerRuntime, recording: Recording, file: IO[bytes], sound: Sound) -> _Kept:
    """Into the store, beside whatever else lies there: nothing is overwritten. The key is on the row before."""
    first = recording.copy + (recording.damage is not None)
    for copy in range(first, first + _COPIES):
        key = _plan(rt, recording, copy, sound)
        file.seek(0)
        try:
            return _Kept(key, copy, rt.store.put(key, file, sound))
        except Damaged:
            log.get().warning("recording_in_the_way", recording_sid=recording.recording_sid, copy=copy)
    raise Transient("store: other sound lies under every key")


def _plan(rt: WorkerRuntime, recording: Recording, copy: int, sound: Sound) -> str:
    sid = recording.recording_sid
    with rt.db.connection() as conn:
        if recording.object_key:
            key = copy_key(recording.object_key, sid, copy=copy, suffix=sound.suffix)
        else:
            tenant_id = recordings.tenant_of(conn, sid)
            key = object_key(tenant_id, recording.announced_at, sid, copy=copy, suffix=sound.suffix)
        recordings.plan(conn, sid, object_key=key, copy=copy)
    return key


def _advance(rt: WorkerRuntime, recording: Recording, state: recordings.State) -> None:
    with rt.db.connection() as conn:
        recordings.advance(conn, recording.recording_sid, state)


def _record(rt: WorkerRuntime, recording: Recording, kept: _Kept, sound: Sound, heard: Heard) -> None:
    sid = recording.recording_sid
    with rt.db.connection() as conn:
        recording_deletions.lock(conn, sid)
        is_late = recording_deletions.has_begun(conn, sid)
        new = not is_late and recordings.mark_stored(
            conn, sid, object_key=kept.key, sound=sound, copy=kept.copy, receipt=kept.receipt
        )
        if new:
            _follow(conn, rt.settings, recording, heard)
    if is_late:
        _take_back(rt, recording, kept)
    if not new:
        return
    metrics.RECORDINGS.labels("stored").inc()
    metrics.RECORDING_BYTES.inc(sound.size_bytes)
    log.get().info("recording_stored", recording_sid=sid, size_bytes=sound.size_bytes, copy=kept.copy)


def _take_back(rt: WorkerRuntime, recording: Recording, kept: _Kept) -> None:
    """We took so long that our lease was lost and the recording was deleted meanwhile: what we put must not outlive it."""
    log.get().warning("recording_put_late", recording_sid=recording.recording_sid, copy=kept.copy)
    recording_deletion.delete_object(rt, recording, kept.key)


def _follow(conn: Connection, settings: Settings, recording: Recording, heard: Heard) -> None:
    """A further copy of what was stored before is no news to anybody but us."""
    sid = recording.recording_sid
    if heard.peaks:
        recordings.keep_waveform(conn, sid, channels=heard.channels, peaks=heard.peaks)
    stored = recordings.find(conn, sid)
    if stored is None:
        return
    if recording.damage is None:
        _notify(conn, "recording.available", stored)
    else:
        alerts.heal(conn, sid)
    after_stored(conn, settings, stored, is_first=recording.damage is None)


def _notify(conn: Connection, type_: str, recording: Recording) -> None:
    """Thin on purpose: what it is and how to ask for it, no link that gives the sound to whoever reads it."""
    tenant_id = recordings.tenant_of(conn, recording.recording_sid)
    notifications.notify(
        conn,
        type_,
        subject=recording.recording_sid,
        tenant_id=tenant_id,
        order_key=f"recording|{recording.recording_sid}",
        data={
            "recording_sid": recording.recording_sid,
            "call_sid": recording.call_sid,
            "tenant_id": tenant_id,
            "state": recording.state,
            "duration_s": recording.duration_s,
            "channels": recording.channels,
            "size_bytes": recording.size_bytes,
            "sha256": recording.sha256.hex() if recording.sha256 else None,
            "error_reason": recording.error_reason,
        },
    )
