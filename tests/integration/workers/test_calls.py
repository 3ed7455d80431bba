import time
from dataclasses import replace
from itertools import permutations

import pytest

from shared.db.freshness import accept_late
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, OWNER, TENANT, event

CALL, LEG = "CA" + "1" * 32, "CA" + "2" * 32
FACTS = {"CallSid": CALL, "From": CUSTOMER, "To": BUSINESS, "Direction": "inbound"}


def incoming(**more):
    return event("call", answer="forward", CallStatus="ringing", **{**FACTS, **more})


def dialled(result, **more):
    return event("dial", CallStatus="in-progress", DialCallStatus=result, DialCallSid=LEG, **{**FACTS, **more})


def completed(**more):
    return event(
        "status", CallStatus="completed", CallDuration="21", SequenceNumber="3", CallbackSource="call-progress-events",
        **{**FACTS, **more},
    )  # fmt: skip


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_a_missed_call_ends_the_same_in_whatever_order_its_webhooks_come(world, order):
    life = [incoming(), dialled("no-answer"), completed()]
    for index in order:
        world.happens(life[index])
        world.happens(life[index])
    assert world.rows("select status, dial_status, decision, duration_s, tenant_id, route from calls") == [
        ("completed", "no-answer", "missed", 21, TENANT, "forward")
    ]
    assert world.one("select count(*) from notifications where type = 'call.missed'") == 1
    assert world.one("select count(*) from events") == 3


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_as_call_service_hears_of_the_call_before_it_hears_that_it_was_missed(world, order):
    life = [incoming(), dialled("busy"), completed()]
    for index in order:
        world.happens(life[index])
    world.work("deliver", "as-call")
    told = [(path, body) for path, _, body in world.subscriber.got if path.startswith("/as-call")]
    assert [path for path, _ in told] == ["/as-call/calls/incoming", "/as-call/calls/missed"]
    assert told[0][1] == told[0][1] | {"CallSid": CALL, "callSid": CALL, "From": CUSTOMER, "tenantId": TENANT}
    assert told[1][1] == told[1][1] | {"callSid": CALL, "callStatus": "busy"}


def test_a_failing_delivery_holds_its_own_customer_and_nobody_else(world):
    world.listens_only("as-call")
    world.subscriber.answers = [(503, {})]
    world.happens(incoming())
    assert world.work("deliver", "as-call") == ["transient"]
    other = {"CallSid": "CA" + "9" * 32, "From": "+12125550143"}
    world.happens(dialled("no-answer"), incoming(**other))
    world.work("deliver", "as-call")
    assert [body["callSid"] for _, _, body in world.subscriber.got] == [
        CALL,
        other["CallSid"],
    ]  # the first customer's missed call waits behind its incoming call


def test_an_answered_call_is_not_missed_and_nobody_is_told_so(world):
    world.happens(incoming(), dialled("completed", DialBridged="true"), completed())
    assert world.one("select decision from calls") == "answered"
    assert world.rows("select type from notifications order by type") == [("call.completed",), ("call.incoming",)]


def test_a_caller_who_left_before_any_dial_result_is_missed_after_a_while(world):
    world.happens(incoming(), completed())
    assert world.one("select decision from calls") is None
    world.rows("update jobs set next_at = now() where kind = 'call.settle' returning id")
    assert world.work("call.settle") == ["done"]
    assert world.one("select decision from calls") == "missed"


def test_the_dialled_leg_is_a_call_of_its_own_without_a_decision(world):
    leg = event("status", CallSid=LEG, ParentCallSid=CALL, From=CUSTOMER, To=OWNER, Direction="outbound-dial",
                CallStatus="completed", CallDuration="5", CallbackSource="call-progress-events")  # fmt: skip
    world.happens(leg)
    assert world.rows("select call_sid, parent_call_sid, decision from calls") == [(LEG, CALL, None)]
    assert world.one("select count(*) from jobs where kind = 'call.settle'") == 0


def test_a_call_to_a_number_nobody_told_us_about_is_kept_and_its_number_looked_up(world):
    world.happens(incoming(To="+14155550777"))
    assert world.one("select tenant_id from numbers where phone_number = '+14155550777'") is None
    assert world.one("select tenant_id from calls") is None


def test_a_withheld_caller_is_kept_and_told_but_ordered_by_the_call_alone(world):
    world.happens(incoming(From="anonymous"))
    assert world.one("select order_key from notifications where type = 'call.incoming'") == CALL


def test_a_live_call_is_hung_up_once_and_one_that_is_over_is_left_alone(world):
    world.happens(incoming(), completed())
    world.rows("insert into jobs (kind, ref) values ('call.end', %s) returning id", CALL)
    assert world.work("call.end") == ["done"]


def test_ending_a_call_that_twilio_does_not_know_fails_for_good(world):
    world.happens(incoming())
    world.rows("insert into jobs (kind, ref) values ('call.end', %s) returning id", CALL)
    assert world.work("call.end") == ["failed"]
    assert world.one("select last_error from jobs where kind = 'call.end'") == "refused_20404"


def test_a_withheld_caller_is_nothing_that_as_call_service_could_keep(world):
    world.listens_only("as-call")
    world.happens(incoming(From="anonymous"))
    assert world.work("as-call") == ["done"]
    assert world.subscriber.got == []
    assert world.one("select outcome from deliveries where endpoint_id = 'as-call'") == "skipped"


def test_a_call_that_came_by_the_fallback_address_is_a_call_like_any_other(world):
    failed = "https://ts.example.com/api/calls/incoming#rc=3"
    world.happens(incoming(ErrorCode="11200", ErrorUrl=failed), dialled("no-answer"))
    assert world.rows("select status, decision from calls") == [("in-progress", "missed")]
    assert world.rows("select name, detail ->> 'failed' from call_steps where step = 'fallback'") == [("11200", "call")]


def test_a_leg_whose_callback_does_not_say_its_direction_is_not_taken_for_a_missed_call(world):
    world.happens(event("status", CallSid=LEG, ParentCallSid=CALL, From=CUSTOMER, To=OWNER, CallStatus="no-answer",
                        CallDuration="0"))  # fmt: skip
    assert world.one("select decision from calls") is None


def long_ago(occurred, hours=2):
    return replace(occurred, received_ns=time.time_ns() - hours * 3600 * 10**9)


def test_a_missed_call_that_is_recovered_hours_later_has_nobody_texted(world):
    world.happens(*map(long_ago, [incoming(), dialled("no-answer"), completed()]))
    world.work("deliver", "as-call")
    assert [path for path in world.subscriber.paths() if path.startswith("/as-call")] == ["/as-call/calls/incoming"]
    assert "call.missed" in [body["type"] for path, _, body in world.subscriber.got if path == "/all"]
    outcome = (
        "select outcome from deliveries d join notifications n on n.id = notification_id where endpoint_id = 'as-call'"
    )
    assert world.rows(f"{outcome} and type = 'call.missed'") == [("skipped",)]


def test_an_hours_outage_of_as_call_service_ends_without_texts_about_what_is_long_past(world):
    world.listens_only("as-call")
    world.subscriber.answers = [(503, {})]
    world.happens(incoming(), dialled("no-answer"), completed())
    assert world.work("as-call") == ["transient"]
    world.rows(
        "update notifications set data = data || %s::jsonb returning 1", '{"ended_at": "2026-01-01T00:00:00+00:00"}'
    )
    world.rows("update jobs set next_at = now() where kind = 'as-call' returning 1")
    world.work("as-call")
    assert world.subscriber.paths() == ["/as-call/calls/incoming", "/as-call/calls/incoming"]


def test_what_an_operator_has_accepted_as_late_is_told(world):
    with world.rt.db.connection() as conn:
        accept_late(conn, [CALL, LEG])
        accept_late(conn, [CALL])
    world.happens(*map(long_ago, [incoming(), dialled("no-answer"), completed()]))
    world.work("as-call")
    assert world.subscriber.paths() == ["/as-call/calls/incoming", "/as-call/calls/missed"]
