"""Dead letters on the real stores: found, told again in their place, and told again by a replay."""

import contextlib

import pytest

from shared import redriving
from shared.db import dead_letters, delivery_overview, endpoints
from tests.integration.workers.retelling import die, finish, happen, start, told
from workers.relay import Relay

pytestmark = pytest.mark.made_up_notices


@pytest.fixture
def relay(world):
    world.listens_only("all")
    opened = Relay(world.rt)
    yield opened
    opened.close()


def redrive(world, delivery_id=None):
    with world.rt.db.connection() as conn:
        chosen = [delivery_id] if delivery_id else dead_letters.ids(conn, {}, limit=500)
    return redriving.redrive_all(world.rt.db.connection, chosen, actor="test")


def letters(world, **filters):
    with world.rt.db.connection() as conn:
        return [(one.type, one.reason, one.count, one.is_open) for one in dead_letters.counts(conn, filters)]


def test_a_dead_letter_is_told_again_and_its_attempts_go_on_counting(world, relay):
    ids = happen(world, "a")
    die(world, relay)
    assert letters(world) == [("call.status", "http_422", 1, True)]
    assert redrive(world) == 1
    relay.drain()
    assert told(world, "/all") == ids * 2
    assert letters(world) == []
    (found,) = world.rows("select outcome, attempts from deliveries")
    assert found == ("delivered", 2)
    with world.rt.db.connection() as conn:
        ((delivery_id,),) = conn.execute("select id from deliveries").fetchall()
        made = delivery_overview.attempts(conn, delivery_id)
    assert [(one.nth, one.http_status, one.error) for one in made] == [(1, 422, "http_422"), (2, 200, None)]
    assert '"why": "no"' in made[0].answer
    assert world.rows("select action, subject from audit") == [("delivery.redriven", f"delivery:{delivery_id}")]


def test_its_schedule_starts_anew(world, relay):
    happen(world, "a")
    die(world, relay)
    redrive(world)
    world.subscriber.answers = [(500, {})]
    relay.drain()
    assert world.rows("select state, attempts from jobs where group_key = 'all'") == [("due", 1)]


def test_it_goes_before_what_still_waits_in_its_order(world, relay):
    ids = happen(world, "a")
    die(world, relay)
    ids += happen(world, "aa", first=1)
    redrive(world)
    relay.drain()
    assert told(world, "/all")[1:] == ids


def test_it_waits_for_what_of_its_order_is_just_being_told(world, relay):
    happen(world, "a")
    die(world, relay)
    happen(world, "a", first=1)
    world.rows("update jobs set lease_until = now() + interval '1 minute' where state = 'due' returning id")
    redrive(world)
    assert relay.drain() == 0


def test_only_a_dead_letter_is_redriven_and_once(world, relay):
    happen(world, "ab")
    relay.drain()
    delivered = world.one("select min(id) from deliveries")
    assert redrive(world, delivered) == 0
    happen(world, "c", first=2)
    die(world, relay)
    dead = world.one("select id from deliveries where outcome = 'failed'")
    assert (redrive(world, dead), redrive(world, dead), redrive(world, 2**70)) == (1, 0, 0)
    relay.drain()
    assert redrive(world, dead) == 0


@pytest.mark.parametrize("way", ["disabled", "deleted"])
def test_an_endpoint_that_is_told_nothing_is_refused(world, relay, way):
    happen(world, "a")
    die(world, relay)
    with world.rt.db.connection() as conn:
        endpoints.disable(conn, "all", "asked")
        if way == "deleted":
            conn.execute("update endpoints set deleted_at = now() where id = 'all'")
        ((dead,),) = conn.execute("select id from deliveries").fetchall()
    with world.rt.db.connection() as conn, pytest.raises(redriving.Refused, match=way):
        redriving.redrive(conn, dead, actor="test")
    assert redrive(world) == 0
    assert letters(world) == [("call.status", "http_422", 1, False)]
    with world.rt.db.connection() as conn:
        (refused,) = redriving.refused(conn, dead_letters.counts(conn, {}))
    assert (refused["endpoint_id"], refused["count"]) == ("all", 1)
    assert way in refused["detail"]


def test_filters_and_ranges_choose(world, relay):
    happen(world, "ab")
    happen(world, "c", type_="sms.sent", tenant="other", first=2)
    die(world, relay, 3)
    for filters, count in (
        ({"type": "sms.sent"}, 1), ({"tenant_id": "tenant-1"}, 2), ({"reason": "http_500"}, 0),
        ({"endpoint_id": "all"}, 3), ({"endpoint_id": "as-call"}, 0),
        ({"since": world.one("select max(created_at) from notifications")}, 1),
        ({"until": world.one("select max(created_at) from notifications")}, 2),
    ):  # fmt: skip
        assert sum(one[2] for one in letters(world, **filters)) == count, filters


def test_what_a_replay_has_told_since_is_no_dead_letter(world, relay):
    happen(world, "ab")
    die(world, relay, 2)
    start(world, "all", subject="s0")
    finish(world, relay)
    assert letters(world) == [("call.status", "http_422", 1, True)]
    with world.rt.db.connection() as conn:
        assert dead_letters.by_endpoint(conn) == [("all", 1)]


def test_two_redrives_at_once_are_one(world, relay):
    happen(world, "a")
    die(world, relay)
    dead = world.one("select id from deliveries")
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(world.rt.db.connection())
        assert dead_letters.redrive(first, dead)
        with world.rt.db.connection() as other:
            other.execute("set local lock_timeout = '50ms'")
            with pytest.raises(Exception, match="lock timeout"):
                dead_letters.redrive(other, dead)
            other.rollback()
    assert redrive(world, dead) == 0
    assert relay.drain() == 1


def test_a_letter_of_an_older_release_is_told_by_the_relay_too(world, relay):
    happen(world, "a")
    die(world, relay)
    world.rows("update jobs set group_key = null returning id")
    redrive(world)
    assert relay.drain() == 1
