import pytest

from shared import inbox
from shared.db import events as event_rows
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, event
from workers import events

CALL = "CA" + "1" * 32


def status(number, **more):
    return event("status", CallSid=f"CA{number:032x}", CallStatus="ringing", From=CUSTOMER, To=BUSINESS, **more)


def test_storing_an_event_rings_once_and_draining_leaves_nothing_behind(world):
    inbox.put_many(world.rt.redis, [status(n) for n in range(120)])
    assert world.rt.redis.llen("events") == 1
    assert events.drain(world.rt) == 120
    assert [world.rt.redis.exists(key) for key in (inbox.INBOX, inbox.DUE, inbox.TRIES, inbox.BELL)] == [0, 0, 0, 0]
    assert world.one("select count(*) from events where outcome = 'applied' and processed_at is not null") == 120


def test_an_event_delivered_again_after_its_commit_changes_nothing(world):
    happened = status(1)
    world.happens(happened)
    before = world.rows("select * from events")
    world.happens(happened)
    assert world.rows("select * from events") == before
    assert inbox.size(world.rt.redis) == 0


def test_the_same_key_with_another_body_keeps_the_first_and_notes_the_conflict(world):
    world.happens(status(1), status(1, Extra="other"))
    assert world.one("select count(*) from events") == 1
    assert world.one("select count(*) from event_conflicts") == 1


def test_a_repeated_body_is_no_conflict(world):
    world.happens(status(1), status(1))
    assert world.one("select count(*) from event_conflicts") == 0


def test_one_event_that_breaks_does_not_hold_up_its_batch(world, monkeypatch):
    def broken(conn, event):
        raise RuntimeError("no")

    monkeypatch.setattr(events, "HANDLERS", {**events.HANDLERS, "msg-in": broken})
    bad = event("message", MessageSid="SM" + "1" * 32, SmsStatus="received", From=CUSTOMER, To=BUSINESS)
    world.happens(status(1), bad, status(2))
    assert world.one("select count(*) from events") == 2
    assert inbox.size(world.rt.redis) == 1  # it is tried again later
    assert inbox.claim(world.rt.redis, limit=10) == []


def test_an_event_that_breaks_too_often_is_set_aside_whole(world, monkeypatch):
    def broken(conn, event):
        raise RuntimeError("no")

    monkeypatch.setattr(events, "HANDLERS", {**events.HANDLERS, "call-status": broken})
    bad = status(1)
    inbox.put_many(world.rt.redis, [bad])
    for _ in range(events.MOST_TRIES):
        world.rt.redis.zadd(inbox.DUE, {bad.event_id: 0})
        events.drain(world.rt)
    assert inbox.size(world.rt.redis) == 0
    ((record, reason, tries),) = world.rows("select record, reason, tries from set_aside")
    assert (record, reason, tries) == (bad.record(), "RuntimeError: no", events.MOST_TRIES)


def test_while_another_batch_commits_this_one_waits_and_then_comes_again(world):
    with world.rt.db.connection() as other:
        event_rows.take_turn(other)
        inbox.put_many(world.rt.redis, [status(1)])
        assert events.drain(world.rt) == 0
        assert world.one("select count(*) from events") == 0
    world.rt.redis.zadd(inbox.DUE, dict.fromkeys(world.rt.redis.hkeys(inbox.INBOX), 0))
    assert events.drain(world.rt) == 1


def test_a_record_nobody_can_read_is_set_aside_and_the_rest_goes_on(world):
    inbox.put_many(world.rt.redis, [status(1)])
    world.rt.redis.hset(inbox.INBOX, "odd", b"\xff not json")
    world.rt.redis.zadd(inbox.DUE, {"odd": 0})
    events.drain(world.rt)
    assert world.one("select count(*) from events") == 1
    assert world.one("select event_id from set_aside") == "odd"


def test_every_kind_of_webhook_is_stored_even_without_a_handler(world):
    world.happens(event("status", Sid="NO" + "1" * 32, Level="ERROR", PayloadType="application/json", Payload="{}"),
                  event("status", CallSid=CALL, AnsweredBy="human"), event("status", Something="new"))  # fmt: skip
    assert {row[0] for row in world.rows("select kind from events")} == {"debugger", "amd", "other"}
    assert {row[0] for row in world.rows("select outcome from events")} == {"stored"}


@pytest.mark.parametrize("params", [
    {"CallSid": "CA" + "x" * 30_000, "CallStatus": "ringing"}, {"MessageSid": "SM\0", "SmsStatus": "received", "Body": "\0"},
    {"CallSid": CALL, "CallStatus": "ringing", "From": "x" * 30_000, "Direction": "sideways"},
    {"CallSid": CALL, "CallStatus": "completed", "CallDuration": "9" * 40, "Duration": "-1"},
    {"MessageSid": "SM1", "MessageStatus": "failed", "ErrorCode": "9" * 30, "SmsStatus": "\ud83d"},
    {"RecordingSid": "RE1", "RecordingStatus": "completed", "RecordingDuration": "-1", "RecordingChannels": "77"},
])  # fmt: skip
def test_odd_values_are_taken_for_what_they_are_and_nothing_breaks(world, params):
    world.happens(
        event("status", **{name: value.encode("utf-8", "replace").decode() for name, value in params.items()})
    )
    assert inbox.size(world.rt.redis) == 0
    assert world.one("select count(*) from events where processed_at is not null") == 1


def test_what_was_posted_does_not_change_any_more(world):
    world.happens(status(1))
    with pytest.raises(Exception, match="does not change"):
        world.rows("update events set body = '' returning key")


def test_an_unclaimed_event_is_rung_for_again(world):
    inbox.put_many(world.rt.redis, [status(1)])
    world.rt.redis.flushdb()
    inbox.put_many(world.rt.redis, [status(2)])
    world.rt.redis.delete("events", inbox.BELL)  # the message and the bell are lost
    assert inbox.ring_overdue(world.rt.redis) is False  # not overdue yet
    world.rt.redis.zincrby(inbox.DUE, -inbox.OVERDUE_MS - 1000, next(iter(world.rt.redis.hkeys(inbox.INBOX))))
    assert inbox.ring_overdue(world.rt.redis) is True
    assert world.rt.redis.llen("events") == 1


def test_a_crashed_drain_gives_its_events_back_when_the_lease_ends(world):
    inbox.put_many(world.rt.redis, [status(1)])
    (first,) = inbox.claim(world.rt.redis, limit=10, lease_ms=0)
    (again,) = inbox.claim(world.rt.redis, limit=10)
    assert (first.event_id, first.tries, again.event_id, again.tries) == (again.event_id, 1, first.event_id, 2)
    assert inbox.claim(world.rt.redis, limit=10) == []
