from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from shared.db import jobs
from shared.db.outage import is_outage
from shared.errors import Deferred, Permanent, Transient, Unknown
from tests.integration.stack.conftest import wait_for
from workers import dispatch, execute
from workers.execute import Work, patiently, plainly

LEASES = {"sms.send": 30.0, "deliver": 30.0}


def promised(world, ref="r", kind="sms.send", **more):
    with world.rt.db.connection() as conn:
        return jobs.promise(conn, kind, ref, **more)


def leased(world, job_id):
    with world.rt.db.connection() as conn:
        return next(iter(jobs.lease(conn, [job_id], LEASES)), None)


def work(does, gave_up=None):
    def give_up(conn, job, outcome):
        (gave_up if gave_up is not None else []).append(outcome.reason)

    return {"sms.send": Work(plainly(does), give_up, lease_s=30, wait_s=patiently(3))}


def test_a_promise_is_made_once(world):
    assert promised(world) is not None
    assert promised(world) is None


def test_finished_work_is_done_once_more_when_somebody_asks_again_but_not_twice_at_once(world):
    job_id = promised(world)

    def asked_again():
        with world.rt.db.connection() as conn:
            return jobs.renew(conn, "sms.send", "r")

    assert asked_again() is None
    execute.run(world.rt, work(lambda rt, job: None), job_id)
    assert asked_again() == job_id
    assert world.rows("select state, attempts, finished_at from jobs") == [("due", 0, None)]


def test_of_many_workers_one_gets_the_job(world):
    job_id = promised(world)
    with ThreadPoolExecutor(8) as workers:
        got = [job for job in workers.map(lambda _: leased(world, job_id), range(8)) if job]
    assert [job.fence for job in got] == [1]


def test_a_lease_that_ran_out_is_given_to_the_next_and_the_first_can_record_nothing(world):
    job_id = promised(world)
    slow = leased(world, job_id)
    world.rows("update jobs set lease_until = now() returning id")
    quick = leased(world, job_id)
    with world.rt.db.connection() as conn:
        assert jobs.done(conn, [slow]) == 0
        assert jobs.again(conn, slow, delay_s=0, reason="x") is False
        assert jobs.done(conn, [quick]) == 1
        assert jobs.done(conn, [quick]) == 0


def test_in_one_order_the_second_waits_for_the_first_and_other_orders_do_not(world):
    first = promised(world, "1", order_key="a")
    second = promised(world, "2", order_key="a")
    other = promised(world, "3", order_key="b")
    assert leased(world, second) is None
    assert leased(world, other) is not None
    job = leased(world, first)
    assert leased(world, second) is None
    with world.rt.db.connection() as conn:
        jobs.failed(conn, job, "whatever")
    assert leased(world, second) is not None


def test_a_hint_goes_out_once_and_again_only_after_a_while(world):
    job_id = promised(world)
    assert dispatch.once(world.rt) == 1
    assert dispatch.once(world.rt) == 0
    assert world.rt.redis.llen("sms") == 1
    world.rows("update jobs set hint_at = now() where id = %s returning id", job_id)
    assert dispatch.once(world.rt) == 1


def test_everything_that_is_ready_is_hinted_at_in_one_round(world):
    for ref in "abc":
        promised(world, ref)
    assert dispatch.once(world.rt) == 3
    assert world.rt.redis.llen("sms") == 3


def test_who_rings_for_himself_is_left_alone_by_the_dispatcher_at_first(world):
    promised(world, hint_in_s=60)
    assert dispatch.once(world.rt) == 0


def test_work_behind_another_is_not_hinted_at(world):
    promised(world, "1", order_key="a")
    promised(world, "2", order_key="a")
    assert dispatch.once(world.rt) == 1


def test_finishing_one_wakes_the_next_of_its_order_and_nobody_else(world):
    first, second, third = (promised(world, ref, order_key="a") for ref in "123")
    assert dispatch.once(world.rt) == 1
    assert dispatch.once(world.rt) == 0
    job = leased(world, first)
    with world.rt.db.connection() as conn:
        jobs.done(conn, [job])
    assert dispatch.once(world.rt) == 1
    assert leased(world, third) is None
    assert leased(world, second) is not None


def test_what_waits_behind_nothing_any_more_is_let_go(world):
    first = promised(world, "1", order_key="a")
    second = promised(world, "2", order_key="a")
    world.rows("delete from jobs where id = %s returning id", first)
    with world.rt.db.connection() as conn:
        assert jobs.unblock_orphans(conn) == 1
        assert jobs.unblock_orphans(conn) == 0
    assert leased(world, second) is not None


def test_promises_and_endings_of_one_order_at_the_same_time_leave_nobody_asleep(world):
    def promise_one(number):
        promised(world, f"r{number}", order_key="a")

    def work_off():
        done = 0
        while done < 40:
            for (job_id,) in world.rows("select id from jobs where state = 'due' and hint_at < 'infinity' order by id"):
                if job := leased(world, job_id):
                    with world.rt.db.connection() as conn:
                        done += jobs.done(conn, [job])
        return done

    with ThreadPoolExecutor(5) as people:
        ended = people.submit(work_off)
        list(people.map(promise_one, range(40)))
        assert ended.result(timeout=60) == 40
    order = world.rows("select id from jobs order by finished_at, id")
    assert order == sorted(order)


def test_a_delayed_job_is_left_alone_until_its_time_or_until_it_is_hurried(world):
    job_id = promised(world, delay_s=3600)
    assert leased(world, job_id) is None
    with world.rt.db.connection() as conn:
        jobs.hurry(conn, "sms.send", "r")
    assert leased(world, job_id) is not None


@pytest.mark.parametrize(
    ("raised", "outcome", "state", "attempts"),
    [
        (None, "done", "done", 1),
        (Transient("later"), "transient", "due", 1),
        (Unknown("perhaps"), "unknown", "due", 1),
        (Permanent("never"), "failed", "failed", 1),
        (Deferred("night", until=datetime.now(UTC) + timedelta(hours=1)), "deferred", "due", 0),
        (RuntimeError("a bug"), "permanent", "due", 1),
    ],
)
def test_each_outcome_becomes_the_rows_next_state(world, raised, outcome, state, attempts):
    def does(rt, job):
        if raised:
            raise raised

    job_id = promised(world)
    assert execute.run(world.rt, work(does), job_id) == outcome
    assert world.rows("select state, attempts, lease_until from jobs") == [(state, attempts, None)]


def test_patience_ends_and_somebody_is_told(world):
    def does(rt, job):
        raise Transient("still down")

    gave_up: list[str] = []
    job_id = promised(world)
    outcomes = []
    for _ in range(3):
        world.rows("update jobs set next_at = now() returning id")
        outcomes.append(execute.run(world.rt, work(does, gave_up), job_id))
    assert outcomes == ["transient", "transient", "failed"]
    assert gave_up == ["still down"]


def test_we_wait_as_long_as_we_are_asked_to(world):
    def does(rt, job):
        raise Transient("throttled", retry_after_s=120)

    execute.run(world.rt, work(does), promised(world))
    assert world.one("select next_at > now() + interval '110 seconds' from jobs")


def test_a_bug_is_tried_a_few_times_and_then_left_for_a_person(world):
    def does(rt, job):
        raise KeyError("oops")

    job_id = promised(world)
    outcomes = []
    for _ in range(execute.BUG_TRIES):
        world.rows("update jobs set next_at = now() returning id")
        outcomes.append(execute.run(world.rt, work(does), job_id))
    assert outcomes == ["permanent"] * (execute.BUG_TRIES - 1) + ["failed"]
    assert world.one("select last_error from jobs") == "bug: KeyError"


def test_when_postgresql_goes_away_in_the_work_the_lease_brings_it_back(world):
    def does(rt, job):
        raise psycopg.OperationalError("gone")

    job_id = promised(world)
    with pytest.raises(psycopg.OperationalError):
        execute.run(world.rt, work(does), job_id)
    assert world.rows("select state, lease_until > now() from jobs") == [("due", True)]


@pytest.mark.parametrize(
    "fault", [psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.IdleInTransactionSessionTimeout]
)
def test_an_outage_of_postgresql_in_the_middle_is_no_bug_of_the_work_however_often_it_was_tried(world, fault):
    job_id = promised(world)
    world.rows(f"update jobs set attempts = {execute.BUG_TRIES} returning id")

    def broke(rt, job):
        raise fault

    with pytest.raises(fault):
        execute.run(world.rt, work(broke), job_id)
    assert world.rows("select state, last_error from jobs") == [("due", None)]


def test_a_session_that_stood_still_in_its_transaction_says_so_in_a_way_we_take_for_an_outage(world):
    with pytest.raises(psycopg.Error) as told:
        stand_still(world)
    assert is_outage(told.value)


def stand_still(world):
    with world.rt.db.connection() as conn:
        conn.execute("set local idle_in_transaction_session_timeout = 20")
        gone = f"select count(*) = 0 from pg_stat_activity where pid = {conn.info.backend_pid}"
        wait_for(lambda: world.one(gone), "PostgreSQL has thrown it out")
        conn.execute("select 1")
