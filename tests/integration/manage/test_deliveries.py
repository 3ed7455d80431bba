"""Dead letters and replays from the command line: looked at first, then done."""

from datetime import timedelta

import pytest

from shared.db import endpoints
from tests.integration.workers.retelling import LONG_AGO, comes_late, die, finish, happen, told
from workers.relay import Relay

pytestmark = pytest.mark.made_up_notices

SINCE, UNTIL = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (LONG_AGO - timedelta(minutes=1), LONG_AGO + timedelta(hours=1)))


@pytest.fixture
def relay(world):
    world.listens_only("all")
    opened = Relay(world.rt)
    yield opened
    opened.close()


def test_dead_letters_are_listed_shown_and_redriven_by_id(cli, world, relay):
    ids = happen(world, "ab")
    die(world, relay, 2)
    listed = cli.json("deliveries", "list", "--state", "failed", "--endpoint", "all")
    assert {(one["notification_id"], one["reason"]) for one in listed} == {(id_, "http_422") for id_ in ids}
    dead = str(listed[0]["id"])
    shown = cli.json("deliveries", "show", dead)
    assert (shown["attempts"], shown["attempts_made"][0]["http_status"]) == (1, 422)
    assert "data" not in shown
    assert cli.json("deliveries", "redrive", dead) == [{"id": int(dead), "result": "would be redriven"}]
    assert relay.drain() == 0
    assert cli.json("deliveries", "redrive", dead, "--apply") == [{"id": int(dead), "result": "redriven"}]
    assert relay.drain() == 1
    assert cli.json("deliveries", "redrive", dead, "--apply", status=1)[0]["result"] == "it is delivered"
    assert world.one("select actor from audit").startswith("cli:")


def test_dead_letters_are_redriven_by_filter(cli, world, relay):
    happen(world, "abc")
    die(world, relay, 3)
    filters = ("--endpoint", "all", "--reason", "http_422", "--since", SINCE, "--until", UNTIL)
    looked = cli.json("deliveries", "redrive", *filters)
    assert (looked["counts"][0]["count"], looked["redriven"], looked["left"]) == (3, 0, 3)
    done = cli.json("deliveries", "redrive", *filters, "--limit", "2", "--apply")
    assert (done["redriven"], done["left"]) == (2, 1)
    assert "redriven: 1, left: 0" in cli("deliveries", "redrive", *filters, "--apply").output


def test_one_must_say_which_and_a_disabled_endpoint_is_refused(cli, world, relay):
    cli("deliveries", "redrive", "--apply", status=2)
    cli("deliveries", "redrive", "1", "--endpoint", "all", status=2)
    happen(world, "a")
    die(world, relay)
    with world.rt.db.connection() as conn:
        endpoints.disable(conn, "all", "failing")
    dead = str(world.one("select id from deliveries"))
    assert "enable it" in cli.json("deliveries", "redrive", dead, "--apply", status=1)[0]["result"]
    assert "enable it" in cli("deliveries", "redrive", "--endpoint", "all", "--apply").output
    assert "enable it" in cli("replays", "start", "all", "--since", SINCE, status=1).output


def test_a_replay_is_planned_started_shown_and_canceled(cli, world, relay):
    ids = happen(world, "abc")
    comes_late(world)
    asked = ("replays", "start", "late", "--since", SINCE, "--until", UNTIL, "--rate", "2")
    planned = cli.json(*asked)
    assert (planned["matching"], planned["is_exact"], planned["takes_s"]) == (3, True, 1.5)
    assert cli.json("replays", "list") == []
    replay = str(cli.json(*asked, "--apply")["replay_id"])
    shown = cli.json("replays", "show", replay)
    assert (shown["state"], shown["made"], shown["left_matching"]) == ("running", 0, 3)
    assert [str(one["id"]) for one in cli.json("replays", "list", "--endpoint", "late")] == [replay]
    assert cli.json("replays", "cancel", replay)["state"] == "running"
    assert cli.json("replays", "cancel", replay, "--apply")["state"] == "canceled"
    cli(*asked, "--apply")
    finish(world, relay)
    assert sorted(told(world)) == sorted(ids)


def test_what_is_not_there_is_said(cli):
    for words in (("deliveries", "show", "1"), ("replays", "show", "1"), ("replays", "cancel", "1")):
        assert "no " in cli(*words, status=1).output
    assert "make one of this id" in cli("replays", "start", "nobody", "--since", SINCE, status=1).output
    cli("replays", "start", "all", "--since", UNTIL, "--until", SINCE, status=2)
