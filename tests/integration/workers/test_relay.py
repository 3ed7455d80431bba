"""The relay on the real stores, telling a real HTTP server."""

from datetime import timedelta

import pytest

from shared.db import endpoints, jobs, notifications
from shared.db.endpoints import Endpoint
from shared.domain.circuit import TRIP
from tests.integration.stack.conftest import wait_for
from tests.integration.workers.conftest import BUSINESS, SECRET, event
from workers.relay import Relay


@pytest.fixture
def relay(world):
    opened = Relay(world.rt)
    yield opened
    opened.close()


def texts_arrive(world, *customers):
    world.listens_only("all")
    world.happens(
        *[
            event("message", MessageSid=f"SM{n:032x}", SmsStatus="received", From=customer, To=BUSINESS, Body=f"{n}")
            for n, customer in enumerate(customers)
        ]
    )


def bodies(world):
    return [body["data"]["body"] for _, _, body in world.subscriber.got]


def customers(count):
    return [f"+1212555{n:04d}" for n in range(count)]


def health(world):
    return world.rows("select circuit, failures from endpoint_states where endpoint_id = 'all'")


def probe(world):
    """The time of the next probe has come."""
    world.rows("update endpoint_states set probe_at = now() where probe_at is not null returning 1")


def test_everything_is_told_and_written_down(world, relay):
    texts_arrive(world, *customers(20))
    assert relay.drain() == 20
    assert sorted(bodies(world), key=int) == [str(n) for n in range(20)]
    assert world.rows("select outcome, attempts, http_status, count(*) from deliveries group by 1, 2, 3") == [
        ("delivered", 1, 200, 20)
    ]
    assert world.rows("select nth, http_status, error, count(*) from delivery_attempts group by 1, 2, 3") == [
        (1, 200, None, 20)
    ]
    assert world.rows("select state, count(*) from jobs where kind = 'deliver' group by 1") == [("done", 20)]


def test_one_customers_texts_are_told_in_order(world, relay):
    texts_arrive(world, *[customers(1)[0]] * 12)
    relay.drain()
    assert bodies(world) == [str(n) for n in range(12)]


def test_a_refused_notification_holds_up_its_own_customer_only(world, relay):
    world.subscriber.answers = [(422, {})]
    world.rows("update endpoints set concurrency = 1 returning 1")
    first, second = customers(2)
    texts_arrive(world, first, first, second)
    relay.drain()
    assert bodies(world) == ["0", "2"]
    world.time_passes()
    relay.drain()
    assert bodies(world) == ["0", "2", "0", "1"]
    assert health(world) == [("closed", 0)]


def test_an_endpoint_that_fails_is_left_alone_until_its_probe(world, relay):
    world.subscriber.answers = [(503, {})] * 100
    texts_arrive(world, *customers(40))
    relay.drain()
    asked = len(world.subscriber.got)
    assert TRIP <= asked <= 8 + TRIP
    assert health(world)[0][0] == "open"
    world.time_passes()
    relay.drain()
    assert len(world.subscriber.got) == asked
    probe(world)
    relay.drain()
    assert len(world.subscriber.got) == asked + 1
    assert health(world)[0][0] == "open"


def test_all_is_told_once_a_probe_has_been_answered(world, relay):
    world.subscriber.answers = [(503, {})] * 8
    texts_arrive(world, *customers(40))
    relay.drain()
    probe(world)
    relay.drain()
    assert set(bodies(world)) == {str(n) for n in range(40)}
    assert world.rows("select outcome, count(*) from deliveries group by 1") == [("delivered", 40)]
    assert health(world) == [("closed", 0)]


def test_what_waits_for_a_disabled_endpoint_is_kept(world, relay):
    texts_arrive(world, *customers(3))
    world.listens_only("nobody")
    assert relay.drain() == 0
    world.listens_only("all")
    assert relay.drain() == 3


def test_whoever_is_gone_is_disabled_and_the_others_hear_of_it(world, relay):
    world.subscriber.answers = [(410, {})]
    texts_arrive(world, *customers(1))
    with world.rt.db.connection() as conn:
        endpoints.put(conn, Endpoint("other", f"{world.subscriber.url}/other", "standard", SECRET, [], None, True))
    relay.drain()
    assert world.rows("select enabled, disabled_reason from endpoints where id = 'all'") == [(False, "gone")]
    assert world.rows("select outcome, last_error from deliveries where endpoint_id = 'all'") == [
        ("failed", "http_410")
    ]
    path, _, body = world.subscriber.got[-1]
    assert (path, body["type"], body["data"]["endpoint_id"], body["data"]["reason"]) == (
        "/other", "endpoint.disabled", "all", "gone",
    )  # fmt: skip


def test_days_of_nothing_but_failures_disable(world, relay):
    world.subscriber.answers = [(500, {})] * 9
    texts_arrive(world, *customers(9))
    relay.drain()
    world.rows(
        "update endpoint_states set failing_since = failing_since - %s where failing_since is not null returning 1",
        timedelta(days=5),
    )
    probe(world)
    world.time_passes()
    relay.drain()
    assert world.rows("select enabled, disabled_reason from endpoints where id = 'all'") == [(False, "failing")]
    assert world.rows("select count(*) from jobs where kind = 'deliver' and state = 'due'")[0][0] == 9


def test_quiet_that_was_asked_for_is_kept(world, relay):
    texts_arrive(world, *customers(30))
    world.rows("update endpoint_states set paused_until = now() + interval '1 hour' returning 1")
    assert relay.drain() == 0
    world.rows("update endpoint_states set paused_until = now() returning 1")
    assert relay.drain() == 30


def test_a_rate_is_kept(world, relay):
    world.rows("update endpoints set rate_per_s = 5 returning 1")
    texts_arrive(world, *customers(30))
    assert relay.drain() <= 8  # a second's worth at once, and what a slow machine earns meanwhile
    world.rows("update endpoint_states set free_at = 'epoch' returning 1")
    assert 5 <= relay.drain() <= 8


def test_two_relays_keep_to_one_concurrency(world, relay):
    world.rows("update endpoints set concurrency = 2 returning 1")
    texts_arrive(world, *customers(6))
    with world.rt.db.connection() as conn:
        conn.execute(
            """
            update jobs set lease_until = now() + interval '1 minute'
             where id in (select id from jobs where group_key = 'all' limit 2)
            """
        )
    assert relay.drain() == 0


def test_a_notification_promised_twice_is_told_once(world, relay):
    texts_arrive(world, *customers(1))
    relay.drain()
    texts_arrive(world, *customers(1))
    relay.drain()
    assert len(world.subscriber.got) == 1


def test_an_order_that_somebody_adds_to_is_waited_for(world, relay):
    """Whoever records several answers may not wait for an order while it holds another."""
    texts_arrive(world, *customers(2))
    with world.rt.db.connection() as conn:
        key = conn.execute("select order_key from jobs where group_key = 'all' order by id limit 1").fetchone()[0]
        taken = jobs.lease(
            conn, [row[0] for row in conn.execute("select id from jobs where group_key = 'all'")], {"deliver": 60.0}
        )
    with world.rt.db.connection() as other:
        other.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (key,))
        with world.rt.db.connection() as conn:
            left = jobs.done_where_free(conn, taken)
    assert [job.order_key for job in left] == [key]
    assert world.rows("select state, count(*) from jobs where kind = 'deliver' group by 1 order by 1") == [
        ("done", 1),
        ("due", 1),
    ]


def test_while_a_secret_is_replaced_both_sign(world, relay):
    world.rows(
        """
        update endpoints set previous_secret = secret, previous_until = now() + interval '1 day', secret = %s
         where id = 'all' returning 1
        """,
        "whsec_" + "A" * 32,
    )
    texts_arrive(world, *customers(1))
    relay.drain()
    assert len(world.subscriber.got[0][1]["webhook-signature"].split(" ")) == 2


def test_headers_of_the_endpoint_are_sent(world, relay):
    world.rows("""update endpoints set headers = '{"x-team": "blue"}' where id = 'all' returning 1""")
    texts_arrive(world, *customers(1))
    relay.drain()
    assert world.subscriber.got[0][1]["x-team"] == "blue"


@pytest.mark.made_up_notices
def test_a_promise_behind_another_of_its_order_waits(world):
    with world.rt.db.connection() as conn:
        for n in range(2):
            notifications.notify(conn, "call.status", subject=f"{n}", tenant_id=None, order_key="one", data={})
    assert world.rows("select count(*) from jobs where group_key = 'all' and hint_at = 'infinity'") == [(1,)]


def test_an_endpoint_that_has_become_another_tenants_is_not_told_what_waited(world, relay):
    texts_arrive(world, *customers(2))
    world.rows("update endpoints set tenant_id = 'somebody-else' where id = 'all' returning id")
    assert relay.drain() == 2
    assert world.subscriber.got == []
    assert world.rows("select outcome, attempts from deliveries where endpoint_id = 'all'") == [("skipped", 0)] * 2


def test_what_is_under_way_at_the_end_is_recorded_and_nothing_more_is_taken(world):
    ending = Relay(world.rt)
    world.subscriber.gate.clear()
    world.rows("update endpoints set concurrency = 3 returning 1")
    texts_arrive(world, *customers(5))
    assert ending.once() == 3
    wait_for(lambda: len(world.subscriber.got) == 3, "three are being told")
    world.subscriber.gate.set()
    ending.close()
    assert world.rows("select outcome, count(*) from deliveries group by 1 order by 1") == [("delivered", 3), (None, 2)]
    assert len(world.subscriber.got) == 3
