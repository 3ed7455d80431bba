"""Reading stored recordings back, and comparing what is known of recordings with Twilio's list.

Beat and the operator's tool share this. Nothing is locked, and no transaction is open, while Twilio or the store is asked.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from psycopg import Connection

from shared import log, metrics
from shared.db import alerts, audit, jobs, recording_checks, recording_damage, recordings
from shared.db.recordings import Recording
from shared.domain.recording_key import PREFIX
from shared.domain.recording_reconcile import Action, action, word_of
from shared.errors import Damaged, Permanent, TwilioServerError
from shared.store import Store
from shared.twilio.client import TwilioClient
from shared.twilio.recordings import ListedRecording
from workers.context import WorkerRuntime

Open = Callable[[], AbstractContextManager[Connection]]

WINDOW: Final = timedelta(hours=48)  # of the hourly comparison: a lost webhook is found 48 times before it is too old
# What was announced later than this is left alone when Twilio's list does not show it: lists lag behind.
LAG: Final = timedelta(minutes=10)
# An object younger than this may belong to an upload that is under way.
_STRAY_AFTER: Final = timedelta(hours=1)
_BEAT: Final = "beat"
# A night's sample: at 20 MB/s under two minutes of one worker's thread, so that nothing else waits long.
_SAMPLE_BYTES: Final = 2_000_000_000
_SAMPLE: Final = 2_000
_RATE: Final = 20_000_000
# So many at once are taken from the table; each is looked at anew when its turn comes.
_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Checked:
    """One recording that was read back; `damage` is None where it is whole."""

    recording_sid: str
    size_bytes: int
    damage: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """A recording of which Twilio and we did not say the same, and what follows. `is_new`: it changed something."""

    recording_sid: str
    account_sid: str
    status: str
    state: str | None
    action: Action
    is_new: bool
    detail: str = ""


def verify(
    open_: Open, store: Store, *, actor: str, before: datetime, sids: Sequence[str] = (), limit: int | None = None,
    bytes_per_s: float = _RATE,
) -> Iterator[Checked]:  # fmt: skip
    """Reads back what was not read since `before`, the longest unread first, at this pace; each is recorded at once, so
    that a run that was cut off is resumed by the next. Raises Transient when the store is away.
    """
    seen: set[str] = set()
    while limit is None or len(seen) < limit:
        with open_() as conn:
            size = _PAGE if limit is None else min(_PAGE, limit - len(seen))
            page = recording_checks.to_check(conn, before=before, sids=sids, limit=size)
        fresh = [sid for sid in page if sid not in seen]  # the database's clock may be behind ours
        if not fresh:
            return
        seen.update(fresh)
        for sid in fresh:
            yield from _verified(open_, store, sid, actor, bytes_per_s)


def _verified(open_: Open, store: Store, sid: str, actor: str, bytes_per_s: float) -> Iterator[Checked]:
    with open_() as conn:
        recording = recordings.find(conn, sid)
    if recording is None or recording.state not in ("stored", "provider-deleted"):
        return
    started = time.monotonic()
    damage = _damage(store, recording)
    with open_() as conn:
        is_ours = recording_damage.read_back(conn, recording, damage)
        if is_ours and damage not in (None, recording.damage):
            _note(conn, "recording.verified", sid, actor, {"damage": damage, "copy": recording.copy})
    if is_ours:
        _count(recording, damage)
        size = recording.size_bytes or 0
        _pace(size / bytes_per_s - (time.monotonic() - started))
        yield Checked(sid, size, damage)


def _damage(store: Store, recording: Recording) -> str | None:
    try:
        store.check(recording.object_key or "", recording_checks.sound_of(recording))
    except Damaged as fault:
        return fault.reason
    return None


def _count(recording: Recording, damage: str | None) -> None:
    metrics.RECORDINGS_CHECKED_AT.set(time.time())
    if damage is not None:
        metrics.RECORDINGS_DAMAGED.labels(damage).inc()
        log.get().error("recording_damaged", recording_sid=recording.recording_sid, damage=damage)


def _pace(seconds: float) -> None:
    if seconds > 0:
        time.sleep(seconds)


def strays(open_: Open, store: Store) -> tuple[list[str], list[str]]:
    """(objects that no recording names, keys of recordings that are not in the store). Nothing is deleted."""
    young = datetime.now(UTC) - _STRAY_AFTER
    with open_() as conn:
        named = recording_checks.keys(conn)
    unnamed: list[str] = []
    for found in store.listed(PREFIX):
        if found.key in named:
            named.discard(found.key)
        elif found.modified_at < young:
            unnamed.append(found.key)
    with open_() as conn:
        return [key for key in unnamed if not recording_checks.is_key_named(conn, key)], sorted(named)


def reconcile(
    open_: Open, twilio: TwilioClient, *, since: datetime, actor: str, is_dry: bool = False
) -> Iterator[Found]:
    """Every recording of which Twilio and we do not say the same, after what follows has been done (`is_dry`: without).

    Once or often, alone or beside others: nothing happens twice. An account whose list cannot be had is left out, and the
    round goes on with the others; its outcome is raised at the end.
    """
    seen: set[str] = set()
    left_out: dict[str, TwilioServerError] = {}
    for account_sid in twilio.account_sids:
        try:
            for listed in twilio.listed_recordings(account_sid, since):
                seen.add(listed.recording_sid)
                yield from _settled(open_, listed.recording_sid, account_sid, listed, actor, is_dry)
        except TwilioServerError as outcome:
            left_out[account_sid] = outcome
    with open_() as conn:
        ours = recording_checks.heard_of(conn, since=since, until=datetime.now(UTC) - LAG)
    for sid, account_sid in ours:
        if sid in seen or account_sid in left_out:
            continue
        try:
            # Its list may begin later than what we announced late: Twilio is asked for this one.
            said = twilio.find_recording(account_sid, sid)
        except TwilioServerError as outcome:
            if isinstance(outcome, Permanent) and account_sid in twilio.account_sids:
                log.get().warning("recording_audit_failed", reason=outcome.reason, recording_sid=sid)
            else:
                left_out[account_sid] = outcome
            continue
        yield from _settled(open_, sid, account_sid, said, actor, is_dry)
    for outcome in left_out.values():
        raise outcome


def _settled(
    open_: Open, sid: str, account_sid: str, said: ListedRecording | None, actor: str, is_dry: bool
) -> Iterator[Found]:
    with open_() as conn:
        recording_checks.lock(conn, sid)
        ours = recordings.find(conn, sid)
        wanted = action("gone" if said is None else word_of(said.status), ours.state if ours else None)
        detail = _difference(said, ours) if wanted == "compare" else ""
        if wanted == "compare":
            wanted = "differs" if detail else "nothing"
        if wanted == "gone" and ours is not None and ours.damage is not None:
            wanted = "lost"
        if wanted == "nothing" or recordings.is_to_go(conn, sid):
            return
        is_new = not is_dry and _does(conn, wanted, sid, said, ours, actor)
    found = Found(
        sid, account_sid, said.status if said else "gone", ours.state if ours else None, wanted, is_new, detail
    )
    # Of what is on its way already there is nothing to tell.
    if is_dry or is_new or wanted == "differs":
        if not is_dry:
            log.get().warning("recording_reconciled", recording_sid=sid, action=wanted)
        yield found


def _difference(said: ListedRecording | None, ours: Recording | None) -> str:
    if said is None or ours is None:
        return ""
    pairs = (("duration_s", said.duration_s, ours.duration_s), ("channels", said.channels, ours.channels))
    known = [(name, theirs, here) for name, theirs, here in pairs if theirs is not None and here is not None]
    return ", ".join(f"{name} {theirs}, here {here}" for name, theirs, here in known if theirs != here)


def _does(
    conn: Connection, wanted: Action, sid: str, said: ListedRecording | None, ours: Recording | None, actor: str
) -> bool:
    """Does it and audits it; False if it was done before, or a person has to decide."""
    if wanted in ("announce", "fetch") and said is not None:
        is_new = _announced(conn, said, ours)
    elif wanted == "again":
        is_new = recording_damage.fetch_again(conn, sid)
    elif wanted == "lost" and ours is not None:
        is_new = _lost(conn, ours)
    elif wanted == "gone":
        is_new = all(entry.detail.get("action") != "gone" for entry in audit.of_subject(conn, sid))
    else:
        return False
    if is_new:
        detail = {"action": wanted, "twilio": said.status if said else "gone", "here": ours.state if ours else None}
        _note(conn, "recording.reconciled", sid, actor, detail)
    return is_new


def _announced(conn: Connection, said: ListedRecording, ours: Recording | None) -> bool:
    """As its webhook would have done. Whether anything is new by it."""
    states = {"running": "announced", "completed": "available", "none": "absent"}
    now = recordings.announce(
        conn,
        recording_sid=said.recording_sid,
        call_sid=said.call_sid,
        account_sid=said.account_sid,
        state=states[word_of(said.status)],  # type: ignore[arg-type]
        duration_s=said.duration_s,
        channels=said.channels,
        source=said.source,
    )
    is_promised = False
    if now.state in ("available", "fetched", "verified"):
        order_key = recordings.order_key(now.recording_sid)
        is_promised = jobs.promise(conn, "recording.fetch", now.recording_sid, order_key=order_key) is not None
        if now.call_sid:
            alerts.resolve(conn, alerts.of_recording(now.call_sid))
    return is_promised or ours is None or ours.state != now.state


def _lost(conn: Connection, ours: Recording) -> bool:
    is_new = alerts.keep(
        conn,
        event_key=f"recording-lost:{ours.recording_sid}",
        source="recording-lost",
        level="error",
        code=None,
        resource_sid=ours.recording_sid,
        account_sid=ours.account_sid,
        at=datetime.now(UTC),
    )
    if is_new:
        log.get().error("recording_lost", recording_sid=ours.recording_sid)
    return is_new


def _note(conn: Connection, what: str, sid: str, actor: str, detail: dict[str, object]) -> None:
    audit.note(conn, what, actor=actor, subject=sid, tenant_id=recordings.tenant_of(conn, sid), detail=detail)


def reconcile_lately(rt: WorkerRuntime) -> None:
    """Beat, hourly: the last two days."""
    metrics.BEAT_TICKS.labels("reconcile_recordings").inc()
    try:
        for _ in reconcile(rt.db.connection, rt.twilio, since=datetime.now(UTC) - WINDOW, actor=_BEAT):
            pass
    except TwilioServerError as outcome:
        log.get().warning("recording_audit_failed", reason=outcome.reason)


def verify_sample(rt: WorkerRuntime) -> None:
    """Beat, nightly: what was not read back for longest, up to `_SAMPLE_BYTES`."""
    metrics.BEAT_TICKS.labels("verify_recordings").inc()
    read = damaged = count = 0
    try:
        for one in verify(rt.db.connection, rt.store, actor=_BEAT, before=datetime.now(UTC), limit=_SAMPLE):
            read, count, damaged = read + one.size_bytes, count + 1, damaged + (one.damage is not None)
            if read >= _SAMPLE_BYTES:
                break
    except TwilioServerError as outcome:
        log.get().warning("recording_audit_failed", reason=outcome.reason)
    log.get().info("recordings_verified", checked=count, damaged=damaged, bytes=read)
