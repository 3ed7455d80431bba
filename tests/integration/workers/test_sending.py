"""What lets a text go and what holds it, at the moment it is to leave: with a real Redis, PostgreSQL and a simulated Twilio."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from threading import Thread
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
import requests
from redis import Redis

from shared import inbox, pace, tasks
from shared.db import consents, departures, jobs, opt_outs, senders, suppressions
from shared.db import texts as rows
from shared.db.senders import Sender
from tests.integration.outgoing import kept, paced
from tests.integration.stack.conftest import wait_for
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, TENANT
from tests.integration.workers.test_messages import reported, wanted
from workers import doubt, execute, handed, leaving, sending, sms
from workers.catalogue import CATALOGUE
from workers.execute import run_many
from workers.release import IDLE_S, Releaser

NEW_YORK = ZoneInfo("America/New_York")  # where CUSTOMER is
SERVICE = "MG" + "5" * 32


@pytest.fixture
def at_twilio(twilio):
    """The texts that Twilio has taken."""
    return lambda **filters: requests.get(f"{twilio}/sim/messages", params=filters, timeout=10).json()["data"]


@pytest.fixture
def trouble(twilio):
    """Tells the simulated Twilio how to fail its next requests for messages."""

    def order(**fault):
        wish = {"data": [{"times": 1, "path": "Messages", **fault}]}
        requests.put(f"{twilio}/sim/faults", json=wish, timeout=10).raise_for_status()

    return order


def asked(world, *, lane=1, is_paced=True, **columns):
    """A text as the API takes it on, with these columns of its row."""
    body = columns.pop("body", None)
    to_number = columns.pop("to_number", CUSTOMER)
    message = wanted(world, to_number=to_number, **({"body": body} if body else {}))
    with world.rt.db.connection() as conn:
        conn.execute("delete from jobs where ref = %s", (str(message.id),))
        for name, value in {"lane": lane, "purpose": "transactional", **columns}.items():
            conn.execute(f"update messages set {name} = %s where id = %s", (value, message.id))
        cost = columns.get("planned_segments", 1)
        if is_paced:
            paced(conn, str(message.id), BUSINESS, lane, TENANT, cost)
        else:
            jobs.promise(conn, "sms.send", str(message.id))
    return message


def state(world, message):
    return world.rows("select send_state, error_reason from messages where id = %s", message.id)[0]


def steps(world, message):
    return [
        row[0] for row in world.rows("select step from message_steps where message_id = %s order by id", message.id)
    ]


def last_error(world, message):
    return world.one("select last_error from jobs where ref = %s", str(message.id))


def waits_s(world, message):
    return world.one("select extract(epoch from next_at - now())::float from jobs where ref = %s", str(message.id))


def test_a_text_says_why_it_left_and_when(world):
    message = asked(world)
    assert world.work("sms.send") == ["done"]
    assert steps(world, message)[:1] == ["sending"]
    assert "handed" in steps(world, message)
    verdict, rules = world.rows("select decision, decision_rules from messages")[0]
    assert verdict == "allowed"
    assert {"rule": "opt-out", "verdict": "allowed", "detail": "none in force"} in rules


def test_two_texts_of_one_long_code_leave_a_second_apart(world, at_twilio):
    first, second = asked(world), asked(world)
    assert world.work("sms.send") == ["done", "deferred"]
    assert state(world, second) == ("queued", None)
    assert last_error(world, second) == "rate"
    wait_s = waits_s(world, second)
    assert 0.5 < wait_s <= 1.02
    assert steps(world, second) == []  # its turn has not come: it never began
    assert len(at_twilio(to=CUSTOMER)) == 1
    assert state(world, first)[0] == "handed"


def test_a_long_text_holds_its_sender_for_all_its_segments(world):
    asked(world, planned_segments=3, body="x" * 400)
    later = asked(world)
    assert world.work("sms.send") == ["done", "deferred"]
    wait_s = waits_s(world, later)
    assert 2.5 < wait_s <= 3.06


def test_a_sender_with_a_rate_of_its_own_keeps_that(world):
    with world.rt.db.connection() as conn:
        senders.put(conn, Sender(BUSINESS, "long-code", segments_per_s=1000))
    for _ in range(5):
        asked(world)
    assert world.work("sms.send") == ["done"] * 5


def test_a_service_keeps_its_rate_over_all_its_numbers(world):
    with world.rt.db.connection() as conn:
        senders.put(conn, Sender(BUSINESS, "long-code", service_sid=SERVICE, segments_per_s=1000))
        senders.put(conn, Sender(SERVICE, "service", segments_per_s=0.1))
    asked(world)
    held = asked(world)
    assert world.work("sms.send") == ["done", "deferred"]
    assert last_error(world, held) == "rate"
    assert waits_s(world, held) > 5


def test_a_day_cap_sends_what_is_left_to_the_next_day_or_not_at_all(world):
    with world.rt.db.connection() as conn:
        senders.put(conn, Sender(BUSINESS, "long-code", segments_per_s=1000, segments_per_day=2))
    texts = [asked(world, expires_at=datetime.now(UTC) + timedelta(days=2)) for _ in range(3)]
    too_late = asked(world, expires_at=datetime.now(UTC) + timedelta(seconds=30))
    assert world.work("sms.send") == ["done", "done", "deferred", "failed"]
    next_at = world.one("select next_at from jobs where ref = %s", str(texts[2].id))
    assert abs(next_at - pace.next_day(datetime.now(UTC))) < timedelta(seconds=5)
    assert state(world, too_late)[1].startswith("expired: day-cap until ")


def test_what_was_counted_before_redis_forgot_counts_after(world):
    with world.rt.db.connection() as conn:
        senders.put(conn, Sender(BUSINESS, "long-code", segments_per_s=1000, segments_per_day=2))
    asked(world)
    asked(world)
    assert world.work("sms.send") == ["done", "done"]
    world.time_passes()  # Redis is empty
    asked(world, expires_at=datetime.now(UTC) + timedelta(days=2))
    assert world.work("sms.send") == ["deferred"]


def test_a_text_that_has_expired_is_not_sent(world, at_twilio):
    message = asked(world, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert world.work("sms.send") == ["failed"]
    assert state(world, message) == ("refused", "expired")
    assert steps(world, message) == ["refused"]
    assert world.one("select data ->> 'error_reason' from notifications where type = 'sms.failed'") == "expired"
    assert at_twilio(to=CUSTOMER) == []


def test_a_text_for_later_waits_for_its_time(world):
    later = datetime.now(UTC) + timedelta(hours=2)
    asked(world, send_at=later, expires_at=later + timedelta(hours=1))
    assert world.work("sms.send") == ["deferred"]
    assert world.rows("select next_at > now() + interval '119 minutes', awake, hint_at = 'infinity' from jobs") == [
        (True, False, True)
    ]


@pytest.mark.parametrize("who", ["sender", "service", "account"])
def test_nothing_leaves_while_its_sender_its_service_or_the_account_is_paused(world, at_twilio, who):
    asked(world)
    with world.rt.db.connection() as conn:
        if who == "sender":
            senders.pause(conn, BUSINESS, "long-code", seconds=300, reason="too hot")
        elif who == "service":
            senders.put(conn, Sender(BUSINESS, "long-code", service_sid=SERVICE))
            senders.pause(conn, SERVICE, "service", seconds=300, reason="too hot")
        else:
            senders.pause_account(conn, world.rt.settings.twilio_account_sid, seconds=300, reason="20003")
    assert world.work("sms.send") == ["deferred"]
    assert at_twilio(to=CUSTOMER) == []


def test_a_stop_that_came_after_the_text_was_taken_on_is_honoured(world, at_twilio):
    message = asked(world)
    with world.rt.db.connection() as conn:
        opt_outs.add(conn, number=CUSTOMER, scope=BUSINESS, source="keyword")
    assert world.work("sms.send") == ["failed"]
    assert state(world, message) == ("refused", "not permitted: opt-out")
    assert world.one("select decision from messages") == "refused"
    assert at_twilio(to=CUSTOMER) == []


def test_advertising_at_night_is_held_until_morning_and_says_so_once(world, monkeypatch):
    with world.rt.db.connection() as conn:
        consents.grant(conn, tenant_id=TENANT, number=CUSTOMER, purpose="marketing", kind="written", source="form")
    message = asked(world, lane=2, purpose="marketing", expires_at=datetime.now(UTC) + timedelta(days=9))
    night = datetime.combine(datetime.now(NEW_YORK).date() + timedelta(days=1), time(2), NEW_YORK)
    ask = sms.permit.permissions.ask
    monkeypatch.setattr(sms.permit.permissions, "ask", lambda *args: ask(*args, now=night))
    assert world.work("sms.send") == ["deferred"]
    world.time_passes()
    assert world.work("sms.send") == ["deferred"]
    ((decision, until),) = world.rows("select decision, held_until from messages")
    assert (decision, until.astimezone(NEW_YORK).time()) == ("held", time(8))
    assert steps(world, message) == ["held"]
    assert last_error(world, message) == "quiet-hours"


def test_an_error_about_the_recipient_suppresses_it_and_the_next_text_is_not_even_tried(world):
    asked(world, to_number="+15005550009")  # Twilio's magic number: 21614, not a mobile
    assert world.work("sms.send") == ["failed"]
    assert world.rows("select number, twilio_code from suppressions") == [("+15005550009", 21614)]
    world.time_passes()
    again = asked(world, to_number="+15005550009")
    assert world.work("sms.send") == ["failed"]
    assert state(world, again)[1] == "not permitted: suppressed"
    with world.rt.db.connection() as conn:
        assert suppressions.lift(conn, "+15005550009")


def test_twilios_word_that_somebody_has_opted_out_becomes_ours(world):
    asked(world, to_number="+15005550004")  # Twilio's magic number: 21610
    assert world.work("sms.send") == ["failed"]
    assert world.rows("select number, scope, source from opt_outs") == [("+15005550004", BUSINESS, "21610")]
    assert world.one("select count(*) from notifications where type = 'consent.opted_out'") == 1


def test_a_failed_callback_with_21610_becomes_an_opt_out_too(world):
    message = asked(world)
    world.work("sms.send")
    sid = world.one("select message_sid from messages")
    for _ in range(2):
        world.happens(reported("failed", message, sid=sid, ErrorCode="21610"))
    assert world.rows("select number, scope, source from opt_outs") == [(CUSTOMER, BUSINESS, "21610")]


def test_an_undelivered_text_to_a_landline_suppresses_the_number(world):
    message = asked(world)
    world.work("sms.send")
    world.happens(
        reported("undelivered", message, sid=world.one("select message_sid from messages"), ErrorCode="30006")
    )
    assert world.rows("select number, reason, until is null from suppressions") == [(CUSTOMER, "landline", False)]


def test_refused_credentials_pause_the_account_and_the_text_lives(world, trouble):
    trouble(status=401)
    message = asked(world)
    assert world.work("sms.send") == ["transient"]
    assert state(world, message)[0] == "queued"
    assert world.one("select count(*) from account_pauses where until > now()") == 1
    assert Releaser(world.rt).once() == 0


def test_too_many_requests_halve_those_under_way_and_the_text_is_tried_again(world, trouble):
    trouble(status=429, retry_after_s=7)
    message = asked(world)
    assert world.work("sms.send") == ["transient"]
    assert float(world.rt.redis.get("ts:pace-limit")) <= pace.FIRST_LIMIT / 2
    wait_s = waits_s(world, message)
    assert wait_s > 6
    assert world.rt.redis.zcard("ts:pace-live") == 0


def test_a_doubtful_text_that_asks_for_a_person_is_parked_and_not_sent(world, trouble, at_twilio):
    trouble(status=503, when="before")
    message = asked(world, on_unknown="park")
    assert world.work("sms.send") == ["unknown"]
    world.rows("update messages set sending_since = sending_since - interval '2 minutes' returning id")
    world.time_passes()
    assert world.work("sms.send") == ["failed"]
    assert state(world, message)[0] == "parked"
    assert at_twilio(to=CUSTOMER) == []
    world.happens(reported("sent", message))  # and then Twilio proves that it has it
    assert state(world, message)[0] == "handed"


def test_twilios_list_is_looked_at_before_the_settling_time_and_once_more_at_its_end(world, trouble):
    trouble(status=503, when="before")
    message = asked(world)
    assert world.work("sms.send") == ["unknown"]
    looked = []
    for age_s in (6, 16, 31, 61):
        world.rows("update messages set sending_since = now() - make_interval(secs => %s) returning id", age_s)
        world.time_passes()
        looked += world.work("sms.send")
    assert looked == ["deferred", "deferred", "deferred", "transient"]
    assert steps(world, message) == ["sending", "unknown", "settled"]


def test_of_two_doubtful_texts_that_read_the_same_twilios_one_message_is_one_of_them(world, trouble, at_twilio):
    trouble(status=503, when="after")
    one = asked(world, body="same words")
    assert world.work("sms.send") == ["unknown"]
    world.time_passes()
    trouble(status=503, when="before")
    other = asked(world, body="same words")
    assert world.work("sms.send") == ["deferred", "unknown"]
    for _ in range(3):
        world.rows(
            "update messages set sending_since = now() - interval '2 minutes' where send_state <> 'handed' returning id"
        )
        world.time_passes()
        world.work("sms.send")
    assert {state(world, one)[0], state(world, other)[0]} == {"handed"}
    assert len(at_twilio(to=CUSTOMER)) == 2
    assert world.one("select count(distinct message_sid) from messages") == 2


def test_whoever_stood_still_before_the_request_does_not_send(world, monkeypatch, at_twilio):
    """As a worker does that was frozen: others may have taken the text over."""
    clock = iter([0.0, leaving.FRESH_S + 0.1])
    monkeypatch.setattr(leaving, "clock", lambda: next(clock))
    message = asked(world)
    assert world.work("sms.send") == ["unknown"]
    assert at_twilio(to=CUSTOMER) == []
    assert state(world, message) == ("unknown", "stood_still")
    assert world.rt.redis.zcard("ts:pace-live") == 0


def in_hand(world, message):
    """A worker takes the text's job, and then stands still before anything leaves: what it would do next, and its job."""
    job_id = world.one("select id from jobs where ref = %s", str(message.id))
    ((_, (job,), step),) = execute._take(
        world.rt, CATALOGUE, lambda conn: jobs.lease(conn, [job_id], execute._leases(CATALOGUE))
    )
    return job, step


def taken_over(world):
    """Its lease ends, the text was never taken, and others begin to send it anew: their job, and what they would do next."""
    world.rows("update messages set sending_since = sending_since - interval '2 minutes' returning id")
    world.rows("update jobs set lease_until = now() returning id")
    assert world.work("sms.send") == ["transient"]
    world.time_passes()


def test_whoever_stood_still_until_another_attempt_began_does_not_call_that_one_off(world):
    message = asked(world)
    _, stood_still = in_hand(world, message)
    taken_over(world)
    in_hand(world, message)  # the others' request is under way
    world.rt.redis.set(f"ts:pace:{BUSINESS}", int((world.rt.redis.time()[0] + 9) * 1e6))
    (waits,) = stood_still(world.rt)
    assert waits.reason == "rate"
    assert state(world, message)[0] == "sending"


def test_a_late_refusal_of_one_attempt_says_nothing_of_the_next(world, trouble, monkeypatch):
    message = asked(world)
    _, stood_still = in_hand(world, message)
    taken_over(world)
    in_hand(world, message)
    monkeypatch.setattr(leaving, "FRESH_S", 9.0)
    trouble(status=429)
    (refused,) = stood_still(world.rt)
    assert refused.is_throttle
    assert state(world, message)[0] == "sending"
    assert "unsent" not in steps(world, message)


def test_a_late_look_at_twilios_list_does_not_let_a_text_go_that_is_under_way(world):
    message = asked(world)
    in_hand(world, message)
    world.rows("update messages set sending_since = sending_since - interval '2 minutes' returning id")
    world.rows("update jobs set lease_until = now() returning id")
    _, looks = in_hand(world, message)
    taken_over(world)
    in_hand(world, message)
    looks(world.rt)
    assert state(world, message)[0] == "sending"


def test_a_host_whose_clock_is_fast_does_not_give_a_doubtful_text_up_early(world, trouble, monkeypatch):
    trouble(status=503, when="before")
    asked(world)
    assert world.work("sms.send") == ["unknown"]

    class Fast(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(minutes=5)

    monkeypatch.setattr(doubt, "datetime", Fast)
    world.rows("update messages set sending_since = now() - interval '6 seconds' returning id")
    world.time_passes()
    assert run_many(world.rt, CATALOGUE, [world.one("select id from jobs")]).popitem()[1] == "deferred"


def test_a_text_that_a_service_has_smart_encoded_is_found_again(world, trouble, twilio, at_twilio):
    """As Twilio does unless it is switched off: its list shows other words than ours."""
    trouble(status=503, when="before")
    message = asked(world, body="It’s “ready”")
    assert world.work("sms.send") == ["unknown"]
    sent = world.rt.twilio.send_message(
        to=CUSTOMER, from_=BUSINESS, body='It\'s "ready"', media_urls=[], status_callback="http://127.0.0.1:9"
    )
    world.rows("update messages set sending_since = sending_since - interval '2 minutes' returning id")
    world.time_passes()
    assert world.work("sms.send") == ["done"]
    assert world.one("select message_sid from messages where id = %s", message.id) == sent.message_sid


def test_an_attempt_that_was_carried_out_late_is_found_by_the_doubt_about_the_next(world, trouble, at_twilio):
    trouble(status=503, when="before")
    message = asked(world, body="late")
    world.rows("update messages set created_at = created_at - interval '5 minutes' returning id")
    assert world.work("sms.send") == ["unknown"]
    sent = world.rt.twilio.send_message(
        to=CUSTOMER, from_=BUSINESS, body="late", media_urls=[], status_callback="http://127.0.0.1:9"
    )
    with world.rt.db.connection() as conn:  # two minutes later, in a second attempt: Twilio's word is older than that
        conn.execute("update messages set sending_since = now() + interval '2 minutes', send_state = 'unknown'")
    known = departures.read
    monkey = pytest.MonkeyPatch()
    monkey.setattr(
        departures, "read", lambda *args: {k: replace(v, sending_for_s=99.0) for k, v in known(*args).items()}
    )
    world.time_passes()
    assert world.work("sms.send") == ["done"]
    monkey.undo()
    assert world.one("select message_sid from messages where id = %s", message.id) == sent.message_sid


def test_texts_that_leave_together_first_thing_in_the_day_use_the_whole_cap(world):
    with world.rt.db.connection() as conn:
        senders.put(conn, Sender(BUSINESS, "long-code", segments_per_s=1000, segments_per_day=4))
    for _ in range(6):
        asked(world, expires_at=datetime.now(UTC) + timedelta(days=2))
    ids = [row[0] for row in world.rows("select id from jobs where kind = 'sms.send' order by id")]
    assert sorted(run_many(world.rt, CATALOGUE, ids).values()) == ["deferred"] * 2 + ["done"] * 4


def test_a_services_cap_holds_after_redis_has_forgotten_what_its_numbers_sent(world):
    with world.rt.db.connection() as conn:
        senders.put(conn, Sender(BUSINESS, "long-code", service_sid=SERVICE, segments_per_s=1000))
        senders.put(conn, Sender(SERVICE, "service", segments_per_s=1000, segments_per_day=2))
    for _ in range(2):
        asked(world)
    assert world.work("sms.send") == ["done", "done"]
    world.time_passes()  # Redis is empty
    asked(world, expires_at=datetime.now(UTC) + timedelta(days=2))
    assert world.work("sms.send") == ["deferred"]


def test_a_text_in_hand_while_its_bulk_was_paused_does_not_expire_meanwhile(world):
    message = asked(world, lane=2, purpose="marketing", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with world.rt.db.connection() as conn:
        row = conn.execute(
            "insert into bulks (client, request, total, state) values ('c', '{}', 1, 'paused') returning id"
        ).fetchone()
        conn.execute("update messages set bulk_id = %s where id = %s", (row[0], message.id))
    assert world.work("sms.send") == ["deferred"]
    assert waits_s(world, message) <= 60


def test_a_service_chooses_the_sender_and_we_write_down_whom(world, twilio):
    made = requests.put(f"{twilio}/sim/services/pool", json={}, timeout=10).json()
    sid = made.get("sid") or made["data"]["sid"]
    message = asked(world, from_number="", messaging_service_sid=sid)
    assert world.work("sms.send") == ["done"]
    assert state(world, message)[0] == "handed"


def test_without_redis_texts_leave_at_half_their_pace_and_no_faster(world, at_twilio):
    nobody = Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.2)
    object.__setattr__(world.rt, "pacer", nobody)
    for _ in range(3):
        asked(world)
    assert world.work("sms.send") == ["deferred"] * 3  # the bucket in PostgreSQL begins empty
    world.rows("update pace set next_at = clock_timestamp() - interval '1 second' returning key")
    world.rows("update jobs set next_at = now(), awake = true returning id")
    assert sorted(world.work("sms.send")) == ["deferred", "deferred", "done"]
    wait_s = world.one("select extract(epoch from next_at - clock_timestamp())::float from pace")
    assert 1 < wait_s <= 2.04
    assert len(at_twilio(to=CUSTOMER)) == 1


def test_without_redis_the_releaser_sends_by_itself_and_no_faster(world, at_twilio):
    nobody = Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.2)
    object.__setattr__(world.rt, "redis", nobody)
    object.__setattr__(world.rt, "pacer", nobody)
    for _ in range(3):
        asked(world)
    world.rows("update jobs set hint_at = 'infinity' returning id")
    with world.rt.db.connection() as conn:
        conn.execute("insert into pace (key, next_at) values (%s, clock_timestamp())", (BUSINESS,))
    for _ in range(3):
        Releaser(world.rt).once()
        world.rows("update jobs set next_at = now(), awake = true where state = 'due' returning id")
    assert len(at_twilio(to=CUSTOMER)) == 1
    world.rows("update pace set next_at = clock_timestamp() returning key")
    Releaser(world.rt).once()
    assert len(at_twilio(to=CUSTOMER)) == 2


def test_the_releaser_lets_the_first_of_each_sender_go_by_lane_and_rings(world):
    bulk, answer = [asked(world, lane=2) for _ in range(3)], asked(world, lane=0)
    world.rows("update jobs set hint_at = 'infinity' returning id")
    releaser = Releaser(world.rt)
    assert releaser.once() == 1
    assert world.rt.redis.llen(tasks.SMS) == 1
    assert world.one("select ref from jobs where hint_at < 'infinity'") == str(answer.id)
    assert releaser.once() == 0  # it is not known yet whether the first has left
    assert sending.drain(world.rt) == 1
    assert (state(world, answer)[0], state(world, bulk[0])[0]) == ("handed", "queued")


def test_a_bell_calls_for_all_that_may_leave_and_is_not_rung_twice(world):
    with world.rt.db.connection() as conn:
        senders.put(conn, Sender(BUSINESS, "long-code", segments_per_s=1000))
    for _ in range(20):
        asked(world)
        tasks.ring(world.rt.redis)
    assert world.rt.redis.llen(tasks.SMS) == 1
    assert sending.drain(world.rt) == 20
    assert world.rt.redis.llen(tasks.SMS) == 3  # it has called others to help, who find nothing left
    assert sending.drain(world.rt) == 0
    assert world.one("select count(*) from messages where send_state = 'handed'") == 20
    tasks.ring(world.rt.redis)
    assert world.rt.redis.llen(tasks.SMS) == 4  # the bell was answered


def test_what_was_let_go_and_whose_bell_was_lost_is_rung_for_again(world):
    asked(world)
    assert Releaser(world.rt).once() == 0
    assert world.rt.redis.llen(tasks.SMS) == 0
    world.rows("update jobs set hint_at = now() - interval '1 second' where hint_at < 'infinity' returning id")
    Releaser(world.rt).once()
    assert world.rt.redis.llen(tasks.SMS) == 1


def test_the_releaser_waits_for_the_next_that_may_go_and_an_idle_house_costs_little(world):
    releaser = Releaser(world.rt)
    assert (releaser.once(), releaser.pause_s) == (0, IDLE_S)
    asked(world)
    assert world.work("sms.send") == ["done"]
    asked(world)
    world.rows("update jobs set hint_at = 'infinity' where state = 'due' returning id")
    assert (releaser.once(), releaser.pause_s) == (0, IDLE_S)  # nearly a second is left
    world.rt.redis.set(f"ts:pace:{BUSINESS}", int((world.rt.redis.time()[0] + 1) * 1e6))
    releaser.once()
    assert releaser.pause_s <= IDLE_S
    world.rt.redis.delete(f"ts:pace:{BUSINESS}")
    assert releaser.once() == 1


def test_the_releaser_lets_go_no_more_than_workers_can_take(world):
    with world.rt.db.connection() as conn:
        for number in range(100):
            kept(conn, pace_key=f"+1415556{number:04}", lane=2)
        conn.execute("update jobs set hint_at = 'infinity'")
    releaser = Releaser(world.rt)
    assert releaser.once() == 64
    assert releaser.once() == 0
    world.rows("update jobs set state = 'done', finished_at = now() where hint_at < 'infinity' returning id")
    assert releaser.once() == 36


def job_ids(world):
    return [row[0] for row in world.rows("select id from jobs where kind = 'sms.send' and state = 'due' order by id")]


def test_who_calls_a_text_off_while_it_leaves_wins_or_comes_too_late(world, at_twilio):
    with world.rt.db.connection() as conn:
        senders.put(conn, Sender(BUSINESS, "long-code", segments_per_s=1000))
    texts = [asked(world) for _ in range(40)]
    ids = job_ids(world)

    def leave():
        for at in range(0, len(ids), 8):
            run_many(world.rt, CATALOGUE, ids[at : at + 8])

    leaves = Thread(target=leave)
    leaves.start()
    called_off = set()
    for text in reversed(texts):
        with world.rt.db.connection() as conn:
            if rows.cancel(conn, text.id):
                called_off.add(text.id)
    leaves.join()
    while waiting := job_ids(world):  # some had to wait for their turn
        world.time_passes()
        run_many(world.rt, CATALOGUE, waiting)
    assert {text.id: state(world, text)[0] for text in texts} == {
        text.id: "canceled" if text.id in called_off else "handed" for text in texts
    }
    assert len(at_twilio(to=CUSTOMER, limit=100)) == len(texts) - len(called_off)


def test_callbacks_that_come_while_the_answers_are_written_down_meet_no_text_twice(world, monkeypatch):
    """In the other order than ours, and in one transaction: whichever of the two has to wait, or is refused, comes again."""
    with world.rt.db.connection() as conn:
        senders.put(conn, Sender(BUSINESS, "long-code", segments_per_s=1000))
    texts = [asked(world) for _ in range(8)]
    record, told = handed.record, []

    def overtaken(conn, answers):
        if not told:
            told.extend((ref, sent.message_sid) for ref, sent in answers)
            reports = [
                reported("delivered", SimpleNamespace(id=ref), sid=sid)
                for ref, sid in reversed(told)
            ]  # fmt: skip
            threads.append(Thread(target=world.happens, args=reports))
            threads[0].start()
        record(conn, answers)

    threads = []
    monkeypatch.setattr(handed, "record", overtaken)
    run_many(world.rt, CATALOGUE, job_ids(world))
    threads[0].join()

    def is_quiet():
        world.happens()
        world.rows("update jobs set next_at = now() where state = 'due' and kind = 'sms.send' returning id")
        world.rows(
            "update messages set sending_since = now() - interval '6 seconds' where send_state = 'sending' returning id"
        )
        run_many(world.rt, CATALOGUE, job_ids(world))
        return inbox.size(world.rt.redis) == 0 and not job_ids(world)

    wait_for(is_quiet, "all is written down")
    assert sorted(world.rows("select id::text, message_sid, status from messages")) == sorted(
        (ref, sid, "delivered") for ref, sid in told
    )
    assert len(told) == len(texts)
    assert world.one("select count(*) from notifications where type = 'sms.delivered'") == 8


def test_two_doubtful_texts_that_read_the_same_and_are_looked_for_together_are_two(world, trouble, at_twilio):
    trouble(status=503, when="after")
    with world.rt.db.connection() as conn:
        senders.put(conn, Sender(BUSINESS, "long-code", segments_per_s=1000))
    for _ in range(2):
        asked(world, body="same words")
    assert sorted(run_many(world.rt, CATALOGUE, job_ids(world)).values()) == ["done", "unknown"]
    world.rows("update messages set send_state = 'unknown', message_sid = null returning id")
    world.rows("update jobs set state = 'due', finished_at = null returning id")
    for _ in range(3):
        world.rows(
            "update messages set sending_since = now() - interval '2 minutes' where send_state <> 'handed' returning id"
        )
        world.time_passes()
        run_many(world.rt, CATALOGUE, job_ids(world))
    assert world.one("select count(distinct message_sid) from messages where send_state = 'handed'") == 2
    assert len(at_twilio(to=CUSTOMER)) == 2


def test_what_a_lower_lane_has_let_go_does_not_keep_an_answer_from_being_let_go(world):
    with world.rt.db.connection() as conn:
        senders.put(conn, Sender(BUSINESS, "long-code", segments_per_s=1000))
        for number in range(100):
            kept(conn, pace_key=f"+1415556{number:04}", lane=2)
    asked(world, lane=2)
    answer = asked(world, lane=0)
    world.rows("update jobs set hint_at = 'infinity' where pace_key = %s returning id", BUSINESS)
    assert Releaser(world.rt).once() == 1
    assert world.one("select ref from jobs where pace_key = %s and hint_at < 'infinity'", BUSINESS) == str(answer.id)


def test_a_senders_full_queue_at_twilio_is_its_own_trouble_and_nobody_elses(world):
    full = "+15005550008"  # Twilio's magic number: 21611
    message = asked(world, from_number=full)
    assert world.work("sms.send") == ["transient"]
    assert state(world, message)[0] == "queued"
    assert world.one("select pause_reason from senders where sender = %s", full) == "twilio 21611"
    assert float(world.rt.redis.get("ts:pace-limit")) >= pace.FIRST_LIMIT


def test_texts_that_leave_together_do_so_and_none_waits_for_the_other(world, at_twilio):
    """What holds one of them, or fails, is its own; the others are written down in one transaction."""
    with world.rt.db.connection() as conn:
        senders.put(conn, Sender(BUSINESS, "long-code", segments_per_s=1000))
    fine = [asked(world) for _ in range(3)]
    refused = asked(world, to_number="+15005550009")
    expired = asked(world, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    doubted = asked(world)
    world.rows(
        "update messages set send_state = 'sending', sending_since = now() where id = %s returning id", doubted.id
    )
    ids = [row[0] for row in world.rows("select id from jobs where kind = 'sms.send' order by id")]
    ended = run_many(world.rt, CATALOGUE, [*ids, 999_999])
    assert [ended[job_id] for job_id in ids] == ["done", "done", "done", "failed", "failed", "deferred"]
    assert len(at_twilio(to=CUSTOMER)) == 3
    assert [state(world, each)[0] for each in (*fine, refused, expired, doubted)] == [
        "handed", "handed", "handed", "refused", "refused", "sending",
    ]  # fmt: skip
    assert run_many(world.rt, CATALOGUE, ids) == {}


def test_one_row_that_cannot_be_written_down_does_not_take_the_others_with_it(world):
    with world.rt.db.connection() as conn:
        senders.put(conn, Sender(BUSINESS, "long-code", segments_per_s=1000))
    fine, odd = asked(world), asked(world)
    world.rows("update messages set body = 'odd' where id = %s returning id", odd.id)
    with world.rt.db.connection() as conn:
        conn.execute(
            """
            create function refuse_odd() returns trigger language plpgsql as $$
            begin if new.body = 'odd' and new.send_state = 'handed' then raise exception 'odd'; end if; return new; end $$;
            create trigger odd before update on messages for each row execute function refuse_odd()
            """
        )
    ids = [row[0] for row in world.rows("select id from jobs where kind = 'sms.send' order by id")]
    ended = run_many(world.rt, CATALOGUE, ids)
    assert [ended[job_id] for job_id in ids] == [
        "done",
        "permanent",
    ]  # a bug: tried again, with a look at Twilio's list
    assert (state(world, fine)[0], state(world, odd)[0]) == ("handed", "sending")
