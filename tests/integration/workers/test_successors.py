"""A text that Twilio took and lost is sent once more, as a text of its own, and never where somebody may have got it."""

from itertools import permutations

import pytest

from shared.db import message_steps, texts
from shared.db.messages import Plan
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, TENANT
from tests.integration.workers.test_messages import reported, wanted

PLAN = Plan(purpose="transactional", lane=1, encoding="GSM-7", planned_segments=2)
OVERFLOW = {"ErrorCode": "30001"}
UNREACHABLE = {"ErrorCode": "30003"}


@pytest.fixture
def lost(world):
    """A text that Twilio has; say what became of it with `reports`."""
    message = wanted(world, plan=PLAN)
    world.rows("update messages set expires_at = now() + interval '9 hours' returning id")
    assert world.work("sms.send") == ["done"]
    return message


def reports(world, *statuses, of=None, **more):
    """Twilio's words about the text that it has got last, each in a batch of its own."""
    sid = of or world.one(
        "select message_sid from messages where message_sid is not null order by nth_try desc limit 1"
    )
    for status in statuses:
        code = more if status in ("failed", "undelivered") else {}
        world.happens(reported(status, sid=sid, **code))


def line(world):
    return world.rows("select send_state, status, nth_try, retry_of from messages order by nth_try")


def successor(world):
    return world.one("select id from messages where nth_try = 2")


def steps(world, message_id):
    with world.rt.db.connection() as conn:
        return [(step.step, step.detail) for step in message_steps.of(conn, message_id)]


def test_what_failed_for_a_passing_reason_goes_again_with_a_sid_of_its_own(world, lost):
    reports(world, "failed", **OVERFLOW)
    assert line(world) == [("handed", "failed", 1, None), ("queued", None, 2, lost.id)]
    world.time_passes()
    world.rows("delete from senders returning sender")  # it is paused for a while, with that code
    assert world.work("sms.send") == ["done"]
    rows = world.rows("select message_sid, body, from_number, to_number, purpose, lane, planned_segments, expires_at "
                      "from messages order by nth_try")  # fmt: skip
    assert rows[0][0] != rows[1][0]
    assert rows[0][1:] == rows[1][1:]
    since = lost.created_at
    found = world.rt.twilio.find_messages(to=CUSTOMER, from_=BUSINESS, body=lost.body, since=since)
    assert sorted(sent.message_sid for sent in found) == sorted(row[0] for row in rows)


def test_it_waits_as_its_code_says_and_keeps_its_senders_pace(world, lost):
    reports(world, "failed", **OVERFLOW)
    assert world.rows("select pace_key, lane, owner, cost, awake, next_at > now() + interval '59 seconds' from jobs "
                      "where kind = 'sms.send' and state = 'due'") == [(BUSINESS, 1, TENANT, 2, False, True)]  # fmt: skip


def test_doubled_and_repeated_reports_make_one_successor(world, lost):
    for _ in range(2):
        reports(world, "failed", **OVERFLOW)
        reports(world, "failed", ErrorCode="30022")
    assert [row[2] for row in line(world)] == [1, 2]
    assert [step for step, _ in steps(world, lost.id)].count("retried") == 1


def test_both_name_each_other(world, lost):
    reports(world, "failed", **OVERFLOW)
    with world.rt.db.connection() as conn:
        first, second = texts.find(conn, str(lost.id)), texts.find(conn, str(successor(world)))
    assert (first.retry_of, first.retried_as) == (None, second.id)
    assert (second.retry_of, second.retried_as) == (first.id, None)
    assert ("retried", {"retried_as": str(second.id)}) in [
        (step, {name: value for name, value in (detail or {}).items() if name == "retried_as"})
        for step, detail in steps(world, lost.id)
    ]


def test_subscribers_are_told_that_it_is_not_the_end(world, lost):
    reports(world, "failed", **OVERFLOW)
    told = "select data ->> 'retry_of', data ->> 'retried_as' from notifications where type = %s and subject = %s"
    second = successor(world)
    assert world.rows(told, "sms.failed", str(lost.id)) == [(None, str(second))]
    world.time_passes()
    world.rows("delete from senders returning sender")
    world.work("sms.send")
    reports(world, "failed", ErrorCode="30007")  # the carrier's filter: that is the end
    assert world.rows(told, "sms.failed", str(second)) == [(str(lost.id), None)]


def test_tries_are_counted_along_the_line(world, lost):
    for _ in range(3):
        reports(world, "undelivered", **UNREACHABLE)
        world.time_passes()
        world.work("sms.send")
    assert [row[:3] for row in line(world)] == [("handed", "undelivered", 1), ("handed", "undelivered", 2),
                                                ("handed", "undelivered", 3)]  # fmt: skip
    assert world.one("select reason from suppressions") == "unreachable"


@pytest.mark.parametrize(
    ("statuses", "code"),
    [(("failed",), "30007"), (("undelivered",), "30008"), (("undelivered",), "30410"), (("failed",), "")],
)
def test_what_would_fail_again_or_may_have_arrived_has_no_successor(world, lost, statuses, code):
    reports(world, *statuses, ErrorCode=code)
    assert len(line(world)) == 1


@pytest.mark.parametrize("doubt", ["sent", "partially_delivered", "undelivered", "delivered", "read"])
def test_a_word_that_leaves_a_doubt_about_a_failed_text_keeps_it_from_going_again_in_any_order(world, lost, doubt):
    reports(world, doubt, "failed", **OVERFLOW)
    assert "queued" not in [row[0] for row in line(world)]


@pytest.mark.parametrize("doubt", ["sent", "partially_delivered", "undelivered", "delivered", "read"])
def test_a_word_that_comes_late_calls_off_what_has_not_left(world, lost, doubt):
    reports(world, "failed", doubt, **OVERFLOW)
    assert [row[0] for row in line(world)] == ["handed", "canceled"]
    assert steps(world, successor(world))[-1] == ("canceled", {"not_lost": str(lost.id)})
    world.time_passes()
    assert world.work("sms.send") == []


def test_a_late_receipt_calls_off_the_last_of_a_line(world, lost):
    sid = world.one("select message_sid from messages")
    for _ in range(2):
        reports(world, "undelivered", **UNREACHABLE)
        world.time_passes()
        if world.one("select max(nth_try) from messages") == 2:
            world.work("sms.send")
    assert [row[0] for row in line(world)] == ["handed", "handed", "queued"]
    reports(world, "delivered", of=sid)
    assert [row[0] for row in line(world)] == ["handed", "handed", "canceled"]


@pytest.mark.parametrize("order", [*permutations(["sent", "undelivered", "queued"])])
def test_an_unreachable_handset_is_tried_again_in_whatever_order_twilio_reports(world, lost, order):
    reports(world, *order, **UNREACHABLE)
    assert [row[:2] for row in line(world)] == [("handed", "undelivered"), ("queued", None)]


def test_what_would_not_leave_in_time_has_no_successor(world, lost):
    world.rows("update messages set expires_at = now() + interval '50 seconds' returning id")
    reports(world, "failed", **OVERFLOW)
    assert len(line(world)) == 1
    assert world.one("select data ->> 'retried_as' from notifications where type = 'sms.failed'") is None


def test_what_somebody_called_off_has_no_successor(world, lost):
    with world.rt.db.connection() as conn:
        message_steps.add(conn, lost.id, "canceled")  # while it was in doubt; then Twilio had it after all
    reports(world, "failed", **OVERFLOW)
    assert len(line(world)) == 1


def test_a_successor_can_be_called_off_and_no_report_brings_it_back(world, lost):
    reports(world, "failed", **OVERFLOW)
    with world.rt.db.connection() as conn:
        assert texts.cancel(conn, successor(world))
    reports(world, "failed", ErrorCode="30022")
    assert [row[0] for row in line(world)] == ["handed", "canceled"]
