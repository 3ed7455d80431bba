import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from prometheus_client import REGISTRY
from psycopg import sql
from structlog.testing import capture_logs

from shared import inbox
from shared.db import events as event_rows
from tests.integration.stack.conftest import wait_for
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


def test_nobody_rings_for_a_drain_that_is_at_work_and_the_next_event_rings_when_it_has_gone(world, monkeypatch):
    committed = events._commit

    def commit_and_store_another(rt, batch):
        committed(rt, batch)
        if batch[0].params["CallSid"] == status(1).params["CallSid"]:
            inbox.put_many(rt.redis, [status(2)])

    monkeypatch.setattr(events, "_commit", commit_and_store_another)
    inbox.put_many(world.rt.redis, [status(1)])
    assert events.drain(world.rt) == 2
    assert world.rt.redis.llen("events") == 1  # the first event's: the second one was taken along
    inbox.put_many(world.rt.redis, [status(3)])
    assert world.rt.redis.llen("events") == 2


def test_what_comes_a_moment_after_the_last_event_needs_no_bell(world, monkeypatch):
    class Moment:
        def wait(self, timeout):
            inbox.put_many(world.rt.redis, [status(2)])
            monkeypatch.undo()

    monkeypatch.setattr(events.threading, "Event", Moment)
    inbox.put_many(world.rt.redis, [status(1)])
    assert events.drain(world.rt) == 2
    assert world.rt.redis.llen("events") == 1


def test_a_drain_that_finds_no_end_leaves_the_rest_to_the_next_one(world, monkeypatch):
    monkeypatch.setattr(events, "LONGEST_S", 0.0)
    inbox.put_many(world.rt.redis, [status(1)])
    assert events.drain(world.rt) == 0
    assert world.rt.redis.llen("events") == 2
    monkeypatch.undo()
    assert events.drain(world.rt) == 1


def test_after_a_drain_that_fails_the_bell_rings_again_but_not_for_each_event(world, monkeypatch):
    def gone(rt):
        raise OSError

    monkeypatch.setattr(events.dispatch, "once", gone)
    inbox.put_many(world.rt.redis, [status(1)])
    with pytest.raises(OSError):
        events.drain(world.rt)
    inbox.put_many(world.rt.redis, [status(2)])
    assert world.rt.redis.llen("events") == 1
    wait_for(lambda: not world.rt.redis.exists(inbox.BELL), "it has fallen silent", 5)
    inbox.put_many(world.rt.redis, [status(3)])
    assert world.rt.redis.llen("events") == 2


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


def test_what_no_handler_knows_is_stored_all_the_same(world):
    world.happens(event("status", Something="new"))
    assert world.rows("select kind, outcome from events") == [("other", "stored")]


@pytest.mark.parametrize(
    ("door", "params", "reason"),
    [
        ("status", {"CallStatus": "ringing"}, "call-status without a CallSid"),
        ("status", {"CallSid": "CA" + "x" * 30_000, "CallStatus": "ringing"}, "call-status without a CallSid"),
        ("call", {"From": CUSTOMER, "CallStatus": "ringing"}, "call-in without a CallSid"),
        ("message", {"SmsStatus": "received", "Body": "x"}, "msg-in without a MessageSid"),
        ("status", {"MessageSid": "no value", "MessageStatus": "sent"}, "msg-status without a MessageSid"),
        ("recording", {"RecordingStatus": "completed", "CallSid": CALL}, "rec without a RecordingSid"),
        ("status", {"TranscriptionEvent": "transcription-started"}, "rtt without a TranscriptionSid"),
    ],
)
def test_an_event_without_its_subject_is_set_aside_at_once_and_its_batch_goes_on(world, door, params, reason):
    bad = event(door, **params)
    world.happens(status(1), bad, status(2))
    assert world.rows("select event_id, reason, tries from set_aside") == [(bad.event_id, reason, 1)]
    assert world.one("select count(*) from events") == 2
    assert inbox.size(world.rt.redis) == 0


@pytest.mark.parametrize("params", [
    {"MessageSid": "SM\0", "SmsStatus": "received", "Body": "\0"},
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
    inbox.begin(world.rt.redis, [first])
    (again,) = inbox.claim(world.rt.redis, limit=10)
    assert (first.event_id, first.tries, again.event_id, again.tries) == (again.event_id, 1, first.event_id, 2)
    assert inbox.claim(world.rt.redis, limit=10) == []


def test_what_was_claimed_and_not_begun_was_not_tried(world):
    inbox.put_many(world.rt.redis, [status(1)])
    inbox.claim(world.rt.redis, limit=10, lease_ms=0)
    ((again),) = inbox.claim(world.rt.redis, limit=10)
    assert again.tries == 1


def test_what_was_cleared_is_not_given_back(world):
    inbox.put_many(world.rt.redis, [status(1)])
    claimed = inbox.claim(world.rt.redis, limit=10)
    inbox.clear(world.rt.redis, [item.event_id for item in claimed])
    inbox.give_back(world.rt.redis, claimed, delay_s=0)
    assert world.rt.redis.exists(inbox.DUE, inbox.TRIES) == 0


def again_and_again(world, event_id, rounds):
    for _ in range(rounds):
        world.rt.redis.zadd(inbox.DUE, {event_id: 0})
        events.drain(world.rt)


def test_what_was_tried_before_goes_alone_after_what_is_new(world, monkeypatch):
    batches = []
    committed = events._commit
    monkeypatch.setattr(
        events, "_commit", lambda rt, batch: (batches.append([one.key for one in batch]), committed(rt, batch))
    )
    old = [status(1), status(2)]
    inbox.put_many(world.rt.redis, old)
    inbox.begin(world.rt.redis, inbox.claim(world.rt.redis, limit=10, lease_ms=0))
    inbox.put_many(world.rt.redis, [status(3), status(4)])
    events.drain(world.rt)
    assert [len(batch) for batch in batches] == [2, 1, 1]


def test_an_event_whose_tries_never_ended_is_set_aside_untried(world, monkeypatch):
    monkeypatch.setattr(events, "HANDLERS", {"call-status": lambda conn, event: pytest.fail("tried")})
    bad = status(1)
    inbox.put_many(world.rt.redis, [bad])
    world.rt.redis.hset(inbox.TRIES, bad.event_id, events.MOST_TRIES)
    events.drain(world.rt)
    assert world.one("select event_id from set_aside") == bad.event_id
    assert inbox.size(world.rt.redis) == 0


def test_while_postgresql_takes_no_writes_nothing_is_counted_and_all_comes_back_soon(world):
    name = world.one("select current_database()")
    with psycopg.connect(world.rt.settings.database_url) as conn:
        conn.execute(sql.SQL("alter database {} set default_transaction_read_only = on").format(sql.Identifier(name)))
    world.rt.db.drain()
    bad = status(1)
    inbox.put_many(world.rt.redis, [bad])
    for _ in range(events.MOST_TRIES + 2):
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            again_and_again(world, bad.event_id, 1)
    assert world.rt.redis.hget(inbox.TRIES, bad.event_id) == b"0"
    seconds, _ = world.rt.redis.time()
    assert world.rt.redis.zscore(inbox.DUE, bad.event_id) / 1000 < seconds + 2  # not at the end of its lease
    with psycopg.connect(world.rt.settings.database_url, options="-c default_transaction_read_only=off") as conn:
        conn.execute(sql.SQL("alter database {} reset default_transaction_read_only").format(sql.Identifier(name)))
    world.rt.db.drain()
    again_and_again(world, bad.event_id, 1)
    assert world.one("select count(*) from events") == 1
    assert world.one("select count(*) from set_aside") == 0


def test_an_event_that_is_too_slow_is_the_events_fault_and_nobody_elses(world, monkeypatch):
    def slow(conn, event):
        conn.execute("set local statement_timeout = 50")
        conn.execute("select pg_sleep(9)")

    monkeypatch.setattr(events, "HANDLERS", {**events.HANDLERS, "msg-in": slow})
    world.happens(
        status(1), event("message", MessageSid="SM" + "1" * 32, SmsStatus="received", From=CUSTOMER), status(2)
    )
    assert world.one("select count(*) from events") == 2


def test_a_batch_that_does_not_get_its_turn_waits_once_and_not_once_an_event(world):
    with world.rt.db.connection() as other:
        event_rows.take_turn(other)
        inbox.put_many(world.rt.redis, [status(n) for n in range(20)])
        began = time.monotonic()
        assert events.drain(world.rt) == 0
        assert time.monotonic() - began < 6  # lock_timeout is 2 s
    assert set(world.rt.redis.hvals(inbox.TRIES)) == {b"0"}


def test_a_row_that_somebody_holds_delays_its_own_event_only(world, monkeypatch):
    def locked(conn, event):
        conn.execute("set local lock_timeout = 50")
        conn.execute("select pg_advisory_xact_lock(77)")

    monkeypatch.setattr(events, "HANDLERS", {**events.HANDLERS, "msg-in": locked})
    with world.rt.db.connection() as other:
        other.execute("select pg_advisory_xact_lock(77)")
        world.happens(status(1), event("message", MessageSid="SM" + "1" * 32, SmsStatus="received", From=CUSTOMER))
    assert world.one("select count(*) from events") == 1
    assert inbox.size(world.rt.redis) == 1


def test_a_reason_that_postgresql_could_not_keep_is_made_fit(world, monkeypatch):
    def odd(conn, event):
        raise RuntimeError("\0 \ud83d " + "x" * 5000)

    monkeypatch.setattr(events, "HANDLERS", {**events.HANDLERS, "call-status": odd})
    bad = status(1)
    inbox.put_many(world.rt.redis, [bad])
    again_and_again(world, bad.event_id, events.MOST_TRIES)
    assert world.one("select length(reason) from set_aside") <= 300


def test_two_drains_at_once_do_every_event_once(world):
    inbox.put_many(world.rt.redis, [status(n) for n in range(400)])
    with ThreadPoolExecutor(2) as both:
        done = list(both.map(lambda _: events.drain(world.rt), range(2)))
    assert sum(done) == world.one("select count(*) from events") == 400
    assert world.one("select count(*) from jobs") == world.one("select count(distinct (kind, ref)) from jobs")
    assert inbox.size(world.rt.redis) == 0


FALLBACK = ("twilio_server_fallbacks_used_total", {"kind": "call-fallback", "failed": "call"})


@pytest.mark.parametrize(("code", "label"), [("11200", "11200"), ("999999999", "other"), ("x", "none")])
def test_what_twilio_complains_of_is_counted_and_logged_once_by_its_code_alone(world, code, label):
    def counted():
        return REGISTRY.get_sample_value("twilio_server_twilio_alerts_total", {"code": label}) or 0.0

    before = counted()
    used = REGISTRY.get_sample_value(*FALLBACK) or 0.0
    complaint = event("call", CallSid=CALL, CallStatus="ringing", From=CUSTOMER, To=BUSINESS, ErrorCode=code,
                      ErrorUrl="https://x/api/calls/incoming?From=%2B12125550142")  # fmt: skip
    with capture_logs() as lines:
        world.happens(complaint)
        world.happens(complaint)
    assert counted() == before + 1
    assert REGISTRY.get_sample_value(*FALLBACK) == used + 1
    (told,) = [line for line in lines if line["event"] == "fallback_used"]
    assert told == {
        "event": "fallback_used", "log_level": "error", "source": "call-fallback", "failed": "call", "code": told["code"],
    }  # fmt: skip
    assert str(told["code"] or "x") == code
