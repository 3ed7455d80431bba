"""What as-analytics-core-service counts from events is what it is told of the hour, after a real relay and a real receiver."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
import requests

from ops.standins.app import build
from ops.standins.server import listen
from shared.db import endpoints
from shared.db.endpoints import Endpoint
from shared.db.hourly import FIRST_AFTER
from shared.domain.event import Event
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, SECRET, TENANT, event
from tests.integration.workers.test_messages import reported, wanted
from tests.told import faults
from workers import hourly
from workers.relay import Relay

NAMES = ("ns-delivery", "analytics")


@pytest.fixture
def standins(world) -> Iterator[str]:
    """Both receivers, listening to everything from now on."""
    server = listen(build("http://127.0.0.1:9", "platform-key"), "127.0.0.1", 0)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    with world.rt.db.connection() as conn:
        conn.execute("update endpoints set types = '{endpoint.test}'")  # the others are told nothing here
        for name in NAMES:
            endpoints.put(conn, Endpoint(name, f"{url}/subscriber/{name}", "standard", SECRET, [], None, True))
    for name in NAMES:
        requests.put(f"{url}/standin/subscriber/{name}/secret", json={"secret": SECRET}, timeout=10).raise_for_status()
    yield url
    server.shutdown()
    server.server_close()


def calls(nth: int, dial: str, business: str = BUSINESS) -> Iterator[Event]:
    facts = {"CallSid": f"CA{nth:032x}", "From": f"+1212555{nth:04d}", "To": business, "Direction": "inbound"}
    yield event("call", CallStatus="ringing", answer="forward", **facts)
    yield event("dial", CallStatus="in-progress", DialCallStatus=dial, **facts)
    yield event("status", CallStatus="completed", CallDuration="30", **facts)


def happens(world) -> None:
    """Calls, answers, texts with every end, of two owners."""
    for nth, (dial, business) in enumerate(
        [("no-answer", BUSINESS), ("busy", BUSINESS), ("completed", BUSINESS), ("no-answer", "+14155550777")]
    ):
        world.happens(*calls(nth, dial, business))
    for nth in range(3):
        world.happens(event("sms", MessageSid=f"SM{nth:032x}", From=CUSTOMER, To=BUSINESS, Body=f"Hello {nth}"))
    for nth, steps in enumerate(
        (["sent", "delivered"], ["sent", "undelivered"], ["failed"], ["delivered", "sent"], ["sent"])
    ):
        message = wanted(world)
        for step in steps:
            code = {"ErrorCode": "30005"} if step in ("undelivered", "failed") else {}
            world.happens(reported(step, message, sid=f"SM{100 + nth:032x}", **code))
    wanted(world, to_number="+15005550001")  # Twilio's magic number for one that is none: refused when it is asked
    world.work("sms.send")


def told(world) -> None:
    with closing(Relay(world.rt)) as relay:
        relay.drain()


def test_the_two_ways_of_counting_agree(world, standins):
    happens(world)
    told(world)
    now = datetime.now(UTC)
    assert hourly.report(world.rt, now + timedelta(hours=1) + FIRST_AFTER) >= 2
    told(world)
    state = requests.get(f"{standins}/standin/analytics", timeout=10).json()
    assert state["differences"] == []
    mine = [report for report in state["reports"] if report["tenant_id"] == TENANT]
    assert sum(report["calls"] for report in mine) == 3
    assert sum(report["missed"] for report in mine) == 2
    assert sum(report["texts_received"] for report in mine) == 3
    ends = ("texts_delivered", "texts_undelivered", "texts_failed", "texts_refused", "texts_open")
    assert [sum(report[end] for report in mine) for end in ends] == [2, 1, 1, 1, 1]
    assert sum(report["calls"] for report in state["reports"] if report["tenant_id"] is None) == 1


def test_both_are_told_all_of_it_signed_in_order_and_as_the_catalogue_says(world, standins):
    happens(world)
    told(world)
    types = dict(world.rows("select type, count(*) from notifications group by 1"))
    assert requests.get(f"{standins}/standin/analytics", timeout=10).json()["by_type"] == types
    for name in NAMES:
        received = requests.get(f"{standins}/standin/subscriber/{name}", timeout=10).json()["received"]
        assert len(received) == sum(types.values())
        assert all(one["verified"] and one["is_taken"] and one["attempts"] == 1 for one in received)
        bodies = [{"type": one["type"], "timestamp": "2026-11-02T17:00:00Z", "data": one["data"]} for one in received]
        assert [fault for body in bodies for fault in faults(body)] == []


def test_a_delivery_service_knows_the_end_of_every_text(world, standins):
    happens(world)
    told(world)
    fates = requests.get(f"{standins}/standin/ns-delivery", timeout=10).json()
    rows = world.rows("select id::text, coalesce(status, send_state) from messages where direction = 'outbound'")
    stands = {message_id: {"refused": "failed"}.get(status, status) for message_id, status in rows}
    assert {message_id: fate["status"] for message_id, fate in fates.items()} == stands
    assert [fate["refused"] for fate in fates.values() if fate["refused"]] == []
    assert {fate["status"]: fate["is_final"] for fate in fates.values()} == {
        "delivered": True, "undelivered": True, "failed": True, "sent": False,
    }  # fmt: skip
    lost = next(fate for fate in fates.values() if fate["status"] == "undelivered")
    assert (lost["error_code"], lost["error_class"]) == (30005, "recipient")
