"""How fast texts may leave, in Redis: one bucket of segments a sender and a service, and the requests under way.

Twilio queues what comes faster than a sender may send, for hours, out of our sight and in its own order; and it refuses what
comes while too many requests are under way (error 20429). So texts wait here, where an answer can still overtake a bulk.

Keys: `ts:pace:{sender}` (when its next segment may leave), `…:lane` (the highest lane that waits for it), `…:day:DATE`
(segments of that day), `ts:pace-live`, `ts:pace-limit`, `ts:pace-pause`, `ts:pace-cut`. All expire; losing them loses at most
a moment's knowledge, never a text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final, Literal, cast
from zoneinfo import ZoneInfo

from redis import Redis
from redis.exceptions import NoScriptError

from shared.redis_script import Script

_TAKE, _TOLD = Script("pace_take"), Script("pace_told")
_LIVE, _LIMIT, _PAUSE, _CUT = (f"ts:pace-{name}" for name in ("live", "limit", "pause", "cut"))

# Carriers count a brand's day until midnight Pacific, and so does Twilio's daily cap (error 63038).
PACIFIC: Final = ZoneInfo("America/Los_Angeles")
# Twilio publishes no limit; others have seen about a hundred. A third of that to begin with, found out from there.
FIRST_LIMIT: Final = 32
HIGHEST_LIMIT: Final = 100
# A quarter of the requests under way is kept for conversations and transactions.
KEPT: Final = 0.25
# A request that has not ended is given up after this: longer than all of the client's time limits together.
REQUEST_MS: Final = 20_000
# Two texts that were let go a second apart arrive at Twilio some milliseconds closer than that: 2 % slower than allowed.
MARGIN: Final = 1.02
# A fast sender may be early by this, or it would lose a hundredth of a second here and there to the clocks of processes.
EARLY_S: Final = 0.05
# From this many segments a second on; slower ones never send two within their pause.
FAST: Final = 20.0

Reason = Literal["rate", "higher-lane", "concurrency", "account-paused", "day-cap"]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A sender (or service) with its rate, and how many segments it may send a day (None: any number)."""

    key: str
    segments_per_s: float
    segments_per_day: int | None = None

    @property
    def pause_us(self) -> int:
        """Microseconds from one segment to the next."""
        return round(1_000_000 / self.segments_per_s * MARGIN)

    @property
    def early_us(self) -> int:
        """Microseconds by which a segment may be early."""
        return round(EARLY_S * 1_000_000) if self.segments_per_s >= FAST else 0


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now. `until`: when it is worth asking again."""

    reason: Reason
    until: datetime


@dataclass(frozen=True, slots=True)
class Uncounted:
    """Redis does not know how much this sender has sent today: count it, say so, and ask again."""

    bucket: Bucket


@dataclass(frozen=True, slots=True)
class Ask:
    """For one request: a name of its own, its lane, its segments, and the buckets that they come from."""

    request: str
    lane: int
    segments: int
    buckets: Sequence[Bucket]


def take(redis: Redis, asks: Sequence[Ask], now: datetime) -> list[Wait | Uncounted | None]:
    """For each: takes a place among the requests under way and the segments from every bucket; None: go.

    Raises RedisError; then some may have been taken, which costs their senders a pause and nothing else.
    """
    with redis.pipeline(transaction=False) as pipe:
        for ask in asks:
            pipe.evalsha(_TAKE.digest, 3 + 3 * len(ask.buckets), *_keys(ask, now), *_args(ask))
        said = pipe.execute(raise_on_error=False)
    return [
        _understood(_TAKE.run(redis, _keys(ask, now), _args(ask)) if isinstance(one, NoScriptError) else one, ask, now)
        for ask, one in zip(asks, said, strict=True)
    ]


def _keys(ask: Ask, now: datetime) -> list[str]:
    keys = [_LIVE, _LIMIT, _PAUSE]
    for name in (_name(bucket.key) for bucket in ask.buckets):
        keys += [name, f"{name}:lane", f"{name}:day:{day_of(now)}"]
    return keys


def _args(ask: Ask) -> list[str | float]:
    args: list[str | float] = [ask.request, ask.lane, ask.segments, REQUEST_MS, FIRST_LIMIT, KEPT]
    for bucket in ask.buckets:
        args += [bucket.pause_us, bucket.early_us, bucket.segments_per_day or 0]
    return args


def _understood(said: Any, ask: Ask, now: datetime) -> Wait | Uncounted | None:
    if isinstance(said, Exception):
        raise said
    match said[0]:
        case b"go":
            return None
        case b"count":
            return Uncounted(ask.buckets[int(said[1]) - 1])
        case b"day":
            return Wait("day-cap", next_day(now))
        case _:
            return Wait(cast("Reason", said[1].decode()), now + timedelta(milliseconds=int(said[2])))


def count(redis: Redis, bucket: Bucket, segments: int, now: datetime) -> None:
    """Says how many segments this sender has sent today, unless somebody has said so meanwhile. Raises RedisError."""
    name = f"{_name(bucket.key)}:day:{day_of(now)}"
    redis.set(name, segments, nx=True, ex=next_day(now) - now + timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class Over:
    """A request that has ended. `throttled`: Twilio said "too many"; `seen`: how many it counted (its header
    Twilio-Concurrent-Requests); `pause_s`: how long the account is to be left alone, by whoever sends."""

    request: str
    throttled: bool = False
    seen: int | None = None
    pause_s: float = 0.0


def told(redis: Redis, ended: Sequence[Over]) -> float:
    """These requests are over; how many may be under way from now on. Raises RedisError."""
    keys = [_LIVE, _LIMIT, _PAUSE, _CUT]
    with redis.pipeline(transaction=False) as pipe:
        for over in ended:
            pipe.evalsha(_TOLD.digest, len(keys), *keys, *_over_args(over))
        said = pipe.execute(raise_on_error=False)
    last = FIRST_LIMIT
    for over, one in zip(ended, said, strict=True):
        if isinstance(one, Exception) and not isinstance(one, NoScriptError):
            raise one
        last = float(_TOLD.run(redis, keys, _over_args(over)) if isinstance(one, NoScriptError) else one)
    return last


def _over_args(over: Over) -> list[str | int]:
    return [
        over.request, int(over.throttled), FIRST_LIMIT, HIGHEST_LIMIT, over.seen or 0, round(over.pause_s * 1000),
    ]  # fmt: skip


def times(redis: Redis, keys: Sequence[str]) -> tuple[float, list[float]]:
    """(Redis's clock, when the next segment of each sender may leave), in seconds. Raises RedisError."""
    with redis.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.mget([_name(key) for key in keys])
        clock, values = pipe.execute()
    return clock[0] + clock[1] / 1e6, [float(value or 0) / 1e6 for value in values]


def day_of(now: datetime) -> str:
    """The day that counts for daily caps."""
    return now.astimezone(PACIFIC).date().isoformat()


def next_day(now: datetime) -> datetime:
    """When the next one begins."""
    return datetime.combine(now.astimezone(PACIFIC).date() + timedelta(days=1), time(), PACIFIC)


def _name(key: str) -> str:
    return f"ts:pace:{key}"
