import json
import time
from dataclasses import replace

import pytest

from shared import inbox
from shared.domain.event import from_record
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, event
from workers import contract, events

CALL, SMS = "CA" + "1" * 32, "SM" + "1" * 32
HOUR_NS = 3600 * 10**9


def status(number=1, **more):
    return event("status", CallSid=f"CA{number:032x}", CallStatus="ringing", From=CUSTOMER, To=BUSINESS, **more)


def text(body="the customer's words"):
    return event("message", MessageSid=SMS, SmsStatus="received", From=CUSTOMER, To=BUSINESS, Body=body)


def broken(conn, event):
    raise RuntimeError("no, not " + CUSTOMER)


@pytest.fixture
def waiting(world, monkeypatch):
    """A text that was set aside because its handler is broken; mending undoes that."""
    with monkeypatch.context() as patch:
        patch.setattr(events, "HANDLERS", {**events.HANDLERS, "msg-in": broken})
        patch.setattr(events, "MOST_TRIES", 1)
        happened = text()
        world.happens(happened)
    return happened


def test_the_inbox_is_listed_with_names_and_ages_and_without_a_word_of_what_was_said(world, cli):
    happened = text()
    inbox.put_many(world.rt.redis, [happened])
    told = cli.json("inbox", "list")
    (row,) = told.pop("events")
    assert told == {"stored": 1, "due": 1, "waiting": 0, "stranded": 0}
    assert (row["id"], row["key"], row["kind"], row["tries"]) == (happened.event_id, f"msg-in:{SMS}", "msg-in", 0)
    assert row["due_in_s"] <= 0 <= row["age_s"] < 60
    shown = cli("inbox", "list").output + cli("inbox", "show", happened.event_id).output
    assert not [secret for secret in ("words", CUSTOMER[1:], BUSINESS[1:]) if secret in shown]


def test_the_list_shows_as_many_as_asked_for_the_longest_due_first(world, cli):
    inbox.put_many(world.rt.redis, [status(n) for n in range(5)])
    ids = [row["id"] for row in cli.json("inbox", "list", "--limit", "3")["events"]]
    assert ids == sorted(ids)
    assert len(ids) == 3


def test_what_is_in_work_is_shown_as_such(world, cli):
    inbox.put_many(world.rt.redis, [status()])
    inbox.begin(world.rt.redis, inbox.claim(world.rt.redis, limit=1))
    told = cli.json("inbox", "list")
    assert (told["due"], told["waiting"], told["events"][0]["tries"]) == (0, 1, 1)
    assert 0 < told["events"][0]["due_in_s"] <= 30


def test_what_was_posted_is_shown_only_when_asked_and_said_to_be_personal(world, cli):
    happened = text()
    inbox.put_many(world.rt.redis, [happened])
    assert "customer" not in cli("inbox", "show", happened.event_id).output
    revealed = cli("inbox", "show", happened.event_id, "--reveal")
    assert "customer%27s+words" in revealed.stdout
    assert "personal data" in revealed.stderr


def test_an_event_that_is_not_there_is_an_error(cli):
    cli("inbox", "show", "nobody", status=1)
    assert cli.json("inbox", "replay", "--id", "nobody", status=1) == {"due_now": 0, "not_in_inbox": ["nobody"]}


def test_one_must_say_what_to_replay(cli):
    cli("inbox", "replay", status=2)
    cli("inbox", "replay", "--all", "--id", "x", status=2)
    cli("inbox", "aside", "replay", status=2)
    cli("inbox", "aside", "replay", "--all", "--reason", "x", status=2)


def test_replaying_makes_a_leased_event_due_now_and_rings(world, cli):
    inbox.put_many(world.rt.redis, [status(1), status(2)])
    inbox.claim(world.rt.redis, limit=2)
    world.rt.redis.delete("events", inbox.BELL)
    first = cli.json("inbox", "list")["events"][0]["id"]
    assert cli.json("inbox", "replay", "--id", first)["due_now"] == 1
    assert world.rt.redis.llen("events") == 1
    assert events.drain(world.rt) == 1


def test_replaying_all_also_brings_what_had_lost_its_due_time(world, cli):
    inbox.put_many(world.rt.redis, [status(n) for n in range(3)])
    world.rt.redis.delete(inbox.DUE)
    assert cli.json("inbox", "list")["stranded"] == 3
    cli("inbox", "replay", "--all")
    assert events.drain(world.rt) == 3


def test_a_record_nobody_can_read_is_listed_all_the_same(world, cli):
    world.rt.redis.hset(inbox.INBOX, "odd", b"\xff no event")
    cli("inbox", "replay", "--all")
    assert cli.json("inbox", "list")["events"][0]["kind"] == "unreadable"
    assert "no event" in cli("inbox", "show", "odd", "--reveal").stdout
    world.happens()
    assert cli.json("inbox", "aside", "list")[0]["kind"] == "unreadable"


def test_a_terminal_is_not_steered_by_what_strangers_wrote(world, cli):
    world.rt.redis.hset(inbox.INBOX, "odd", b"\x1b]0;mine\x07 \xc2\x9b2J")
    assert "\\x1b]0;mine\\x07 \\x9b2J" in cli("inbox", "show", "odd", "--reveal").stdout


def test_what_was_set_aside_is_listed_with_its_reason_and_without_what_it_says(cli, waiting):
    (row,) = cli.json("inbox", "aside", "list")
    assert (row["id"], row["key"], row["tries"]) == (waiting.event_id, waiting.key, 1)
    assert row["reason"] == "RuntimeError: no, not +1212•••0142"
    told = cli("inbox", "aside", "show", waiting.event_id).output
    assert "customer" not in told
    assert "body_sha256" in told or "record_sha256" in told
    assert "customer" in cli("inbox", "aside", "show", waiting.event_id, "--reveal").stdout
    cli("inbox", "aside", "show", "nobody", status=1)


@pytest.mark.parametrize("which", [["--all"], ["--reason", "RuntimeError"], ["--id", "ID"]])
def test_after_the_code_is_mended_a_replay_brings_the_event_home_the_usual_way(world, cli, waiting, which):
    which = [waiting.event_id if word == "ID" else word for word in which]
    assert cli.json("inbox", "aside", "replay", *which) == {"replayed": 1, "stale": []}
    assert cli.json("inbox", "aside", "list") == []
    assert cli.json("inbox", "aside", "list", "--all")[0]["replayed_at"] is not None
    assert events.drain(world.rt) == 1
    assert world.one("select outcome from events") == "received"
    assert world.one("select count(*) from notifications") == 1


def test_another_reason_replays_nothing(world, cli, waiting):
    assert cli.json("inbox", "aside", "replay", "--reason", "ValueError")["replayed"] == 0
    assert inbox.size(world.rt.redis) == 0


def test_replaying_twice_is_harmless(world, cli, waiting):
    cli("inbox", "aside", "replay", "--id", waiting.event_id)
    cli("inbox", "aside", "replay", "--id", waiting.event_id)
    assert inbox.size(world.rt.redis) == 1
    events.drain(world.rt)
    cli("inbox", "aside", "replay", "--id", waiting.event_id)
    world.happens()
    assert world.one("select count(*) from events") == 1
    assert world.one("select count(*) from notifications") == 1


def test_what_fails_again_after_its_replay_waits_for_a_person_again(world, cli, waiting, monkeypatch):
    monkeypatch.setattr(events, "HANDLERS", {**events.HANDLERS, "msg-in": lambda conn, event: {}["x"]})
    monkeypatch.setattr(events, "MOST_TRIES", 1)
    cli("inbox", "aside", "replay", "--all")
    events.drain(world.rt)
    (row,) = cli.json("inbox", "aside", "list")
    assert row["reason"] == "KeyError: 'x'"


def test_a_record_that_only_newer_code_can_read_is_replayed_as_it_is(world, cli, monkeypatch):
    happened = status()

    def unread(record):
        raise events.Unreadable("inbox record: a field too many")

    with monkeypatch.context() as patch:
        patch.setattr(events, "from_record", unread)
        world.happens(happened)
    assert world.one("select reason from set_aside") == "inbox record: a field too many"
    cli("inbox", "aside", "replay", "--all")
    events.drain(world.rt)
    assert world.one("select key from events") == happened.key


def test_a_replay_is_marked_only_when_the_event_is_in_the_inbox(cli, waiting):
    cli.environ["TS_REDIS_URL"] = "redis://127.0.0.1:9/0"  # nobody listens there
    assert "redis" in cli("inbox", "aside", "replay", "--all", status=1).output
    assert len(cli.json("inbox", "aside", "list")) == 1


def test_an_event_that_failed_again_before_it_was_marked_stays_visible(world, waiting):
    from shared.db import set_aside

    with world.rt.db.connection() as conn:
        rows = set_aside.page(conn, limit=10)
        set_aside.keep(conn, event_id=waiting.event_id, record=b"", reason="again", tries=1)  # the worker was faster
        assert set_aside.mark_redriven(conn, rows) == 0
        assert set_aside.count(conn) == 1


def test_what_is_old_and_may_end_in_a_text_is_left_unless_asked_for(world, cli, monkeypatch):
    monkeypatch.setattr(events, "MOST_TRIES", 1)
    with monkeypatch.context() as patch:
        patch.setattr(events, "HANDLERS", {**events.HANDLERS, "call-status": broken, "other": broken})
        old, other = status(1), event("status", Odd="1")
        world.happens(*(replace(one, received_ns=time.time_ns() - 2 * HOUR_NS) for one in (old, other)))
    assert cli.json("inbox", "aside", "replay", "--all", status=1) == {"replayed": 1, "stale": [old.event_id]}
    assert cli.json("inbox", "aside", "replay", "--all", "--even-stale")["replayed"] == 1
    assert world.rows("select sid from late_accepted") == [("CA" + f"{1:032x}",)]


def test_a_job_of_another_service_goes_back_into_its_queue_under_its_own_name(world, cli):
    job = {"to": "nobody", "body": "hi", "client": "billing"}
    assert contract.accept(world.rt, job, "task-1") == "rejected"
    (row,) = cli.json("inbox", "aside", "list")
    assert row["kind"] == "sms-job"
    cli("inbox", "aside", "replay", "--all")
    queued = json.loads(world.rt.redis.lindex("sms.jobs", 0))
    assert (queued["headers"]["task"], queued["headers"]["id"]) == ("twilio_server.sms.send.v1", row["id"])
    assert inbox.size(world.rt.redis) == 0


def test_a_set_aside_record_is_put_back_byte_for_byte(world, cli, waiting):
    cli("inbox", "aside", "replay", "--all")
    record = world.rt.redis.hget(inbox.INBOX, waiting.event_id)
    assert record == waiting.record()
    assert from_record(record).body == waiting.body
