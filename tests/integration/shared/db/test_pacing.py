"""The queues of paced work: fair turns, lanes, waking, and the bucket in PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from shared.db import jobs, pacing, senders
from shared.db.jobs import Paced
from shared.db.senders import Sender

LEASES = {"sms.send": 30.0}
A, B, FAST = "+14155550100", "+14155550101", "12345"


@pytest.fixture
def conn(database_url):
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def promise(conn):
    """Promises texts; they all sleep, as those do that find somebody waiting."""
    made = iter(range(1_000_000))

    def promise(key=A, lane=1, owner="t", cost=1, count=1, **more):
        ids = []
        for _ in range(count):
            promised = jobs.promise_paced(conn, "sms.send", f"m{next(made)}", Paced(key, lane, owner, cost), **more)
            ids.append(promised.id)
        conn.execute("update jobs set hint_at = 'infinity' where id = any(%s)", (ids,))
        return ids

    return promise


def released(conn, room, limit=100):
    """What is let go now and taken by a worker at once, in its order."""
    pacing.release(conn, room, limits=[limit] * 3)
    return [job.id for job in jobs.lease_released(conn, LEASES, limit=limit)]


def owners(conn, ids):
    found = dict(conn.execute("select id, owner from jobs where id = any(%s)", (ids,)).fetchall())
    return [found[job_id] for job_id in ids]


def finish(conn, ids):
    conn.execute("update jobs set state = 'done', finished_at = now() where id = any(%s)", (ids,))


def test_the_first_of_a_sender_may_be_hinted_at_once_and_who_finds_somebody_waiting_sleeps(conn):
    first = jobs.promise_paced(conn, "sms.send", "a", Paced(A, 1, "t", 1), hint_in_s=5)
    second = jobs.promise_paced(conn, "sms.send", "b", Paced(A, 1, "t", 1), hint_in_s=5)
    assert first.is_first
    assert second.is_first
    conn.execute("update jobs set hint_at = 'infinity' where id = %s", (second.id,))
    third = jobs.promise_paced(conn, "sms.send", "c", Paced(A, 1, "t", 1), hint_in_s=5)
    other = jobs.promise_paced(conn, "sms.send", "d", Paced(B, 1, "t", 1), hint_in_s=5)
    assert not third.is_first
    assert other.is_first
    assert jobs.promise_paced(conn, "sms.send", "c", Paced(A, 1, "t", 1)) is None


def test_what_is_for_later_sleeps_until_it_is_woken(conn, promise):
    later = datetime.now(UTC) + timedelta(hours=1)
    promised = jobs.promise_paced(conn, "sms.send", "later", Paced(A, 1, "t", 1), not_before=later, hint_in_s=5)
    assert not promised.is_first
    assert pacing.queues(conn) == []
    assert pacing.release(conn, {A: 10}, limits=[10] * 3) == 0
    assert pacing.wake(conn) == 0
    conn.execute("update jobs set next_at = now() - interval '1 second'")
    assert pacing.wake(conn) == 1
    assert released(conn, {A: 10}) == [promised.id]


def test_two_workers_never_take_the_same(conn, promise, database_url):
    promise(count=40)
    assert pacing.release(conn, {A: 40}, limits=[40] * 3) == 40

    def take(_):
        with psycopg.connect(database_url) as own:
            return [job.id for job in jobs.lease_released(own, LEASES, limit=4)]

    with ThreadPoolExecutor(4) as pool:
        gone = [job_id for ids in pool.map(take, range(12)) for job_id in ids]
    assert len(gone) == len(set(gone)) == 40


def test_what_has_been_let_go_and_is_not_yet_taken_counts_against_the_room(conn, promise):
    promise(count=5)
    assert pacing.release(conn, {A: 2}, limits=[10] * 3) == 2
    assert pacing.release(conn, {A: 2}, limits=[10] * 3) == 0
    waiting = pacing.let_go(conn)
    assert (waiting.by_lane, waiting.count) == ((0, 2, 0), 2)
    assert 0 <= waiting.waited_s < 60
    assert len(jobs.lease_released(conn, LEASES, limit=1)) == 1
    assert pacing.release(conn, {A: 2}, limits=[10] * 3) == 1


def test_lanes_go_before_turns(conn, promise):
    bulk, answer = promise(lane=2, count=3), promise(lane=0)
    assert released(conn, {A: 1}) == answer
    assert released(conn, {A: 2}) == bulk[:2]
    pacing.release(conn, {A: 1}, limits=[1] * 3)
    late = promise(B, lane=1)
    pacing.release(conn, {B: 1}, limits=[1] * 3)
    assert [job.id for job in jobs.lease_released(conn, LEASES, limit=1)] == late


def test_what_lower_lanes_have_let_go_holds_up_nobody(conn, promise):
    promise(FAST, lane=2, count=20)
    assert pacing.release(conn, {FAST: 20}, limits=[10] * 3) == 10
    answer = promise(B, lane=0)
    assert pacing.release(conn, {FAST: 20, B: 1}, limits=[10, 10, 0]) == 1
    assert [job.id for job in jobs.lease_released(conn, LEASES, limit=1)] == answer


def test_room_is_counted_in_segments_and_the_last_one_may_stand_out(conn, promise):
    promise(cost=2, count=3)
    assert len(released(conn, {A: 3})) == 2  # of 0-2 and 2-4 both begin within three
    assert len(released(conn, {A: 1})) == 1


def test_owners_of_one_sender_take_turns_whoever_came_first_with_how_many(conn, promise):
    promise(owner="big", count=50)
    promise(owner="small", count=3)
    ids = []
    for _ in range(8):
        ids += released(conn, {A: 1}, limit=1)
        finish(conn, ids)
    assert sorted(owners(conn, ids[:7])) == ["big"] * 4 + ["small"] * 3


def test_who_comes_late_does_not_go_before_all_that_wait(conn, promise):
    promise(owner="big", count=50)
    for _ in range(20):
        finish(conn, released(conn, {A: 1}, limit=1))
    promise(owner="late", count=20)
    gone = []
    for _ in range(10):
        ids = released(conn, {A: 1}, limit=1)
        gone += owners(conn, ids)
        finish(conn, ids)
    assert 4 <= gone.count("late") <= 6


def test_long_texts_cost_their_owner_turns(conn, promise):
    promise(owner="long", cost=4, count=10)
    promise(owner="short", cost=1, count=40)
    gone = []
    for _ in range(20):
        ids = released(conn, {A: 1}, limit=1)
        gone += owners(conn, ids)
        finish(conn, ids)
    assert gone.count("short") == pytest.approx(4 * gone.count("long"), abs=5)


def test_where_there_is_not_room_for_all_every_owner_gets_its_first(conn, promise):
    promise(A, owner="a", count=5)
    promise(B, owner="b", count=5)
    promise(FAST, owner="c", count=5)
    assert sorted(owners(conn, released(conn, {A: 5, B: 5, FAST: 5}, limit=3))) == ["a", "b", "c"]


def test_the_queues_are_found_however_long_they_are_with_their_rates_and_without_the_paused(conn, promise):
    promise(A, lane=2, count=300)
    promise(B, lane=0)
    promise(FAST, lane=1)
    promise("+14155550102", lane=1)
    senders.put(conn, Sender(FAST, "short-code", segments_per_s=30))
    senders.pause(conn, "+14155550102", "long-code", seconds=60, reason="30007")
    assert [(queue.key, queue.lane, queue.segments_per_s) for queue in pacing.queues(conn)] == [
        (B, 0, None), (FAST, 1, 30.0), (A, 2, None),
    ]  # fmt: skip
    assert senders.resume(conn, "+14155550102")
    assert not senders.resume(conn, "+14155550102")
    assert len(pacing.queues(conn)) == 4


def test_what_waits_ahead_is_counted_in_segments_by_lane(conn, promise):
    promise(cost=3, lane=0)
    promise(cost=2, lane=1)
    promise(cost=5, lane=2, count=10)
    assert [pacing.ahead(conn, A, lane) for lane in (0, 1, 2)] == [3, 5, 55]
    assert pacing.ahead(conn, B, 2) == 0


def test_without_redis_a_sender_begins_empty_and_keeps_its_pause_over_all_processes(conn, database_url):
    pause = timedelta(seconds=1)
    until = pacing.take(conn, A, pause=pause)
    assert until is not None
    assert until > datetime.now(UTC) + timedelta(seconds=0.5)
    conn.execute("update pace set next_at = clock_timestamp()")

    def take(_):
        with psycopg.connect(database_url) as own:
            return pacing.take(own, A, pause=pause)

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(take, range(16)))
    assert said.count(None) == 1
    conn.execute("update pace set next_at = clock_timestamp() - interval '2 minutes'")
    assert pacing.take(conn, A, pause=pause) is not None  # it was not in use: Redis may have let one go just now


def test_a_person_keeps_the_sender_it_knows_and_new_ones_get_the_emptiest(conn, promise):
    for number in (A, B):
        conn.execute("insert into numbers (phone_number, tenant_id) values (%s, 't')", (number,))
    assert senders.choose(conn, tenant_id="t", to="+15105550001") == A
    promise(A, cost=5)
    assert senders.choose(conn, tenant_id="t", to="+15105550002") == B
    promise(B, cost=9)
    assert senders.choose(conn, tenant_id="t", to="+15105550001") == A
    assert senders.choose(conn, tenant_id="t", to="+15105550002") == B
    senders.pause(conn, B, "long-code", seconds=60, reason="30007")
    assert senders.choose(conn, tenant_id="t", to="+15105550002") == A
    assert senders.choose(conn, tenant_id="nobody", to="+15105550002") is None


def test_a_pause_is_never_made_shorter(conn):
    senders.pause(conn, A, "long-code", seconds=600, reason="first")
    senders.pause(conn, A, "long-code", seconds=6, reason="second")
    (sender,) = senders.find(conn, [A, B])
    assert sender.paused_until is not None
    assert sender.paused_until > datetime.now(UTC) + timedelta(minutes=9)
    senders.pause_account(conn, "AC1", seconds=600, reason="20003")
    senders.pause_account(conn, "AC1", seconds=6, reason="20003")
    (until,) = conn.execute("select until from account_pauses").fetchone()
    assert until > datetime.now(UTC) + timedelta(minutes=9)
