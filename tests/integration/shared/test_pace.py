"""The pace of senders in a real Redis: what is let go, what waits and for how long, and who goes first."""

from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from shared import pace
from shared.pace import FIRST_LIMIT, Ask, Bucket, Over, Uncounted, Wait

LONG = Bucket("+14155550100", 1.0)
FAST = Bucket("12345", 100.0)
NOON = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)


@pytest.fixture
def redis(redis_url):
    client = Redis.from_url(redis_url)
    yield client
    client.close()


@pytest.fixture
def ask(redis):
    """Asks with a new request each time."""
    asked = iter(range(1_000_000))

    def take(*buckets, lane=1, segments=1, now=NOON):
        return one(redis, buckets or [LONG], request=f"r{next(asked)}", lane=lane, segments=segments, now=now)

    return take


def one(redis, buckets, *, request, lane, segments, now=NOON):
    (said,) = pace.take(redis, [Ask(request, lane, segments, buckets)], now)
    return said


def told(redis, request, **more):
    return pace.told(redis, [Over(request, **more)])


def clock(redis):
    seconds, microseconds = redis.time()
    return seconds + microseconds / 1e6


def test_a_long_code_sends_one_segment_and_then_waits_a_second(ask):
    assert ask() is None
    wait = ask()
    assert isinstance(wait, Wait)
    assert wait.reason == "rate"
    assert 0 < (wait.until - NOON).total_seconds() <= 1.02


def test_a_text_of_three_segments_costs_three_seconds(ask):
    assert ask(segments=3) is None
    assert 2.5 < (ask().until - NOON).total_seconds() <= 3.06


def test_a_wait_takes_nothing(ask, redis):
    ask()
    before = redis.get(f"ts:pace:{LONG.key}")
    assert ask()
    assert ask()
    assert ask(segments=5)
    assert redis.get(f"ts:pace:{LONG.key}") == before


def test_senders_do_not_wait_for_each_other(ask):
    assert ask() is None
    assert ask(Bucket("+14155550101", 1.0)) is None


def test_all_buckets_or_none(ask, redis):
    service = Bucket("MG" + "0" * 32, 0.1)
    assert ask(LONG, service) is None
    assert ask(Bucket("+14155550102", 1.0), service).reason == "rate"
    assert redis.get("ts:pace:+14155550102") is None


def test_a_fast_sender_never_gets_more_in_a_second_than_its_rate_and_what_it_may_be_early(redis, ask):
    """As fast as a process can ask, for a second of Redis's clock; every request ends at once."""
    began, gone = clock(redis), 0
    while clock(redis) - began < 1.0:
        gone += one(redis, [FAST], request="r", lane=1, segments=1, now=NOON) is None
    assert gone <= 100 * (1 + pace.EARLY_S) + 1
    assert gone >= 20  # it is the bucket that stops it, and not we who ask slowly


def test_who_waits_in_a_higher_lane_goes_first(ask, redis):
    assert ask(lane=2) is None
    assert ask(lane=0).reason == "rate"
    redis.set(f"ts:pace:{LONG.key}", 0)  # the second is over
    assert ask(lane=2).reason == "higher-lane"
    assert ask(lane=1).reason == "higher-lane"
    assert ask(lane=0) is None
    redis.set(f"ts:pace:{LONG.key}", 0)
    assert ask(lane=2) is None


def test_who_never_comes_back_holds_up_nobody_for_long(ask, redis):
    ask(lane=0)
    ask(lane=0)
    assert 0 < redis.pttl(f"ts:pace:{LONG.key}:lane") <= 3_100


def test_the_lowest_lane_leaves_room_among_the_requests_under_way(redis):
    def take(lane, number):
        bucket = Bucket(f"+1415555{number:04}", 1.0)
        return one(redis, [bucket], request=str(number), lane=lane, segments=1, now=NOON)

    bulk = [take(2, number) for number in range(FIRST_LIMIT)]
    kept = round(FIRST_LIMIT * pace.KEPT)
    assert [each.reason for each in bulk if each] == ["concurrency"] * kept
    assert [take(0, number) for number in range(100, 100 + kept)] == [None] * kept
    assert take(0, 200).reason == "concurrency"


def test_a_request_that_ends_makes_room_and_one_that_never_ends_does_so_in_time(redis):
    redis.set("ts:pace-limit", 1)
    assert one(redis, [LONG], request="one", lane=0, segments=1, now=NOON) is None
    other = Bucket("+14155550103", 1.0)
    assert one(redis, [other], request="two", lane=0, segments=1, now=NOON).reason == "concurrency"
    told(redis, "one")
    assert one(redis, [other], request="two", lane=0, segments=1, now=NOON) is None
    (dead,) = redis.zrange("ts:pace-live", 0, -1, withscores=True)
    assert 0 < dead[1] / 1e6 - clock(redis) <= pace.REQUEST_MS / 1000
    redis.zadd("ts:pace-live", {dead[0]: 1})  # its time is over
    third = Bucket("+14155550104", 1.0)
    assert one(redis, [third], request="three", lane=0, segments=1, now=NOON) is None


def test_too_many_halves_the_limit_once_and_requests_that_go_well_raise_it_slowly(redis):
    assert told(redis, "a", throttled=True) == FIRST_LIMIT / 2
    assert told(redis, "b", throttled=True) == FIRST_LIMIT / 2  # of the same second
    redis.delete("ts:pace-cut")
    assert told(redis, "c", throttled=True, seen=6) == 3
    for number in range(3):
        redis.zadd("ts:pace-live", {f"live{number}": 1e18})
    assert told(redis, "live0") == pytest.approx(3 + 1 / 3, abs=1e-3)
    assert told(redis, "idle") == pytest.approx(3 + 1 / 3 + 1 / 3.3333, abs=1e-3)
    redis.delete("ts:pace-live")
    assert told(redis, "idle") == pytest.approx(3 + 1 / 3 + 1 / 3.3333, abs=1e-3)  # unused says nothing
    limits = []
    for _ in range(4):
        redis.delete("ts:pace-cut")
        limits.append(told(redis, "d", throttled=True))
    assert limits[-1] == 1


def test_an_account_that_is_to_be_left_alone_is_left_alone(redis, ask):
    told(redis, "a", throttled=True, pause_s=30)
    wait = ask()
    assert wait.reason == "account-paused"
    assert timedelta(seconds=29) < wait.until - NOON <= timedelta(seconds=30)


def test_a_day_cap_is_counted_first_and_then_holds_until_midnight_pacific(redis, ask):
    capped = Bucket("+14155550105", 1000.0, segments_per_day=10)
    assert ask(capped) == Uncounted(capped)
    pace.count(redis, capped, 7, NOON)
    assert ask(capped, segments=2) is None
    assert ask(capped) is None
    wait = ask(capped)
    assert (wait.reason, wait.until) == ("day-cap", datetime(2026, 11, 26, 8, 0, tzinfo=UTC))
    pace.count(redis, capped, 0, NOON)  # somebody else has counted too, later: the first count stands
    assert ask(capped).reason == "day-cap"
    assert ask(capped, now=NOON + timedelta(days=1)) == Uncounted(capped)


def test_what_redis_has_forgotten_does_not_stop_anybody(redis, ask):
    ask()
    redis.flushdb()
    redis.script_flush()
    assert ask() is None


def test_the_times_of_many_senders_are_read_at_once(redis, ask):
    ask()
    now, (at, never) = pace.times(redis, [LONG.key, "+14155550199"])
    assert 0.5 < at - now <= 1.02
    assert never == 0


def test_many_ask_at_once_and_each_gets_its_own_answer_also_from_a_redis_that_has_forgotten_the_scripts(redis):
    redis.script_flush()
    other = Bucket("+14155550106", 1.0)
    asks = [Ask("a", 1, 1, [LONG]), Ask("b", 1, 1, [LONG]), Ask("c", 1, 1, [other])]
    first, second, third = pace.take(redis, asks, NOON)
    assert (first, second.reason, third) == (None, "rate", None)
    redis.script_flush()
    pace.told(redis, [Over("a"), Over("c", throttled=True)])
    assert redis.zcard("ts:pace-live") == 0
    assert float(redis.get("ts:pace-limit")) == FIRST_LIMIT / 2
