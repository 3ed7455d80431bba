"""Real workers that are killed, or stand still, at every step of sending a text: it is sent, and once."""

import json
import signal
from uuid import uuid4

import psycopg
import pytest
import requests

from shared import tasks
from shared.db import senders
from shared.db.migrate import migrate
from shared.db.senders import Sender
from tests.integration.outgoing import kept
from tests.integration.stack.conftest import wait_for
from tests.integration.workers.conftest import ACCOUNT, BUSINESS, CUSTOMER, TENANT
from tests.kills.test_database_outage import OwnPostgres, back
from tests.kills.test_kills import House

TEXTS = 8  # what leaves together


class SendingHouse(House):
    """Workers that send to a simulated Twilio."""

    def __init__(self, folder, redis_url, database_url, twilio):
        super().__init__(folder, redis_url, database_url)
        self.twilio = twilio
        self.env = {
            "TS_TWILIO_API_URL": twilio, "TWILIO_ACCOUNT_SID": ACCOUNT.sid, "TWILIO_AUTH_TOKEN": ACCOUNT.token,
            "TS_SMS_SETTLE_S": "20",
        }  # fmt: skip
        senders.put(self.db, Sender(BUSINESS, "long-code", segments_per_s=1000))

    def start(self, **asked):
        return super().start(queues=["sms"], env=self.env, **asked)

    def wants(self, count=TEXTS):
        """So many texts, promised and hinted as one group."""
        ids = []
        with psycopg.connect(self.database_url) as conn:
            for number in range(count):
                text = kept(
                    conn, tenant_id=TENANT, from_number=BUSINESS, pace_key=BUSINESS, owner=TENANT, to_number=CUSTOMER,
                    body=f"text {number} {uuid4()}",
                )  # fmt: skip
                ids.append(text.promised.id)
            conn.execute("update jobs set hint_at = now() where hint_at = 'infinity'")
        tasks.ring(self.redis)
        return ids

    def time_passes(self):
        """Leases end, what is in doubt has been so for a minute, and what waits is due."""
        self.db.execute(
            "update messages set sending_since = sending_since - interval '1 minute' where send_state in ('sending', 'unknown')"
        )
        self.db.execute(
            "update jobs set lease_until = now(), next_at = now(), hint_at = now() - interval '1 second', awake = true"
            " where state = 'due'"
        )

    def is_settled(self):
        return self.one("select count(*) from jobs where kind = 'sms.send' and state = 'due'") == 0

    def goes_on(self):
        """Others take over, and time passes for as long as anything is left that they have not in hand."""
        self.time_passes()

        def settled():
            if not self.is_settled() and self.one(
                "select count(*) from jobs where state = 'due' and (lease_until is null or lease_until <= now())"
            ):
                self.time_passes()
            return self.is_settled()

        wait_for(settled, "every text is settled")

    def ledger(self):
        lines = requests.get(f"{self.twilio}/sim/ledger", timeout=10).text.splitlines()
        return [json.loads(line) for line in lines]

    def trouble(self, **fault):
        wish = {"data": [{"times": 1, "path": "Messages", "method": "POST", **fault}]}
        requests.put(f"{self.twilio}/sim/faults", json=wish, timeout=10).raise_for_status()

    def made(self):
        """(our id, its SID) of every message that Twilio has made."""
        return sorted((line["message_id"], line["sid"]) for line in self.ledger() if line["sid"])

    def sent_once_each(self, count=TEXTS):
        ours = self.db.execute(
            "select id::text, message_sid from messages where send_state = 'handed' order by 1"
        ).fetchall()
        assert len(ours) == count
        assert self.made() == ours


@pytest.fixture
def house(tmp_path, redis_url, database_url, twilio):
    made = SendingHouse(tmp_path, redis_url, database_url, twilio)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("step", "taken"), [("leased", 0), ("turn", 0), ("answered", TEXTS), ("recording", TEXTS), ("recorded", TEXTS)]
)
def test_a_worker_killed_at_any_step_leaves_every_text_to_be_sent_once(house, step, taken):
    house.wants()
    hand = house.start(sending=step)
    wait_for(hand.child.has_ended, "it kills itself")
    assert len(house.made()) == taken
    house.start(name="two").ready()
    house.goes_on()
    house.sent_once_each()


def test_a_worker_killed_while_twilio_has_the_requests_leaves_every_text_to_be_sent_once(house):
    house.trouble(times=TEXTS, delay_s=30, when="after")
    house.wants()
    hand = house.start().ready()
    wait_for(lambda: len(house.made()) == TEXTS, "Twilio has them, and has not answered")
    hand.child.send(signal.SIGKILL)
    wait_for(hand.child.has_ended, "it is dead")
    assert house.one("select count(*) from messages where send_state = 'sending'") == TEXTS
    house.start(name="two").ready()
    house.goes_on()
    house.sent_once_each()


def test_a_worker_that_stood_still_before_the_requests_sends_nothing_when_it_wakes(house):
    house.wants()
    still = house.start(sending="turn", stops=True, fresh_s=0.5)
    wait_for(lambda: house.one("select count(*) from messages where send_state = 'sending'") == TEXTS, "it is stopped")
    house.start(name="two").ready()
    house.goes_on()
    house.sent_once_each()
    still.child.send(signal.SIGCONT)
    wait_for(lambda: '"job_attempted"' in still.said(), "it has woken")
    house.sent_once_each()


def test_a_worker_that_stood_still_over_its_answers_changes_nothing_when_it_wakes(house):
    house.wants()
    still = house.start(sending="answered", stops=True)
    wait_for(lambda: len(house.made()) == TEXTS, "Twilio has them, and nobody knows")
    house.start(name="two").ready()
    house.goes_on()
    before = house.db.execute("select id, message_sid, status from messages order by id").fetchall()
    still.child.send(signal.SIGCONT)
    wait_for(lambda: still.said().count('"job_attempted"') == TEXTS, "it has woken")
    assert house.db.execute("select id, message_sid, status from messages order by id").fetchall() == before
    house.sent_once_each()


def test_postgresql_that_restarts_before_the_answers_are_written_down_costs_no_text(tmp_path, redis_url, twilio):
    own = OwnPostgres(tmp_path)
    migrate(own.url)
    house = SendingHouse(tmp_path, redis_url, own.url, twilio)
    try:
        house.trouble(times=TEXTS, delay_s=3, when="after")
        house.wants()
        house.start().ready()
        wait_for(lambda: len(house.made()) == TEXTS, "Twilio has them, and has not answered")
        own.stop_at_once()
        back(house, own)
        house.goes_on()
        house.sent_once_each()
    finally:
        house.close()
        own.child.kill()


def test_the_same_texts_hinted_at_many_times_in_any_order_are_sent_once(house):
    """By the releasers of three workers too."""
    ids = house.wants(24)
    for shift in range(8):
        turned = ids[shift:] + ids[:shift]
        tasks.hint_many(house.redis, [("sms.send", job_id) for job_id in (*turned, *turned[::-1])])
    for name in ("one", "two", "three"):
        house.start(name=name, threads=4)
    wait_for(house.is_settled, "all are sent")
    house.sent_once_each(24)
    assert len(house.ledger()) == 24
