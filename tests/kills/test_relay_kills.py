"""Real workers that are killed, or stand still, while they tell a subscriber: it hears of everything, in order."""

import itertools
import random
import signal

import psycopg
import pytest

from shared.db import endpoints, notifications
from shared.db.endpoints import Endpoint
from tests.integration.stack.conftest import wait_for
from tests.integration.workers.conftest import SECRET, Subscriber
from tests.kills.test_kills import House

pytestmark = pytest.mark.made_up_notices

ORDERS, EACH = 4, 6
ALL = ORDERS * EACH


class TellingHouse(House):
    """Workers with a subscriber that notes what it hears."""

    def __init__(self, folder, redis_url, database_url):
        super().__init__(folder, redis_url, database_url)
        self.subscriber = Subscriber()
        endpoints.put(self.db, Endpoint("all", self.subscriber.url, "standard", SECRET, [], None, True))

    def start(self, **asked):
        return super().start(queues=["notify"], env={"TS_EVENT_ALLOW": "127.0.0.1"}, **asked)

    def promises(self, each=EACH, first=0):
        """So many notifications of each order, in turn."""
        with psycopg.connect(self.database_url) as conn:
            for nth, order in itertools.product(range(first, first + each), range(ORDERS)):
                notifications.notify(
                    conn, "call.status", subject=f"{order}:{nth}", tenant_id=None, order_key=f"order {order}",
                    data={"order": order, "nth": nth},
                )  # fmt: skip

    def due(self):
        return self.one("select count(*) from jobs where kind = 'deliver' and state = 'due'")

    def goes_on(self):
        """Others take over: the leases of the dead end."""
        self.leases_of_jobs_end()
        wait_for(lambda: self.due() == 0, "everything has been told")

    def leases_of_jobs_end(self):
        self.db.execute("update jobs set lease_until = now() where state = 'due' and lease_until is not null")

    def heard(self):
        """Of each order, what came, in order; what came twice in a row counts once."""
        came = {order: [] for order in range(ORDERS)}
        for _, _, body in self.subscriber.got:
            came[body["data"]["order"]].append(body["data"]["nth"])
        return {order: [nth for nth, _ in itertools.groupby(each)] for order, each in came.items()}

    def heard_in_order(self, each=EACH):
        assert self.heard() == {order: list(range(each)) for order in range(ORDERS)}
        assert self.one("select count(*) from deliveries where outcome is distinct from 'delivered'") == 0
        ids = {
            body["data"]["order"] * 1000 + body["data"]["nth"]: headers["webhook-id"]
            for _, headers, body in self.subscriber.got
        }
        assert (
            len(set(ids.values()))
            == ORDERS * each
            == len({headers["webhook-id"] for _, headers, _ in self.subscriber.got})
        )

    def close(self):
        super().close()
        self.subscriber.close()


@pytest.fixture
def house(tmp_path, redis_url, database_url):
    made = TellingHouse(tmp_path, redis_url, database_url)
    yield made
    made.close()


@pytest.mark.parametrize("step", ["taken", "answered", "recording", "recorded"])
def test_a_worker_killed_at_any_step_leaves_everything_told_in_order(house, step):
    house.promises()
    hand = house.start(telling=step)
    wait_for(hand.child.has_ended, "it kills itself")
    assert house.due() > 0
    house.start(name="two").ready()
    house.goes_on()
    house.heard_in_order()


def test_workers_killed_at_random_moments_tell_everything_in_order(house):
    moments = random.Random(11)
    house.promises(each=60)
    for number in range(4):
        hand = house.start(name=f"w{number}").ready()
        enough = ORDERS * 60 - house.due() + moments.randrange(5, 40)
        wait_for(lambda enough=enough: ORDERS * 60 - house.due() >= enough, "it is in the middle")
        hand.kill()
        house.leases_of_jobs_end()
    house.start(name="last").ready()
    house.goes_on()
    house.heard_in_order(each=60)
    assert len(house.subscriber.got) <= ORDERS * 60 + 4 * ORDERS  # twice: only what was in a dead hand


def test_a_worker_that_stood_still_over_its_answers_changes_nothing_when_it_wakes(house):
    house.promises()
    still = house.start(telling="answered", stops=True)
    wait_for(lambda: house.subscriber.got, "the subscriber has heard, and nobody has written it down")
    house.start(name="two").ready()
    house.goes_on()
    house.heard_in_order()
    before = house.db.execute("select id, outcome, attempts from deliveries order by id").fetchall()
    still.child.send(signal.SIGCONT)
    wait_for(lambda: '"job_attempted"' in still.said(), "it has woken")
    assert house.db.execute("select id, outcome, attempts from deliveries order by id").fetchall() == before
