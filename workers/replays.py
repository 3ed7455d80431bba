"""Makes the deliveries of a replay: at its rate, and no more of them than its endpoint digests.

Deliveries, their jobs, the cursor and the rate are one transaction under the lock of the replay: a worker that is killed
leaves whole pages, and the next one goes on behind them.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from psycopg import Connection

from shared import log, tasks
from shared.db import endpoints, replays
from shared.db.endpoints import Adapter
from shared.db.jobs import Job
from shared.db.replays import Candidate, Replay
from shared.domain import circuit
from shared.errors import Deferred, Permanent, TwilioServerError
from workers.context import WorkerRuntime

# Looked at in one transaction, and made of these: some tens of milliseconds, short for whoever waits for the orders' locks.
PAGE: Final = 1_000
CHUNK: Final = 200
# Shorter than the job's lease; what is left then is done under the next one.
RUN_S: Final = 20.0
# The dispatcher looks every second: a run makes as much as has become free since the last one, which may have been late.
PAUSE_S: Final = 1.0
BURST_S: Final = 5.0
# An endpoint has so many deliveries waiting at the most before no more are made: seconds of work at the rate of a replay,
# and a live event of a key that is replayed waits behind no more than these.
MOST_WAITING: Final = 1_000
# Enabling an endpoint does not ring for its replays.
DISABLED_LOOK_S: Final = 30.0
# A notification is dated by the beginning of its transaction and seen at its end. Ours take milliseconds; a statement five
# seconds at most, and idling in between ten (`shared/runtime.py`).
SETTLED_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Step:
    """What a transaction came to: so many deliveries made, or ended; `until`: there is nothing more to do before."""

    count: int
    until: datetime | None = None


def expand(rt: WorkerRuntime, job: Job) -> None:
    """Makes deliveries until the range is through. Raises Deferred when it is to go on later, Permanent without a replay."""
    end = time.monotonic() + RUN_S
    while time.monotonic() < end:
        with rt.db.connection() as conn:
            replay = replays.locked(conn, int(job.ref))
            if replay is None:
                raise Permanent("no such replay")
            step = _step(conn, replay)
        if step is None:
            return
        if step.count and replay.state == "running":
            tasks.ring_relay(rt.redis)
        if step.until is not None:
            raise Deferred("what is left comes later", until=step.until)
    raise Deferred("more to do", until=_in(0))


def give_up(conn: Connection, job: Job, outcome: TwilioServerError) -> None:
    """A fault of ours: no more is made of it, and the one who asked can see it."""
    if replays.cancel(conn, int(job.ref), "internal_error"):
        log.get().error("replay_canceled", replay_id=int(job.ref), reason="internal_error")


def _step(conn: Connection, replay: Replay) -> _Step | None:
    """None: nothing is left to do. Raises Deferred when nothing may be done now."""
    match replay.state:
        case "running":
            return _go_on(conn, replay)
        case "canceled":
            return _end(conn, replay)
        case "done":
            return None


def _go_on(conn: Connection, replay: Replay) -> _Step:
    endpoint = endpoints.find(conn, replay.endpoint_id)
    if endpoint is None:
        replays.cancel(conn, replay.id, "endpoint_deleted")
        log.get().warning("replay_canceled", replay_id=replay.id, reason="endpoint_deleted")
        return _Step(0)
    if not endpoint.enabled:
        raise Deferred("the endpoint is disabled", until=_in(DISABLED_LOOK_S))
    room = min(CHUNK, MOST_WAITING - replays.waiting_at(conn, endpoint.id, most=MOST_WAITING))
    if room <= 0:
        raise Deferred("enough waits for the endpoint", until=_in(PAUSE_S))
    now = datetime.now(UTC)
    allowed, _ = _at_rate(replay, now, room)
    if allowed == 0:
        raise Deferred("its rate", until=max(replay.free_at, now + timedelta(seconds=PAUSE_S)))
    return _make_page(conn, replay, endpoint.adapter, now=now, allowed=allowed)


def _make_page(conn: Connection, replay: Replay, adapter: Adapter, *, now: datetime, allowed: int) -> _Step:
    settled = now - timedelta(seconds=SETTLED_S)
    page = _page(conn, replay, until=min(replay.until, settled))
    seen, chosen = _first(page, allowed)
    made = 0
    if chosen:
        _, free_at = _at_rate(replay, now, len(chosen))
        made = replays.make(conn, replay, chosen, adapter=adapter, free_at=free_at)
    if seen:
        replays.move(conn, replay.id, seen[-1])
    if len(seen) < len(page) or len(page) == PAGE:
        return _Step(made)
    if settled < replay.until:  # what happened a moment ago may not be seen yet
        return _Step(made, until=replay.until + timedelta(seconds=SETTLED_S))
    replays.done(conn, replay.id)
    log.get().info("replay_done", replay_id=replay.id, endpoint_id=replay.endpoint_id)
    return _Step(made)


def _end(conn: Connection, replay: Replay) -> _Step | None:
    """What is just being told is left to whoever tells it; should it not arrive, it is ended then."""
    ended = replays.end_waiting(conn, replay.id, limit=CHUNK)
    if ended == 0 and replays.tally(conn, replay.id).waiting == 0:
        return None
    return _Step(ended, until=_in(PAUSE_S) if ended == 0 else None)


def _page(conn: Connection, replay: Replay, *, until: datetime) -> Sequence[Candidate]:
    after = (replay.cursor_at, replay.cursor_id) if replay.cursor_at and replay.cursor_id else None
    return replays.candidates(conn, replay, after=after, until=until, limit=PAGE)


def _first(page: Sequence[Candidate], allowed: int) -> tuple[Sequence[Candidate], Sequence[Candidate]]:
    """What may be looked at so that no more than `allowed` are wanted, and those."""
    wanted = [nth for nth, one in enumerate(page) if one.is_wanted]
    seen = page if len(wanted) <= allowed else page[: wanted[allowed]]
    return seen, [page[nth] for nth in wanted[:allowed]]


def _at_rate(replay: Replay, now: datetime, wanted: int) -> tuple[int, datetime]:
    return circuit.at_rate(replay.free_at, now, rate_per_s=replay.rate_per_s, wanted=wanted, burst_s=BURST_S)


def _in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
