"""The queues of paced work: fair turns, lanes, waking, and the bucket in PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from shared.db import jobs, pacing, promises, senders
from shared.db.senders import Sender
from tests.integration.outgoing import kept, outgoing

SERVICE = "MG" + "5" * 32
LEASES = {"sms.send": 30.0}
A, B, FAST = "+14155550100", "+14155550101", "12345"


@pytest.fixture
def conn(database_url):
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def promise(conn):
    """Promises texts; they all sleep, as those do that find somebody waiting."""

    def promise(key=A, lane=1, owner="t", cost=1, count=1, **more):
        ids = []
        for _ in range(count):
            ids.append(kept(conn, pace_key=key, lane=lane, owner=owner, cost=cost, **more).promised.id)
        conn.execute("update jobs set hint_at = 'infinity' where id = any(%s)", (ids,))
        return ids

    return promise


def chosen(conn, to):
    return senders.choose(conn, tenant_id="t", asked=[(to, 1)])[to]


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
    first = kept(conn, pace_key=A).promised
    second = kept(conn, pace_key=A).promised
    assert first.is_first
    assert second.is_first
    conn.execute("update jobs set hint_at = 'infinity' where id = %s", (second.id,))
    assert not kept(conn, pace_key=A).promised.is_first
    assert kept(conn, pace_key=B).promised.is_first


def test_of_many_that_are_promised_together_all_wait_for_the_releaser(conn):
    promised = promises.keep(conn, [outgoing(pace_key=A, is_alone=False, cost=2) for _ in range(3)]).values()
    assert [each.promised.is_first for each in promised] == [False] * 3
    assert [row[0] for row in conn.execute("select turn from jobs order by id")] == [2, 4, 6]


def test_a_text_under_a_key_that_was_used_before_is_left_out_and_promises_nothing(conn):
    kept(conn, idempotency_key="k-1")
    same, other = outgoing(idempotency_key="k-1"), outgoing(idempotency_key="k-2")
    twin = outgoing(idempotency_key="k-2")
    assert [*promises.keep(conn, [same, other, twin])] == [other.id]
    assert conn.execute("select count(*) from jobs").fetchone() == (2,)
    assert conn.execute("select count(*) from message_steps").fetchone() == (2,)


def test_what_is_for_later_sleeps_until_it_is_woken(conn, promise):
    later = datetime.now(UTC) + timedelta(hours=1)
    promised = kept(conn, pace_key=A, not_before=later).promised
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


def test_who_leaves_together_is_of_one_lane_and_lower_lanes_can_be_left_to_others(conn, promise):
    bulk, answers = promise(FAST, lane=2, count=3), promise(A, lane=0) + promise(B, lane=0)
    assert pacing.release(conn, {A: 1, B: 1, FAST: 9}, limits=[10] * 3) == 5
    taken = [[job.id for job in jobs.lease_released(conn, LEASES, limit=8, lowest_lane=lane)] for lane in (1, 1, 2)]
    assert [sorted(ids) for ids in taken] == [sorted(answers), [], sorted(bulk)]


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
    senders.put(conn, Sender(A, "long-code", service_sid=SERVICE))
    senders.pause(conn, SERVICE, "service", seconds=60, reason="30032")
    assert [queue.key for queue in pacing.queues(conn)].count(A) == 0


def test_what_waits_ahead_is_counted_in_segments_by_lane(conn, promise):
    promise(cost=3, lane=0)
    promise(cost=2, lane=1)
    promise(cost=5, lane=2, count=10)
    assert [pacing.ahead(conn, A, lane) for lane in (0, 1, 2)] == [3, 5, 55]
    assert pacing.ahead(conn, B, 2) == 0


def test_a_new_text_finds_whose_number_it_is_its_rate_and_what_waits_there(conn, promise):
    conn.execute("insert into numbers (phone_number, tenant_id) values (%s, 't')", (A,))
    senders.put(conn, Sender(B, "long-code", segments_per_s=5))
    promise(A, cost=3, lane=0)
    promise(A, cost=2, lane=1)
    found = pacing.standings(conn, [(A, 0), (A, 1), (B, 2)])
    assert {place: (one.tenant_id, one.segments_per_s, one.ahead) for place, one in found.items()} == {
        (A, 0): ("t", None, 3), (A, 1): ("t", None, 5), (B, 2): (None, 5.0, 0),
    }  # fmt: skip


def test_what_waits_in_a_long_queue_is_estimated_by_its_turns(conn):
    promises.keep(conn, [outgoing(lane=2, cost=2, owner=owner, is_alone=False) for owner in "ab" for _ in range(1500)])
    (found,) = pacing.standings(conn, [(A, 2)]).values()
    assert pacing.ahead(conn, A, 2) == 6000
    assert found.ahead == pytest.approx(6000, rel=0.01)


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
    assert chosen(conn, "+15105550001") == A
    promise(A, cost=5)
    assert chosen(conn, "+15105550002") == B
    promise(B, cost=9)
    assert chosen(conn, "+15105550001") == A
    assert chosen(conn, "+15105550002") == B
    senders.pause(conn, B, "long-code", seconds=60, reason="30007")
    assert chosen(conn, "+15105550002") == A
    assert senders.choose(conn, tenant_id="nobody", asked=[("+15105550002", 1)]) == {}


def test_many_new_people_are_shared_out_among_the_senders_by_what_waits_there(conn, promise):
    for number in (A, B):
        conn.execute("insert into numbers (phone_number, tenant_id) values (%s, 't')", (number,))
    promise(A, cost=4)
    people = [f"+1510555{n:04}" for n in range(10)]
    found = senders.choose(conn, tenant_id="t", asked=[(person, 1) for person in people])
    assert sorted(found) == people
    assert [*found.values()].count(B) == 7
    assert senders.choose(conn, tenant_id="t", asked=[(person, 1) for person in people]) == found


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
