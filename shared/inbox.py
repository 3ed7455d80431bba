"""The inbox in Redis: events that were acknowledged and are not yet in PostgreSQL, and the bell that calls the drain.

HASH `ts:inbox` (id -> record), ZSET `ts:inbox:due` (id -> when it may be claimed, Redis's clock), HASH `ts:inbox:tries`,
and the key `ts:inbox:bell` while a drain message is under way. Celery's queue holds only that one message.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import uuid4

from redis import Redis
from redis.exceptions import RedisError

from shared.domain.event import Event
from shared.errors import NotStored
from shared.redis_script import Script
from shared.tasks import DRAIN, EVENTS, message

INBOX: Final = "ts:inbox"
DUE: Final = "ts:inbox:due"
TRIES: Final = "ts:inbox:tries"
BELL: Final = "ts:inbox:bell"

# A bell that nobody answers (its message was lost, or its drain has died) may be rung again after this. A drain at work
# says again with every batch that it is, and a batch takes milliseconds.
BELL_MS: Final = 5_000
# One drain batch takes milliseconds; half a minute covers a PostgreSQL restart without a second worker joining in.
LEASE_MS: Final = 30_000
# The sweeper rings for what has been due this long: later than any healthy drain, sooner than anyone would notice.
OVERDUE_MS: Final = 2_000
# What waits while PostgreSQL is away must not fill Redis: a full one lets nobody claim, so nothing could ever leave it, and
# Celery's workers cannot live with it. With 2.5 KB each these are 250 MB, a third of what Redis has (docker-compose.yml).
# The rest waits in the journal, which has the disk, and comes in as there is room.
MOST_STORED: Final = 100_000


@dataclass(frozen=True, slots=True)
class Claimed:
    """An event in our hands until its lease ends. `tries` counts the one that is now to begin."""

    event_id: str
    record: bytes
    tries: int


PUT: Final = Script("inbox_put")
_CLAIM, _GIVE_BACK, _RING = Script("inbox_claim"), Script("inbox_give_back"), Script("inbox_ring")
# A drain message with a hole where its id stands: the same id twice would let one acknowledgement stand for two.
_PUT_KEYS: Final = (INBOX, DUE, BELL, EVENTS)
_HOLE: Final = "00000000-0000-0000-0000-000000000000"
_BELL_PARTS: Final = tuple(message(DRAIN, [], EVENTS, task_id=_HOLE).split(_HOLE.encode()))


def put_many(redis: Redis, events: Sequence[Event]) -> None:
    """Stores events and rings the bell, in one call. Storing an event again changes nothing.

    Raises NotStored when Redis refuses, holds `MOST_STORED` already, or does not answer in the client's time; the events
    may be stored nevertheless.
    """
    try:
        PUT.run(redis, _PUT_KEYS, _put_args(events, MOST_STORED))
    except RedisError as fault:
        raise NotStored(f"inbox: {type(fault).__name__}") from fault


def put_command(events: Sequence[Event], *, is_only_store: bool = False) -> list[Any]:
    """The same as a command for a connection on which the script is known (`PUT.text` was loaded).

    `is_only_store`: there is nowhere else to put them, so they may go beyond `MOST_STORED`.
    """
    args = _put_args(events, 0 if is_only_store else MOST_STORED)
    return ["EVALSHA", PUT.digest, len(_PUT_KEYS), *_PUT_KEYS, *args]


def _put_args(events: Sequence[Event], most: int) -> list[Any]:
    args: list[Any] = [_bell(), BELL_MS, most]
    for event in events:
        args += (event.event_id, event.record())
    return args


def _bell() -> bytes:
    """A message for the drain task with an id of its own."""
    return str(uuid4()).encode().join(_BELL_PARTS)


def claim(redis: Redis, *, limit: int, lease_ms: int = LEASE_MS, is_coming_again: bool = False) -> list[Claimed]:
    """Up to `limit` due events, the longest due first, leased to the caller.

    Whoever has got some, or `is_coming_again`, will look again soon, so nobody need ring; else the next event rings anew.
    """
    flat = _CLAIM.run(redis, [INBOX, DUE, TRIES, BELL], [limit, lease_ms, BELL_MS, int(is_coming_again)])
    return [Claimed(flat[i].decode(), flat[i + 1], int(flat[i + 2])) for i in range(0, len(flat), 3)]


def begin(redis: Redis, items: Sequence[Claimed]) -> None:
    """Counts a try of these, before it: whoever dies in it has tried too.

    The count is a bound on work and no truth, so it may go with Redis: the journal's copy then gets its tries anew.
    """
    redis.hset(TRIES, mapping={item.event_id: item.tries for item in items})


def clear(redis: Redis, event_ids: Sequence[str]) -> None:
    """Takes out what PostgreSQL has committed."""
    if not event_ids:
        return
    with redis.pipeline(transaction=True) as pipe:
        pipe.hdel(INBOX, *event_ids)
        pipe.zrem(DUE, *event_ids)
        pipe.hdel(TRIES, *event_ids)
        pipe.execute()


def give_back(redis: Redis, items: Sequence[Claimed], *, delay_s: float, counts: bool = True) -> None:
    """Ends the lease on events that could not be processed now; they are due again after `delay_s`.

    `counts` False: the try is not held against them.
    """
    args: list[Any] = [int(delay_s * 1000)]
    for item in items:
        args += (item.event_id, item.tries - (0 if counts else 1))
    _GIVE_BACK.run(redis, [DUE, TRIES], args)


def silence_bell(redis: Redis, *, in_ms: int = 0) -> None:
    """Said by a drain that ends without having found the inbox empty: whatever is stored from then on rings anew."""
    redis.pexpire(BELL, in_ms)


def ring_overdue(redis: Redis, *, overdue_ms: int = OVERDUE_MS) -> bool:
    """Rings if something lies unclaimed; whoever sweeps, the bell rings once. True if it rang."""
    return bool(_RING.run(redis, [DUE, BELL, EVENTS], [_bell(), BELL_MS, overdue_ms]))


def size(redis: Redis) -> int:
    """How many events are stored here."""
    return cast("int", redis.hlen(INBOX))


def oldest_age_s(redis: Redis) -> float:
    """How long the oldest due event has been due; 0.0 when none is."""
    first = cast("list[tuple[bytes, float]]", redis.zrange(DUE, 0, 0, withscores=True))
    if not first:
        return 0.0
    seconds, micros = cast("tuple[int, int]", redis.time())
    return max(0.0, seconds + micros / 1e6 - first[0][1] / 1000)
