"""`report.hourly`: told once a revision, made up for after an outage, corrected a day later."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from shared.db import calls
from shared.db.hourly import AGAIN_AFTER, FIRST_AFTER, LOOK_BACK
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, TENANT, event
from workers import hourly, housekeeping

HOUR = timedelta(hours=1)
STRANGER = "+14155550777"


@pytest.fixture
def began() -> datetime:
    """The beginning of the hour in which everything here happens."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def due(began: datetime, *, revision: int = 1) -> datetime:
    return began + HOUR + (FIRST_AFTER if revision == 1 else AGAIN_AFTER)


def call(nth: int, *, business: str = BUSINESS, dial: str = "no-answer"):
    sid = f"CA{nth:032x}"
    facts = {"CallSid": sid, "From": CUSTOMER, "To": business, "Direction": "inbound"}
    yield event("call", CallStatus="ringing", answer="forward", **facts)
    yield event("dial", CallStatus="in-progress", DialCallStatus=dial, **facts)
    yield event("status", CallStatus="completed", CallDuration="30", **facts)


def reports(world, began):
    return [
        (data["tenant_id"], data["revision"], data)
        for (data,) in world.rows("select data from notifications where type = 'report.hourly' order by created_at, id")
        if data["hour"] == began.isoformat()
    ]


def happened(world, began):
    """Everything is of this hour, also when the next one has begun meanwhile."""
    world.rows("update calls set started_at = %s returning 1", began + timedelta(minutes=1))
    world.rows("update messages set created_at = %s returning 1", began + timedelta(minutes=2))


def test_an_hour_is_told_with_what_happened_in_it(world, began):
    world.happens(*call(1), *call(2, dial="completed"))
    world.happens(event("sms", MessageSid="SM" + "1" * 32, From=CUSTOMER, To=BUSINESS, Body="Hello"))
    happened(world, began)
    assert hourly.report(world.rt, due(began)) == 1
    ((tenant, revision, told),) = reports(world, began)
    assert (tenant, revision) == (TENANT, 1)
    assert (told["calls"], told["missed"], told["answered"], told["text_backs"]) == (2, 1, 1, 1)
    assert (told["duration_s"], told["minutes"], told["texts_received"]) == (60, 1.0, 1)
    assert (told["until"], told["delivery_rate"]) == ((began + HOUR).isoformat(), None)


def test_an_hour_is_not_told_before_it_is_over_and_settled(world, began):
    world.happens(*call(1))
    happened(world, began)
    assert hourly.report(world.rt, due(began) - timedelta(seconds=1)) == 0
    assert reports(world, began) == []


def test_an_hour_without_anything_is_not_told_and_not_looked_at_again(world, began):
    assert hourly.report(world.rt, due(began)) == 0
    assert world.one("select count(*) from reported_hours where hour = %s", began) == 1
    assert world.rows("select 1 from notifications where type = 'report.hourly'") == []


def test_it_is_told_once_whatever_beats_do(world, began):
    world.happens(*call(1))
    happened(world, began)
    together = Barrier(4)

    def beat(_: int) -> int:
        together.wait()
        return hourly.report(world.rt, due(began))

    with ThreadPoolExecutor(4) as beats:
        assert sorted(beats.map(beat, range(4))) == [0, 0, 0, 1]
    assert hourly.report(world.rt, due(began)) == 0
    assert len(reports(world, began)) == 1


def test_it_is_told_once_more_a_day_later_with_what_came_late(world, began):
    world.happens(*call(1))
    happened(world, began)
    hourly.report(world.rt, due(began))
    world.happens(*call(2))
    happened(world, began)
    assert hourly.report(world.rt, due(began, revision=2) - timedelta(seconds=1)) == 0
    assert hourly.report(world.rt, due(began, revision=2)) == 1
    assert hourly.report(world.rt, due(began, revision=2)) == 0
    assert [(revision, told["calls"]) for _, revision, told in reports(world, began)] == [(1, 1), (2, 2)]


def test_calls_that_have_found_their_owner_meanwhile_are_counted_once(world, began):
    world.happens(*call(1, business=STRANGER))
    happened(world, began)
    hourly.report(world.rt, due(began))
    with world.rt.db.connection() as conn:
        calls.give_owner(conn, STRANGER, "t-9", within=timedelta(hours=48))
    hourly.report(world.rt, due(began, revision=2))
    told = {(tenant, revision): told["calls"] for tenant, revision, told in reports(world, began)}
    assert told == {(None, 1): 1, (None, 2): 0, ("t-9", 2): 1}


def test_hours_missed_while_nobody_was_there_are_made_up_for_in_order_and_not_for_ever(world, began):
    world.happens(*call(1))
    world.rows("update calls set started_at = %s returning 1", began)
    back = LOOK_BACK // HOUR
    hourly.report(world.rt, due(began) + LOOK_BACK)  # the oldest that is still looked for
    assert [revision for _, revision, _ in reports(world, began)] == [1, 2]
    first, last = world.rows("select min(hour), max(hour) from reported_hours where revision = 1")[0]
    assert (first, last) == (began, began + back * HOUR)
    assert world.one("select count(*) from reported_hours where revision = 1") == back + 1


def test_what_is_older_is_let_be(world, began):
    world.happens(*call(1))
    world.rows("update calls set started_at = %s returning 1", began)
    hourly.report(world.rt, due(began) + LOOK_BACK + HOUR)
    assert [revision for _, revision, _ in reports(world, began)] == [2]


def test_a_tenants_reports_come_in_order_and_to_its_own_endpoint_only(world, began):
    world.rows("update endpoints set tenant_id = 'somebody-else' where id = 'as-call' returning 1")
    world.rows("update endpoints set types = '{}' returning 1")
    world.happens(*call(1))
    happened(world, began)
    hourly.report(world.rt, due(began, revision=2))
    rows = world.rows(
        "select endpoint_id, data ->> 'revision', j.order_key from deliveries d join notifications n on n.id = notification_id"
        " join jobs j on j.ref = d.id::text and j.kind in ('deliver', 'as-call') where n.type = 'report.hourly' order by d.id"
    )
    assert rows == [("all", "1", f"all|report|{TENANT}"), ("all", "2", f"all|report|{TENANT}")]


def test_old_marks_are_forgotten(world, began):
    world.rows("insert into reported_hours (hour, revision) values (%s, 1) returning 1", began - timedelta(days=31))
    hourly.report(world.rt, due(began))
    kept = world.one("select count(*) from reported_hours")
    housekeeping.forget(world.rt)
    assert world.one("select count(*) from reported_hours") == kept - 1
