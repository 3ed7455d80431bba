"""The inbox in the hands of an operator: what lies in it, and made due at once or put back.

Nothing here takes an event out: only the drain does, after PostgreSQL has it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from redis import Redis

from shared.inbox import BELL, BELL_MS, DUE, INBOX, TRIES
from shared.tasks import DRAIN, EVENTS, message

# One call of Lua stops Redis for everybody: a thousand events take about a millisecond.
_AT_ONCE: Final = 1000
_AGAIN: Final = (Path(__file__).parent / "inbox_again.lua").read_text(encoding="ascii")


@dataclass(frozen=True, slots=True)
class Lying:
    """An event in the inbox. `due_in_s` is negative when it is overdue, and None when nobody would ever claim it."""

    event_id: str
    record: bytes
    tries: int
    due_in_s: float | None


@dataclass(frozen=True, slots=True)
class Depth:
    """How much lies in the inbox: `due` can be claimed now, `waiting` is leased or waits for its next try.

    `stranded` has no due time, so nobody claims it: a replay gives it one.
    """

    stored: int
    due: int
    waiting: int
    stranded: int


def depth(redis: Redis) -> Depth:
    """As of now."""
    stored, known = cast("int", redis.hlen(INBOX)), cast("int", redis.zcard(DUE))
    due = cast("int", redis.zcount(DUE, "-inf", _now_ms(redis)))
    return Depth(stored, due, known - due, max(0, stored - known))


def longest_due(redis: Redis, *, limit: int) -> list[Lying]:
    """Up to `limit` events, the longest due first; stranded ones are not among them."""
    ids = cast("list[bytes]", redis.zrange(DUE, 0, limit - 1))
    return find(redis, [event_id.decode() for event_id in ids])


def find(redis: Redis, event_ids: Sequence[str]) -> list[Lying]:
    """Those of these events that are here, in this order."""
    if not event_ids:
        return []
    with redis.pipeline(transaction=True) as pipe:
        pipe.hmget(INBOX, list(event_ids))
        pipe.hmget(TRIES, list(event_ids))
        pipe.zmscore(DUE, list(event_ids))
        records, tries, due = pipe.execute()
    now_ms = _now_ms(redis)
    return [
        Lying(event_id, record, int(count or 0), None if due_ms is None else (due_ms - now_ms) / 1000)
        for event_id, record, count, due_ms in zip(event_ids, records, tries, due, strict=True)
        if record is not None
    ]


def every_id(redis: Redis) -> Iterator[list[str]]:
    """The ids of all events here, stranded ones too, some at a time; what comes meanwhile may be left out."""
    cursor: Any = 0
    while True:
        cursor, found = cast("tuple[Any, dict[bytes, bytes]]", redis.hscan(INBOX, cursor, count=_AT_ONCE))
        if found:
            yield [event_id.decode() for event_id in found]
        if int(cursor) == 0:
            return


def due_now(redis: Redis, event_ids: Sequence[str]) -> int:
    """Makes those that are here claimable at once and rings. Returns how many. An event in work is worked on twice, to
    one effect. Raises RedisError.
    """
    return sum(
        _again(redis, dict.fromkeys(event_ids[start : start + _AT_ONCE], b""), has_records=False)
        for start in range(0, len(event_ids), _AT_ONCE)
    )


def put_back(redis: Redis, records: Mapping[str, bytes]) -> None:
    """Stores these records by id as they are, readable or not, and rings. Again changes nothing. Raises RedisError."""
    _again(redis, records, has_records=True)


def _again(redis: Redis, records: Mapping[str, bytes], *, has_records: bool) -> int:
    args: list[Any] = [message(DRAIN, [], EVENTS), BELL_MS, int(has_records)]
    for event_id, record in records.items():
        args += [event_id, record]
    return cast("int", redis.eval(_AGAIN, 4, INBOX, DUE, BELL, EVENTS, *args))


def _now_ms(redis: Redis) -> float:
    seconds, micros = cast("tuple[int, int]", redis.time())
    return seconds * 1000 + micros / 1000
