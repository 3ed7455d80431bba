"""Real workers that are killed, or stand still, at every step of placing a call: nobody's phone rings twice."""

import contextlib
import signal
from uuid import uuid4

import psycopg
import pytest
import requests

from shared import tasks
from shared.db import jobs, placed_calls
from shared.domain import call_documents
from shared.domain.routing import Number
from shared.domain.twiml import Urls
from tests.integration.stack.conftest import wait_for
from tests.integration.workers.conftest import ACCOUNT, BUSINESS, TENANT
from tests.kills.test_kills import House

CALLS = 4
DOCUMENT = call_documents.placed(Number(BUSINESS, TENANT), call_documents.Script(say="Hello"), Urls("https://x"))


class CallingHouse(House):
    """Workers that place calls at a simulated Twilio."""

    def __init__(self, folder, redis_url, database_url, twilio):
        super().__init__(folder, redis_url, database_url)
        self.twilio = twilio
        self.env = {
            "TS_TWILIO_API_URL": twilio, "TWILIO_ACCOUNT_SID": ACCOUNT.sid, "TWILIO_AUTH_TOKEN": ACCOUNT.token,
        }  # fmt: skip

    def start(self, **asked):
        return super().start(queues=["calls"], env=self.env, **asked)

    def wants(self, count=1):
        """So many calls, each to another person, promised and hinted at."""
        with psycopg.connect(self.database_url) as conn:
            ids = [self._wants(conn, number) for number in range(count)]
        tasks.hint_many(self.redis, [("call.place", job_id) for job_id in ids])
        return ids

    def _wants(self, conn, number):
        asked = placed_calls.insert(
            conn, call_id=uuid4(), client="crm", tenant_id=TENANT, from_number=BUSINESS, to_number=f"+1212555{number:04}",
            purpose="conversation", plan={"say": "Hello", "ring_s": 30, "twiml": DOCUMENT}, permission={},
            validity_s=600,
        )  # fmt: skip
        return jobs.promise(conn, "call.place", str(asked.id), hint_in_s=5.0)

    def trouble(self, **fault):
        wish = {"data": [{"times": 1, "path": "Calls", "method": "POST", **fault}]}
        requests.put(f"{self.twilio}/sim/faults", json=wish, timeout=10).raise_for_status()

    def made(self):
        """Whom Twilio has called, each time it did."""
        return sorted(call["to"] for call in requests.get(f"{self.twilio}/sim/calls", timeout=10).json()["data"])

    def states(self):
        return self.db.execute("select state, error_reason, count(*)::int from placed_calls group by 1, 2").fetchall()

    def goes_on(self):
        """Others take over, and time passes for as long as anything is left that they have not in hand."""
        self.time_passes()
        wait_for(lambda: self.is_settled() or (self.time_passes() and False), "every call is settled")

    def is_settled(self):
        return self.one("select count(*) from jobs where kind = 'call.place' and state = 'due'") == 0

    def time_passes(self):
        """Leases end, what is in doubt has been so for a minute more, and what waits is due."""
        # A worker at work on a call locks the two the other way round: whoever gives way, time passes at the next look.
        with contextlib.suppress(psycopg.errors.DeadlockDetected):
            self.db.execute(
                """
                with ended as (
                    update jobs set lease_until = null, next_at = now(), hint_at = now() - interval '1 second'
                     where state = 'due' and kind = 'call.place'
                       and (lease_until is null or lease_until <= now() or attempts = 1) returning ref)
                update placed_calls set placing_since = placing_since - interval '1 minute'
                  from ended where id::text = ref and state in ('placing', 'unknown')
                """
            )
        return True


@pytest.fixture
def house(tmp_path, redis_url, database_url, twilio):
    made = CallingHouse(tmp_path, redis_url, database_url, twilio)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("step", "taken", "ends"),
    [
        ("begun", 0, ("placed", None, 1)),
        ("marked", 0, ("refused", "in_doubt", 1)),
        ("answered", 1, ("placed", None, 1)),
        ("recording", 1, ("placed", None, 1)),
        ("recorded", 1, ("placed", None, 1)),
    ],
)
def test_a_worker_killed_at_any_step_leaves_the_call_to_be_placed_once_or_not_at_all(house, step, taken, ends):
    house.wants()
    hand = house.start(placing=step)
    wait_for(hand.child.has_ended, "it kills itself")
    assert len(house.made()) == taken
    house.start(name="two").ready()
    house.goes_on()
    assert house.states() == [ends]
    assert len(house.made()) == (ends[0] == "placed")
    assert house.one("select count(*) from placed_calls join calls using (id, call_sid)") == len(house.made())


def test_a_worker_killed_while_twilio_has_the_requests_leaves_every_call_to_be_found(house):
    house.trouble(times=CALLS, delay_s=30, when="after")
    house.wants(CALLS)
    hand = house.start(threads=CALLS).ready()
    wait_for(lambda: len(house.made()) == CALLS, "Twilio has them, and has not answered")
    hand.child.send(signal.SIGKILL)
    wait_for(hand.child.has_ended, "it is dead")
    assert house.states() == [("placing", None, CALLS)]
    house.start(name="two", threads=2).ready()
    house.goes_on()
    assert house.states() == [("placed", None, CALLS)]
    assert len(set(house.made())) == len(house.made()) == CALLS


def test_a_worker_that_stood_still_before_the_request_dials_nobody_when_it_wakes(house):
    house.wants()
    still = house.start(placing="marked", stops=True, fresh_s=0.5)
    wait_for(lambda: house.states() == [("placing", None, 1)], "it is stopped")
    house.start(name="two").ready()
    house.goes_on()
    assert house.states() == [("refused", "in_doubt", 1)]
    still.child.send(signal.SIGCONT)
    wait_for(lambda: '"job_attempted"' in still.said(), "it has woken")
    assert house.made() == []
    assert house.states() == [("refused", "in_doubt", 1)]


def test_a_worker_that_stood_still_over_its_answer_changes_nothing_when_it_wakes(house):
    house.wants()
    still = house.start(placing="answered", stops=True)
    wait_for(house.made, "Twilio has it, and nobody knows")
    house.start(name="two").ready()
    house.goes_on()
    before = house.db.execute("select id, call_sid, state from placed_calls").fetchall()
    still.child.send(signal.SIGCONT)
    wait_for(lambda: '"job_attempted"' in still.said(), "it has woken")
    assert house.db.execute("select id, call_sid, state from placed_calls").fetchall() == before
    assert len(house.made()) == 1


def test_the_same_calls_hinted_at_many_times_to_many_workers_are_placed_once(house):
    ids = house.wants(CALLS)
    for _ in range(8):
        tasks.hint_many(house.redis, [("call.place", job_id) for job_id in (*ids, *ids[::-1])])
    for name in ("one", "two"):
        house.start(name=name, threads=4)
    wait_for(house.is_settled, "all are placed")
    assert house.states() == [("placed", None, CALLS)]
    assert len(set(house.made())) == len(house.made()) == CALLS
