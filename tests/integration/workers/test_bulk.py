"""A bulk becomes texts: each recipient once, whatever is wrong with the others and whoever is killed on the way."""

from typing import Any

import pytest

from shared.db import bulks, jobs, opt_outs
from shared.db.bulks import Bulk, Recipient
from tests.integration.workers.conftest import BUSINESS, TENANT
from workers import bulk as work
from workers.catalogue import CATALOGUE
from workers.execute import run

REQUEST = {"tenant_id": TENANT, "body": "Hello {{name}}"}


def person(n: int, **said: Any) -> dict[str, Any]:
    return {"to": f"+1212{5550000 + n}", "variables": {"name": f"P{n}"}} | said


def a_bulk(world: Any, *people: dict[str, Any], **request: Any) -> Bulk:
    with world.rt.db.connection() as conn:
        bulk = bulks.insert(
            conn,
            client="crm",
            tenant_id=TENANT,
            request=REQUEST | request,
            recipients=[Recipient(said) for said in people],
        )
        jobs.promise(conn, "bulk.expand", str(bulk.id))
    return bulk


def items(world: Any, bulk: Bulk) -> list[bulks.Result]:
    with world.rt.db.connection() as conn:
        return bulks.results(conn, bulk.id, limit=1000, after=None)


def test_every_recipient_gets_a_text_of_the_last_lane_with_his_own_words(world):
    a_bulk(world, person(1), person(2, body="Bye {{ name }}"), purpose="conversation")
    assert world.work("bulk.expand") == ["done"]
    assert world.rows("select to_number, from_number, body, lane, client from messages order by to_number") == [
        ("+12125550001", BUSINESS, "Hello P1", 2, "crm"), ("+12125550002", BUSINESS, "Bye P2", 2, "crm"),
    ]  # fmt: skip
    assert world.rows("select pace_key, lane, owner from jobs where kind = 'sms.send'") == [(BUSINESS, 2, TENANT)] * 2


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"to": "911"}, "#/to"), ({"to": None}, "#/to"), ({"variables": {}}, "#/variables/name"),
        ({"variables": {"name": 7}}, "#/variables/name/value"), ({"body": "x" * 1601}, "#/body"), ({"body": ""}, "#/body"),
        ({"media_urls": ["http://a.example"]}, "#/media_urls/0"), ({"surprise": 1}, "#/surprise"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_one_recipient_is_told_of_that_one(world, said, pointer):
    bulk = a_bulk(world, person(1), person(2, **said), person(3))
    world.work("bulk.expand")
    first, second, third = items(world, bulk)
    assert (first.status, second.status, third.status) == ("waiting", "fault", "waiting")
    assert [fault["pointer"] for fault in second.faults or ()] == [pointer]


def test_a_recipient_whom_a_rule_protects_is_refused_with_the_rules(world):
    with world.rt.db.connection() as conn:
        opt_outs.add(conn, number="+12125550002", scope="*", source="api")
    bulk = a_bulk(world, person(1), person(2))
    world.work("bulk.expand")
    allowed, refused = items(world, bulk)
    assert (allowed.status, refused.status) == ("waiting", "refused")
    assert [rule["rule"] for rule in refused.decision_rules or () if rule["verdict"] == "refused"] == ["opt-out"]
    assert world.one("select count(*) from jobs where kind = 'sms.send'") == 1


def test_without_a_sender_nobody_gets_a_text(world):
    bulk = a_bulk(world, person(1), tenant_id="stranger")
    world.work("bulk.expand")
    assert [fault["code"] for fault in items(world, bulk)[0].faults or ()] == ["no_sender"]


def test_a_recipients_own_key_that_has_sent_this_text_sends_no_second_one(world):
    keyed = person(1, idempotency_key="k-1")
    a_bulk(world, keyed)
    world.work("bulk.expand")
    second = a_bulk(world, keyed, person(2, idempotency_key="k-1"))
    world.work("bulk.expand")
    same, other = items(world, second)
    assert (same.message_id, same.status) == (world.one("select id from messages"), "waiting")
    assert [fault["code"] for fault in other.faults or ()] == ["idempotency_key_reused"]


def test_a_worker_that_is_killed_between_or_within_chunks_makes_no_text_twice_and_leaves_none_out(world, monkeypatch):
    monkeypatch.setattr(work, "CHUNK", 3)
    bulk = a_bulk(world, *[person(n) for n in range(10)])
    real, done = bulks.expanded, 0

    class Killed(BaseException):
        pass

    def killed(*args: Any) -> int:
        nonlocal done
        done += 1
        if done % 2 == 0:
            raise Killed
        return real(*args)

    monkeypatch.setattr(bulks, "expanded", killed)
    job_id = world.one("select id from jobs where kind = 'bulk.expand'")
    outcome, kills = "", 0
    while outcome != "done":
        try:
            outcome = run(world.rt, CATALOGUE, job_id)
        except Killed:
            kills += 1
            world.rows("update jobs set lease_until = now() where id = %s returning 1", job_id)
    assert kills >= 3
    assert world.one("select count(*) from messages") == 10
    assert world.one("select count(distinct to_number) from messages") == 10
    assert all(item.message_id for item in items(world, bulk))


def test_a_paused_bulk_is_expanded_when_it_is_resumed(world):
    bulk = a_bulk(world, person(1))
    with world.rt.db.connection() as conn:
        bulks.pause(conn, bulk)
    assert world.work("bulk.expand") == ["deferred"]
    assert world.one("select count(*) from messages") == 0
    with world.rt.db.connection() as conn:
        bulks.resume(conn, bulk)
        jobs.hurry(conn, "bulk.expand", str(bulk.id))
    assert world.work("bulk.expand") == ["done"]
    assert world.one("select count(*) from messages") == 1


def test_a_canceled_bulk_is_not_expanded(world):
    bulk = a_bulk(world, person(1))
    with world.rt.db.connection() as conn:
        bulks.cancel(conn, bulk)
    assert world.work("bulk.expand") == ["done"]
    assert [fault["code"] for fault in items(world, bulk)[0].faults or ()] == ["canceled"]


def test_a_bulk_that_breaks_again_and_again_says_so_of_whoever_is_left(world, monkeypatch):
    bulk = a_bulk(world, person(1))
    monkeypatch.setattr(work.texts, "take_all", lambda *args, **kwargs: 1 / 0)
    job_id = world.one("select id from jobs where kind = 'bulk.expand'")
    outcome = ""
    while outcome != "failed":
        world.rows("update jobs set next_at = now() where id = %s returning 1", job_id)
        outcome = run(world.rt, CATALOGUE, job_id)
    assert [fault["code"] for fault in items(world, bulk)[0].faults or ()] == ["internal_error"]
