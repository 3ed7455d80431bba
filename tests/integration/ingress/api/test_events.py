"""What happened at Twilio, through the API."""

import time
from typing import Any

import pytest

from shared.db import events
from shared.domain.event import Event
from shared.runtime import Runtime

from .conftest import ACCOUNT_SID, CALL_SID, Api

STATUSES = ("ringing", "in-progress", "completed")


@pytest.fixture
def happened(rt: Runtime) -> list[str]:
    """The keys of three webhooks of one call, oldest first; the last two came in the same nanosecond."""
    start = time.time_ns()
    batch: list[Any] = [
        Event(
            event_id=f"e-{n}", key=f"call-status:{CALL_SID}:{status}", kind="call-status", account_sid=ACCOUNT_SID,
            sids=(CALL_SID,), path="/api/webhooks/status", query="", content_type="", token="", body=b"CallSid=1",
            received_ns=start + min(n, 1) * 1_000_000,
        )
        for n, status in enumerate(sorted(STATUSES))
    ]  # fmt: skip
    with rt.db.connection() as conn:
        events.insert(conn, batch)
        events.finish(conn, {"e-0": "applied"})
    return [event.key for event in batch]


def test_the_events_of_a_call_are_listed_newest_first(api: Api, happened: list[str]):
    page = api.get(f"/api/events?sid={CALL_SID}").get_json()
    assert [event["key"] for event in page["data"]] == happened[::-1]
    oldest = page["data"][-1]
    assert (oldest["kind"], oldest["provenance"], oldest["outcome"]) == ("call-status", "webhook", "applied")
    assert oldest["processed_at"] > oldest["received_at"]
    assert page["data"][0]["processed_at"] is None


def test_nothing_personal_is_shown(api: Api, happened: list[str]):
    [event] = api.get(f"/api/events?sid={CALL_SID}&limit=1").get_json()["data"]
    assert event.keys() == {"key", "kind", "provenance", "received_at", "processed_at", "outcome"}


def test_pages_neither_repeat_nor_skip_events_of_one_moment(api: Api, happened: list[str]):
    found, path = [], f"/api/events?sid={CALL_SID}&limit=1"
    while path:
        page = api.get(path)
        found += [event["key"] for event in page.get_json()["data"]]
        path = page.headers["Link"].partition(">")[0][1:] if "Link" in page.headers else ""
    assert found == happened[::-1]


def test_a_call_nobody_heard_of_has_no_events(api: Api):
    assert api.get(f"/api/events?sid=CA{'9' * 32}").get_json()["data"] == []


@pytest.mark.parametrize("query", ["", "?sid=", "?sid=CA1", "?sid=nonsense"])
def test_a_sid_is_needed(api: Api, query: str):
    answer = api.get(f"/api/events{query}")
    assert (answer.status_code, answer.get_json()["errors"][0]["parameter"]) == (422, "sid")
