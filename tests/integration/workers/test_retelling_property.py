"""Whatever fails, is redriven, replayed and happens in between: each key's live events in order, everything at least once."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared import redriving
from shared.db import dead_letters
from tests.integration.workers.retelling import comes_late, die, expand, finish, happen, start, told
from workers.relay import Relay

pytestmark = pytest.mark.made_up_notices

KEYS = "ab"
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("happen"), st.lists(st.sampled_from(KEYS), min_size=1, max_size=4)),
        st.tuples(st.just("die"), st.integers(1, 3)),
        st.tuples(st.just("refuse"), st.integers(1, 3)),
        st.tuples(st.just("redrive"), st.none()),
        st.tuples(st.just("replay"), st.sets(st.sampled_from(["failed", "missing", "delivered"]), min_size=1)),
        st.tuples(st.just("expand"), st.none()),
        st.tuples(st.just("drain"), st.none()),
        st.tuples(st.just("time"), st.none()),
    ),
    min_size=3, max_size=14,
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_every_key_is_told_in_order_and_everything_is_told(world, steps):
    empty(world)
    comes_late(world)
    relay, happened = Relay(world.rt), []
    for step, what in [*steps, ("happen", [*KEYS])]:
        if step == "happen":
            ids = happen(world, what, first=len(happened))
            happened += zip(what, ids, strict=True)
        elif step == "die":
            die(world, relay, what, "late")
        elif step == "refuse":
            world.subscriber.answers = [(422, {})] * what
        elif step == "redrive":
            redrive(world)
        elif step == "replay":
            start(world, outcomes=sorted(what))
        elif step == "expand":
            expand(world)
        elif step == "drain":
            relay.drain()
        else:
            world.time_passes()
    world.subscriber.answers = []
    world.time_passes()
    finish(world, relay)
    redrive(world)
    relay.drain()
    relay.close()
    well = [row[0] for row in world.rows("select notification_id::text from deliveries where outcome = 'delivered'")]
    assert {id_ for _, id_ in happened} <= set(well)
    assert {id_ for _, id_ in happened} <= set(told(world))
    for key in KEYS:
        live = [id_ for k, id_ in happened if k == key and not has_died(world, id_)]
        arrived = list(dict.fromkeys(id_ for id_ in received(world) if id_ in live))
        assert arrived == live


def redrive(world):
    with world.rt.db.connection() as conn:
        chosen = dead_letters.ids(conn, {}, limit=500)
    redriving.redrive_all(world.rt.db.connection, chosen, actor="test")


def has_died(world, id_):
    return id_ in {row[0] for row in world.rows("select distinct id from died")}


def received(world):
    """The ids by the time when they were told well."""
    return [row[0] for row in world.rows(
        """
        select d.notification_id::text from delivery_attempts a join deliveries d on d.id = a.delivery_id
         where a.error is null order by a.at
        """)]  # fmt: skip


def empty(world):
    """Nothing has happened yet."""
    world.subscriber.got.clear()
    world.subscriber.answers = []
    with world.rt.db.connection() as conn:
        conn.execute("truncate jobs, delivery_attempts, deliveries, replays, notifications cascade")
        conn.execute(
            "update endpoint_states set circuit = 'closed', failures = 0, probe_at = null, paused_until = null"
        )
        conn.execute("create table if not exists died (id text)")
        conn.execute("truncate died")
        conn.execute(
            """
            create or replace function dies() returns trigger language plpgsql as $$
            begin
                insert into died values (new.notification_id::text);
                return null;
            end $$
            """
        )
        conn.execute(
            """
            create or replace trigger a_letter_dies after update on deliveries for each row
              when (new.outcome = 'failed' and old.outcome is null) execute function dies()
            """
        )
        conn.execute(
            "update endpoints set enabled = false, disabled_reason = 'asked', disabled_at = now() where enabled"
        )
