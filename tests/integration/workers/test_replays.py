"""Replays on the real stores: what is told once more, in which order, how fast, and what ends them."""

import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared import replaying
from shared.db import endpoints, replays
from tests.integration.workers.retelling import (
    LONG_AGO,
    comes_late,
    die,
    expand,
    finish,
    happen,
    start,
    told,
    wanted,
)
from workers import replays as work
from workers.relay import Relay

pytestmark = pytest.mark.made_up_notices


@pytest.fixture
def relay(world):
    world.listens_only("all")
    opened = Relay(world.rt)
    yield opened
    opened.close()


def state(world, replay_id):
    return world.rows("select state, canceled_why, made from replays where id = %s", replay_id)[0]


def outcomes(world, endpoint_id="late"):
    return Counter(
        row[0]
        for row in world.rows("select coalesce(outcome, 'waiting') from deliveries where endpoint_id = %s", endpoint_id)
    )


def test_who_comes_late_gets_the_history_in_order_under_the_same_ids(world, relay):
    ids = happen(world, ["a", "b", "a", "c", "b", "a"] * 5)
    relay.drain()
    comes_late(world)
    replay_id = start(world)
    finish(world, relay)
    assert state(world, replay_id) == ("done", None, 30)
    for key in "abc":
        mine = [id_ for id_, k in zip(ids, ["a", "b", "a", "c", "b", "a"] * 5, strict=True) if k == key]
        assert [id_ for id_ in told(world) if id_ in mine] == mine
    assert sorted(told(world)) == sorted(ids)
    assert Counter(told(world, "/all")) == Counter(ids)
    assert outcomes(world) == {"delivered": 30}


def test_all_of_one_key_is_told_in_order(world, relay):
    ids = happen(world, ["a"] * 25)
    relay.drain()
    comes_late(world)
    start(world)
    finish(world, relay)
    assert told(world) == ids


def test_only_what_failed_or_is_missing_is_told_unless_delivered_is_asked_for(world, relay):
    ids = happen(world, "abc")
    die(world, relay, 3)
    happen(world, "def", first=3)
    relay.drain()
    world.subscriber.got.clear()
    start(world, "all")
    finish(world, relay)
    assert sorted(told(world, "/all")) == sorted(ids)
    start(world, "all", outcomes=["delivered"])
    finish(world, relay)
    assert len(told(world, "/all")) == 9
    assert world.one("select count(*) from deliveries where replay_id is not null and outcome = 'delivered'") == 9


def test_the_newest_delivery_counts(world, relay):
    happen(world, "a")
    die(world, relay)
    start(world, "all")
    finish(world, relay)
    assert state(world, start(world, "all"))[2] == 0
    finish(world, relay)
    assert len(told(world, "/all")) == 2  # refused, and replayed


def test_what_the_endpoint_does_not_take_it_is_not_told(world, relay):
    calls = happen(world, "ab", type_="call.completed")
    happen(world, "ab", type_="sms.sent", first=2)
    happen(world, "ab", type_="call.completed", tenant="somebody-else", first=4)
    relay.drain()
    comes_late(world, types=["call.completed", "call.missed"], tenant_id="tenant-1")
    start(world)
    finish(world, relay)
    assert sorted(told(world)) == sorted(calls)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [({"types": ["sms.sent"]}, {2, 3}), ({"tenant_id": "other"}, {4}), ({"subject": "s1"}, {1}),
     ({"since": LONG_AGO + timedelta(seconds=1), "until": LONG_AGO + timedelta(seconds=3)}, {1, 2})],
)  # fmt: skip
def test_the_filters_of_a_replay_hold(world, relay, facts, expected):
    ids = happen(world, "ab") + happen(world, "ab", type_="sms.sent", first=2)
    ids += happen(world, "a", tenant="other", first=4)
    relay.drain()
    comes_late(world)
    start(world, **facts)
    finish(world, relay)
    assert {ids.index(id_) for id_ in told(world)} == expected


def test_a_run_makes_as_many_as_the_rate_allows_since_the_last_one(world, relay):
    happen(world, [str(n) for n in range(80)])
    comes_late(world)
    replay_id = start(world, rate_per_s=20.0)
    before = datetime.now(UTC)
    world.rows("update replays set free_at = now() - interval '2 seconds' returning id")
    assert world.work("replay.expand") == ["deferred"]
    spent_s = (datetime.now(UTC) - before).total_seconds()
    assert 41 <= state(world, replay_id)[2] <= 42 + 20 * spent_s
    assert world.one("select next_at > now() from jobs where kind = 'replay.expand'")


def test_a_slow_rate_goes_on_too(world, relay):
    happen(world, "abc")
    comes_late(world)
    replay_id = start(world, rate_per_s=0.01)
    finish(world, relay)
    assert state(world, replay_id)[0] == "done"


def test_no_more_is_made_than_the_endpoint_digests(world, relay, monkeypatch):
    monkeypatch.setattr(work, "MOST_WAITING", 10)
    monkeypatch.setattr(work, "CHUNK", 4)
    happen(world, [str(n) for n in range(25)])
    comes_late(world)
    replay_id = start(world)
    assert expand(world) == ["deferred"]
    assert state(world, replay_id)[2] == 10
    relay.drain()
    assert expand(world) == ["deferred"]
    assert state(world, replay_id)[2] == 20
    finish(world, relay)
    assert state(world, replay_id) == ("done", None, 25)


def test_live_events_of_a_key_do_not_wait_behind_the_whole_replay_and_keep_their_order(world, relay, monkeypatch):
    monkeypatch.setattr(work, "MOST_WAITING", 5)
    old = happen(world, ["a"] * 20)
    relay.drain()
    comes_late(world)
    start(world)
    expand(world)
    new = happen(world, ["a"] * 3, first=100)
    finish(world, relay)
    assert [id_ for id_ in told(world) if id_ in old] == old
    assert [id_ for id_ in told(world) if id_ in new] == new
    assert told(world).index(new[-1]) < 10


def test_canceled_stops_at_once_and_ends_what_waits(world, relay, monkeypatch):
    monkeypatch.setattr(work, "MOST_WAITING", 10)
    happen(world, ["a", "b"] * 20)
    comes_late(world)
    replay_id = start(world)
    expand(world)
    live = happen(world, "a", first=100)
    replaying.cancel(world.rt.db.connection, replay_id, actor="test")
    assert outcomes(world) == {"canceled": 10, "waiting": 1}
    finish(world, relay)
    assert told(world) == live
    assert state(world, replay_id) == ("canceled", "asked", 10)
    assert world.rows("select action, actor from audit where subject = %s order by id", f"replay:{replay_id}") == [
        ("replay.started", "test"), ("replay.canceled", "test"),
    ]  # fmt: skip


def test_what_is_being_told_when_it_is_canceled_is_left_to_its_end(world, relay):
    happen(world, "ab")
    comes_late(world)
    replay_id = start(world)
    expand(world)
    world.rows(
        """
        update jobs set lease_until = now() + interval '1 minute'
         where id = (select max(id) from jobs where group_key = 'late') returning id
        """
    )
    replaying.cancel(world.rt.db.connection, replay_id, actor="test")
    assert outcomes(world) == {"canceled": 1, "waiting": 1}
    expand(world)
    assert outcomes(world) == {"canceled": 1, "waiting": 1}
    world.rows("update jobs set lease_until = null where group_key = 'late' returning id")
    finish(world, relay)
    assert outcomes(world) == {"canceled": 2}


def test_a_done_replay_can_be_canceled_while_some_of_it_waits(world, relay):
    happen(world, "abc")
    comes_late(world)
    replay_id = start(world)
    expand(world)
    assert state(world, replay_id)[0] == "done"
    replaying.cancel(world.rt.db.connection, replay_id, actor="test")
    finish(world, relay)
    assert (told(world), outcomes(world)) == ([], {"canceled": 3})


def test_a_canceled_delivery_counts_as_none(world, relay):
    ids = happen(world, "abc")
    comes_late(world)
    replaying.cancel(world.rt.db.connection, start(world), actor="test")
    start(world)
    finish(world, relay)
    assert sorted(told(world)) == sorted(ids)


def test_a_disabled_endpoint_is_waited_for_and_a_deleted_one_ends_it(world, relay):
    happen(world, "abc")
    comes_late(world)
    replay_id = start(world)
    with world.rt.db.connection() as conn:
        endpoints.disable(conn, "late", "asked")
    assert expand(world) == ["deferred"]
    assert state(world, replay_id) == ("running", None, 0)
    world.rows("update endpoints set deleted_at = now() where id = 'late' returning id")
    expand(world)
    assert state(world, replay_id) == ("canceled", "endpoint_deleted", 0)


def test_the_last_minute_of_a_range_is_looked_at_once_its_transactions_are_over(world, relay):
    happen(world, "a")
    comes_late(world)
    replay_id = start(world, until=datetime.now(UTC))
    assert expand(world) == ["deferred"]
    assert state(world, replay_id) == ("running", None, 1)
    assert world.one("select next_at - now() > interval '50 seconds' from jobs where kind = 'replay.expand'")
    world.rows("update replays set until = now() - interval '2 minutes' returning id")
    finish(world, relay)
    assert state(world, replay_id) == ("done", None, 1)


def test_a_kill_in_the_middle_repeats_nothing_and_leaves_nothing_out(world, relay):
    ids = happen(world, [str(n % 4) for n in range(40)])
    comes_late(world)
    replay_id = start(world)
    job_id = world.one("select id from jobs where kind = 'replay.expand'")
    settings = world.rt.settings
    environ = {
        "TS_PUBLIC_URL": settings.public_url, "TS_REDIS_URL": settings.redis_url,
        "TS_DATABASE_URL": settings.database_url, "TWILIO_ACCOUNT_SID": settings.twilio_account_sid,
        "TWILIO_AUTH_TOKEN": settings.twilio_auth_tokens[0],
    }  # fmt: skip
    for transaction in (1, 3, 2):
        world.rows("update replays set free_at = 'epoch' returning id")
        world.rows("update jobs set next_at = now(), lease_until = null where id = %s returning id", job_id)
        child = [
            sys.executable,
            Path(__file__).with_name("one_expansion.py"),
            json.dumps(environ),
            str(job_id),
            str(transaction),
        ]
        assert subprocess.run(child, cwd=Path(__file__).parents[3], timeout=45, check=False).returncode == -9
        world.rows("update jobs set lease_until = null where id = %s returning id", job_id)
    assert state(world, replay_id)[2] == 21
    assert world.one("select count(*) from deliveries where replay_id = %s", replay_id) == 21
    finish(world, relay)
    assert Counter(told(world)) == Counter(ids)
    assert state(world, replay_id) == ("done", None, 40)


def test_what_is_planned_is_what_is_told(world, relay):
    happen(world, "abc")
    die(world, relay, 1)
    comes_late(world, rate_per_s=2.0)
    with world.rt.db.connection() as conn:
        late, all_ = endpoints.find(conn, "late"), endpoints.find(conn, "all")
        assert replaying.plan(conn, wanted(), late) == replaying.Plan(3, True, 1.5)
        assert replaying.plan(conn, wanted("all", rate_per_s=0.5), all_) == replaying.Plan(1, True, 2.0)


def test_a_page_of_an_expansion_reads_a_page_and_not_the_table(world):
    world.rows(
        """
        insert into notifications (id, type, subject, order_key, data, created_at)
        select gen_random_uuid(), 'call.status', n::text, n::text, '{}', now() - interval '90 days' + n * interval '1 minute'
          from generate_series(1, 100000) n returning id
        """
    )
    comes_late(world)
    asked = wanted(since=LONG_AGO - timedelta(days=80), until=LONG_AGO)
    values = replays.candidate_values(asked, after=None, until=LONG_AGO, limit=work.PAGE)
    with world.rt.db.connection() as conn:
        conn.execute("insert into deliveries (notification_id, endpoint_id) select id, 'late' from notifications")
        conn.execute("analyze notifications")
        conn.execute("analyze deliveries")
        ((plan,),) = conn.execute("explain (analyze, format json) " + replays.CANDIDATES, values).fetchall()
    nodes = list(_nodes(plan[0]["Plan"]))
    assert "notifications_in_time" in {node.get("Index Name") for node in nodes}
    assert [node for node in nodes if node["Node Type"] == "Seq Scan" and node["Relation Name"] != "endpoints"] == []
    assert max(node["Actual Rows"] for node in nodes) <= work.PAGE


def _nodes(node):
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)
