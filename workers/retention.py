"""The hourly look at what is kept: what is over its age goes, what is due leaves Twilio, what was given up is tried again."""

from dataclasses import dataclass
from typing import Final

from psycopg import Connection

from shared import log, metrics
from shared.db import recording_deletions, retention
from shared.errors import OnHold, Transient
from shared.settings import Settings
from workers import recording_release
from workers.context import WorkerRuntime
from workers.recording_release import ACTOR, by_settings

# A round of the sweep: at ten deletions a second the queue is empty again before the next.
_A_ROUND: Final = 2_000
_ORPHANED_S: Final = 24 * 3600.0  # no upload of ours lasts an hour


@dataclass(frozen=True, slots=True)
class Round:
    """How many deletions were asked for and resumed, and how many releases promised."""

    deletions: int
    resumed: int
    releases: int


def sweep(rt: WorkerRuntime) -> Round:
    """One round, at most so many of each; the next goes on."""
    metrics.BEAT_TICKS.labels("keep_recordings").inc()
    asked = Round(deletions=_delete(rt, rt.settings), resumed=_resume(rt), releases=_release(rt, rt.settings))
    log.get().info(
        "recordings_swept", deletions=asked.deletions, resumed=asked.resumed, releases=asked.releases,
        aborted_uploads=_abort_uploads(rt),
    )  # fmt: skip
    return asked


def would_go(conn: Connection, settings: Settings, *, limit: int) -> tuple[list[retention.Due], list[retention.Due]]:
    """What a round would ask to be deleted, and what to be deleted at Twilio only. Nothing is changed."""
    policy = by_settings(settings)
    return retention.over_age(conn, policy, limit=limit), retention.to_release(conn, policy, limit=limit)


def _delete(rt: WorkerRuntime, settings: Settings) -> int:
    with rt.db.connection() as conn:
        due = retention.over_age(conn, by_settings(settings), limit=_A_ROUND)
    return sum(_ask(rt, one) for one in due)


def _ask(rt: WorkerRuntime, due: retention.Due) -> bool:
    try:
        with rt.db.connection() as conn:
            note = f"{due.class_}: {due.days} days"
            return recording_deletions.ask(conn, due.recording_sid, reason="retention", asked_by=ACTOR, note=note)
    except OnHold:
        return False  # placed this very moment


def _resume(rt: WorkerRuntime) -> int:
    with rt.db.connection() as conn:
        return sum(
            recording_deletions.promise(conn, sid) for sid in recording_deletions.unfinished(conn, limit=_A_ROUND)
        )


def _release(rt: WorkerRuntime, settings: Settings) -> int:
    with rt.db.connection() as conn:
        due = retention.to_release(conn, by_settings(settings), limit=_A_ROUND)
        return sum(recording_release.promise(conn, one.recording_sid) for one in due)


def _abort_uploads(rt: WorkerRuntime) -> int:
    try:
        return rt.store.abort_uploads(_ORPHANED_S)
    except Transient as fault:
        log.get().warning("orphaned_uploads_kept", reason=fault.reason)
        return 0
