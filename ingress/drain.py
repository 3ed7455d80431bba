"""Sees to it that what the journal holds comes into PostgreSQL: the net under every acknowledgement.

A closed segment is looked at once its events should long be stored, or at once if some did not reach the inbox. What
PostgreSQL has no account of goes into the inbox (again: storing twice changes nothing); a segment whose every event is
accounted for is removed. Any number of processes may do this side by side.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from psycopg import Connection, DataError
from psycopg import Error as DatabaseError
from psycopg_pool import ConnectionPool
from redis import Redis
from redis.exceptions import RedisError

from shared import inbox, log, metrics
from shared.db import events as rows
from shared.domain.event import Event, from_record
from shared.errors import NotStored, Unreadable
from shared.journal import Entry, Gap, Journal, Segment, read

# How soon a return of Redis is noticed.
PERIOD_S: Final = 1.0
# An idle ingress, too, has everything in a closed segment within this.
ROTATE_S: Final = 10.0
# Later than any healthy worker commits, and a third of the minute in which everything must be settled.
SETTLE_S: Final = 15.0
# PostgreSQL answered that events are still missing and they are in the inbox again: workers need a while.
_LONGEST_PAUSE_S: Final = 15.0
# A batch is one Lua call: at two microseconds an event and a KiB it holds Redis up for less than a webhook's 20 ms.
_BATCH: Final = 200
_BATCH_BYTES: Final = 1024 * 1024
# The pool's other users are requests; and whoever waits for PostgreSQL here keeps Redis waiting.
_DB_WAIT_S: Final = 1.0


@dataclass(slots=True)
class _Tally:
    """What was found in one segment."""

    good: int = 0
    missing: int = 0
    unreadable: int = 0
    lost_bytes: int = 0


class Drainer:
    """One process's drainer; `once` is a round, made by one thread. The client's timeout should be about two seconds."""

    def __init__(
        self,
        journal: Journal,
        redis: Redis,
        db: ConnectionPool[Connection],
        *,
        rotate_s: float = ROTATE_S,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._journal, self._redis, self._db = journal, redis, db
        self._rotate_s, self._settle_s = rotate_s, settle_s
        self._away: set[str] = set()  # what did not answer in this round
        self._told: set[str] = set()  # those of the last one

    def once(self, *, now: float | None = None) -> None:
        """One round at `now` (monotonic). Stores that are away are waited for, not raised; a broken folder is OSError."""
        now = time.monotonic() if now is None else now
        self._away = set()
        self._journal.mend()
        self._journal.rotate(if_older_than_s=self._rotate_s)
        if self._is_in_a_hurry() and self._redis_answers():
            self._journal.rotate()
        due = [segment for segment in self._journal.closed_segments() if self._is_due(segment, now)]
        if any(segment.has_unsent for segment in due):
            self._redis_answers()
        for segment in sorted(due, key=lambda segment: not segment.has_unsent):
            self._look_at(segment, now)
        for store in sorted(self._away - self._told):
            log.get().warning("journal_drain_held", store=store)
        self._told = self._away

    def _is_in_a_hurry(self) -> bool:
        """What is appended to has events for the inbox, and nothing older waits: an inbox that is full for hours would
        otherwise have us make a segment a second.
        """
        return self._journal.has_unsent and not any(segment.has_unsent for segment in self._journal.closed_segments())

    def _is_due(self, segment: Segment, now: float) -> bool:
        return segment.due_at <= now and (segment.has_unsent or now - segment.quiet_since >= self._settle_s)

    def _redis_answers(self) -> bool:
        if "redis" in self._away:
            return False
        try:
            self._redis.ping()
        except RedisError:
            self._away.add("redis")
            return False
        return True

    def _look_at(self, segment: Segment, now: float) -> None:
        # Without Redis there is nothing to do for what must go there, without PostgreSQL nothing for the others.
        if ("redis" if segment.has_unsent else "postgresql") in self._away:
            return
        try:
            self._drain(segment, now)
        except OSError as fault:
            segment.due_at = now + _LONGEST_PAUSE_S
            if "disk" not in self._away:  # one line a round, however many there are
                log.get().error("journal_segment_stuck", segment=segment.path.name, where=log.where(fault))
            self._away.add("disk")

    def _drain(self, segment: Segment, now: float) -> None:
        is_unsent, segment.has_unsent = segment.has_unsent, False  # whoever notes one from here on is heard next round
        tally = _Tally()
        for batch in _batches(read(segment.path)):
            entries = self._sift(batch, segment, tally)
            missing = self._missing(entries, tally)
            if missing and not is_unsent and "postgresql" in self._away:
                return  # nobody knows, and all of it was in the inbox once
            tally.missing += len(missing)
            self._put(missing, segment)
        self._conclude(segment, tally, now)

    def _sift(self, batch: Sequence[Entry | Gap], segment: Segment, tally: _Tally) -> list[Entry]:
        """The entries. What a crash tore was never acknowledged; in a segment that was closed nothing can be torn."""
        gaps = [item for item in batch if isinstance(item, Gap) and (segment.is_whole or not item.is_torn)]
        entries = [item for item in batch if isinstance(item, Entry)]
        tally.lost_bytes += sum(gap.size_bytes for gap in gaps)
        tally.good += len(entries)
        return entries

    def _missing(self, entries: Sequence[Entry], tally: _Tally) -> list[Event]:
        """What PostgreSQL has no account of; everything when it does not answer."""
        if "postgresql" not in self._away:
            try:
                with self._db.connection(timeout=_DB_WAIT_S) as conn:
                    # By id first: in a healthy service that is all, and no record need be parsed beside the hot lane.
                    unseen = rows.unseen(conn, [entry.event_id for entry in entries])
                    return _unaccounted(conn, _parsed((entry for entry in entries if entry.event_id in unseen), tally))
            except DatabaseError:
                self._away.add("postgresql")
        return _parsed(entries, tally)

    def _put(self, missing: Sequence[Event], segment: Segment) -> None:
        if not missing:
            return
        try:
            if "redis" in self._away:
                raise NotStored("redis is away")
            inbox.put_many(self._redis, missing)
        except NotStored:
            self._away.add("redis")
            segment.has_unsent = True
            return
        if not segment.pause_s:
            metrics.JOURNAL_REDELIVERED.inc(len(missing))

    def _conclude(self, segment: Segment, tally: _Tally, now: float) -> None:
        if tally.missing:
            self._pause(segment, tally, now)
        elif tally.lost_bytes or tally.unreadable:
            self._journal.set_apart(segment)
            log.get().error(
                "journal_damaged",
                segment=segment.path.name,
                good=tally.good,
                unreadable=tally.unreadable,
                lost_bytes=tally.lost_bytes,
            )
        else:
            self._journal.settle(segment)

    def _pause(self, segment: Segment, tally: _Tally, now: float) -> None:
        if segment.has_unsent:
            return  # as soon as Redis is back
        if not segment.pause_s:
            log.get().info("journal_redelivered", segment=segment.path.name, events=tally.missing)
        segment.pause_s = min(_LONGEST_PAUSE_S, max(PERIOD_S, segment.pause_s * 2))
        segment.due_at = now + segment.pause_s


def _batches(found: Iterable[Entry | Gap]) -> Iterator[list[Entry | Gap]]:
    batch: list[Entry | Gap] = []
    size_bytes = 0
    for item in found:
        batch.append(item)
        size_bytes += len(item.record) if isinstance(item, Entry) else 0
        if len(batch) >= _BATCH or size_bytes >= _BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch


def _parsed(entries: Iterable[Entry], tally: _Tally) -> list[Event]:
    """The events; a record that cannot be read is counted and stays in its segment."""
    found: list[Event] = []
    for entry in entries:
        try:
            found.append(from_record(entry.record))
        except Unreadable:
            tally.unreadable += 1
    return found


def _unaccounted(conn: Connection, events: Sequence[Event]) -> list[Event]:
    try:
        ids = rows.unaccounted(conn, [(event.event_id, event.key, sha256(event.body).digest()) for event in events])
    except DataError:
        # A key that PostgreSQL's text cannot hold: a worker sets the event aside, and by its id it is known then.
        return list(events)
    return [event for event in events if event.event_id in ids]
