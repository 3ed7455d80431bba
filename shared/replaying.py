"""Replays: what one would tell and how long it would take, its beginning, and its end before its time."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from psycopg import Connection

from shared import log
from shared.db import audit, jobs, replays
from shared.db.endpoints import Endpoint
from shared.db.replays import Replay, Wanted

# A day of one event a second is told in an hour and a quarter, and a receiver of modest size has room for its live events.
RATE_PER_S: Final = 20.0
# What the relay tells at the most, all endpoints together, on a machine of two cores; more would only make a backlog.
HIGHEST_RATE_PER_S: Final = 500.0
# What a dry run, or a look at how far it has come, counts: half a second of one connection. Beyond that it says "at least".
COUNTED: Final = 50_000
# Ended in one transaction: their orders' locks are held for milliseconds.
_CHUNK: Final = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """What a replay would tell, or has yet to tell. `is_exact` False: at least so many."""

    matching: int
    is_exact: bool
    takes_s: float


def plan(conn: Connection, wanted: Wanted, endpoint: Endpoint) -> Plan:
    """What is left of it. The endpoint's own rate counts too."""
    after = None
    if isinstance(wanted, Replay) and wanted.cursor_at is not None and wanted.cursor_id is not None:
        after = (wanted.cursor_at, wanted.cursor_id)
    matching, looked_at = replays.count(conn, wanted, after=after, limit=COUNTED)
    rate = min(wanted.rate_per_s, endpoint.rate_per_s or wanted.rate_per_s)
    return Plan(matching, looked_at < COUNTED, round(matching / rate, 1))


def start(conn: Connection, wanted: Wanted, *, actor: str, request_id: str | None = None) -> tuple[Replay, int]:
    """The replay and its job, which the caller may hint at after the commit. The endpoint is there and enabled."""
    made = replays.insert(conn, wanted, asked_by=actor)
    job_id = jobs.promise(conn, "replay.expand", str(made.id), hint_in_s=jobs.FIRST_HINT_S)
    assert job_id is not None  # the replay is new
    detail = {
        "endpoint_id": wanted.endpoint_id, "since": wanted.since.isoformat(), "until": wanted.until.isoformat(),
        "types": wanted.types, "tenant_id": wanted.tenant_id, "subject": wanted.subject, "outcomes": wanted.outcomes,
        "rate_per_s": wanted.rate_per_s,
    }  # fmt: skip
    audit.note(
        conn, "replay.started", actor=actor, subject=f"replay:{made.id}", tenant_id=wanted.tenant_id,
        request_id=request_id, detail=detail,
    )  # fmt: skip
    log.get().info("replay_started", replay_id=made.id, endpoint_id=wanted.endpoint_id)
    return made, job_id


def cancel(
    connect: Callable[[], AbstractContextManager[Connection]],
    replay_id: int,
    *,
    actor: str,
    request_id: str | None = None,
) -> None:
    """Stops it at once and ends what of it waits. What is just being told is left to its end; so is what a worker has in
    hand, whose order somebody holds: the replay's job ends that in a moment.
    """
    with connect() as conn:
        found = replays.locked(conn, replay_id)
        if found is None or not replays.cancel(conn, replay_id, "asked"):
            return
        if jobs.renew(conn, "replay.expand", str(replay_id)) is None:
            jobs.hurry(conn, "replay.expand", str(replay_id))
        audit.note(
            conn, "replay.canceled", actor=actor, subject=f"replay:{replay_id}", tenant_id=found.tenant_id,
            request_id=request_id, detail={"endpoint_id": found.endpoint_id, "made": found.made},
        )  # fmt: skip
    log.get().info("replay_canceled", replay_id=replay_id, reason="asked")
    ended = _CHUNK
    while ended == _CHUNK:
        with connect() as conn:
            ended = replays.end_waiting(conn, replay_id, limit=_CHUNK)
