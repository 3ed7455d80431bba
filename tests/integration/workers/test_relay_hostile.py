"""Receivers that hang, drip, break off or lead elsewhere, told by the relay: each fails by a reason, beside a healthy one."""

from dataclasses import replace
from threading import Event, Thread

import pytest

from ops.standins.hostile import Hostile
from shared.db import endpoints
from shared.db.endpoints import Endpoint
from shared.domain.circuit import TRIP
from shared.downstream import Downstream
from tests.integration.stack.conftest import wait_for
from tests.integration.workers.conftest import BUSINESS, SECRET, event
from workers.relay import Relay

# Long enough for a busy machine to answer in, short enough to wait for.
DEADLINE_S = 1.0
CUSTOMERS = 12


@pytest.fixture
def rt(rt):
    """One that has a second for a receiver, and not fifteen."""
    return replace(rt, downstream=Downstream("the-key", rt.settings.event_allow, DEADLINE_S))


@pytest.fixture
def relay(rt):
    """Runs by itself, as in a worker."""
    opened, over = Relay(rt), Event()

    def loop():
        while not over.is_set():
            opened.once()

    thread = Thread(target=loop)
    thread.start()
    yield opened
    over.set()
    opened.bell()
    thread.join()
    opened.close()


def texts_arrive(world, url):
    world.listens_only("all")
    with world.rt.db.connection() as conn:
        endpoints.put(conn, Endpoint("hostile", url, "standard", SECRET, [], None, True))
    world.happens(
        *[
            event(
                "message",
                MessageSid=f"SM{n:032x}",
                SmsStatus="received",
                From=f"+1212555{n:04d}",
                To=BUSINESS,
                Body=f"{n}",
            )
            for n in range(CUSTOMERS)
        ]
    )


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("hang", "timeout"), ("drip_headers", "timeout"), ("drip_body", "timeout"), ("close_at_once", "closed_early"),
        ("close_in_body", "closed_early"), ("garbage", "unreadable_answer"),
    ],
)  # fmt: skip
def test_one_that_is_hostile_costs_the_others_nothing_and_is_left_alone(world, relay, way, reason):
    with Hostile(way) as receiver:
        texts_arrive(world, receiver.url)
        wait_for(lambda: delivered(world) == CUSTOMERS, "the healthy one has heard everything")
        wait_for(lambda: circuit(world) == "open", "the other is left alone")
        asked = world.rows(
            """
            select distinct error from delivery_attempts join deliveries d on d.id = delivery_id
             where d.endpoint_id = 'hostile'
            """
        )
    assert asked == [(reason,)]
    assert world.one("select count(*) from deliveries where endpoint_id = 'hostile' and outcome is not null") == 0
    assert world.one("select max(attempts) from deliveries where endpoint_id = 'hostile'") == 1
    assert (
        TRIP <= world.one("select count(*) from deliveries where endpoint_id = 'hostile' and attempts > 0") < CUSTOMERS
    )


def delivered(world):
    return world.one("select count(*) from deliveries where endpoint_id = 'all' and outcome = 'delivered'")


def circuit(world):
    return world.one("select circuit from endpoint_states where endpoint_id = 'hostile'")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://10.0.0.1/", "private_address"),
        ("https://169.254.169.254/latest/meta-data", "private_address"),
        ("https://[::ffff:10.0.0.1]/", "private_address"),
        ("http://10.0.0.1/", "not_https"),
        ("http://192.0.2.1/", "not_https"),
    ],
)
def test_one_inside_is_never_asked(world, relay, url, reason):
    texts_arrive(world, url)
    wait_for(lambda: circuit(world) == "open", "it has been tried")
    errors = world.rows(
        """
        select distinct error from delivery_attempts join deliveries d on d.id = delivery_id
         where d.endpoint_id = 'hostile'
        """
    )
    assert errors == [(reason,)]


@pytest.mark.parametrize("status", [302, 400, 429, 500, 503])
def test_a_refusal_or_redirect_is_no_delivery_and_trouble_opens_the_circuit(world, relay, status):
    world.subscriber.answers = [(status, {})] * CUSTOMERS
    texts_arrive(world, "http://127.0.0.1:9/")
    wait_for(
        lambda: world.one("select count(*) from delivery_attempts where http_status is not null") >= TRIP,
        "it was asked",
    )
    wait_for(
        lambda: (
            not world.rows("select from jobs where group_key = 'all' and state = 'due' and attempts = 0")
            or world.one("select circuit from endpoint_states where endpoint_id = 'all'") == "open"
        ),
        "all that may be told has been",
    )
    assert world.rows(
        """
        select distinct last_error from deliveries
         where endpoint_id = 'all' and outcome is null and last_error is not null
        """
    ) == [(f"http_{status}",)]
    # A refusal is about what was told; trouble is the receiver's own.
    is_open = world.one("select circuit from endpoint_states where endpoint_id = 'all'") == "open"
    assert is_open == (status in (429, 500, 503))
