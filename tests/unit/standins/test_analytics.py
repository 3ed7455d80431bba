"""as-analytics-core-service's stand-in: what it counts from events, what it is told of hours, and where the two differ."""

from typing import Any

import pytest

from ops.standins.analytics import Figures
from shared.notice_catalogue import catalogue
from tests.unit.standins.conftest import SECRET, signed

REPORT = {**catalogue()["report.hourly"].example["data"]}
TENANT = REPORT["tenant_id"]
NOTHING = dict.fromkeys(
    ("calls", "missed", "texts_received", "texts_delivered", "texts_undelivered", "texts_failed", "texts_refused"), 0
)


def tell(figures: Figures, type_: str, **data: Any) -> None:
    figures.hear(type_, catalogue()[type_].example["data"] | data)


@pytest.fixture
def figures() -> Figures:
    """An hour: two calls, one of them missed, three texts of ours, one of a customer's."""
    told = Figures()
    for sid in ("CA1", "CA2"):
        tell(told, "call.incoming", call_sid=sid)
    tell(told, "call.missed", call_sid="CA2")
    for message_id, *steps in (("m1", "sms.sent", "sms.delivered"), ("m2", "sms.undelivered"), ("m3", "sms.failed")):
        for step in steps:
            tell(told, step, message_id=message_id)
    tell(told, "sms.received")
    return told


def test_an_hour_is_counted_from_events(figures: Figures):
    assert figures.counted() == {
        (TENANT, "2026-11-02T17"): {
            "calls": 2, "missed": 1, "texts_received": 1, "texts_delivered": 1, "texts_undelivered": 1, "texts_refused": 1,
        },
    }  # fmt: skip
    assert figures.by_type["call.incoming"] == 2


def test_a_report_that_says_the_same_differs_in_nothing(figures: Figures):
    tell(figures, "report.hourly", **{**NOTHING, **dict(*figures.counted().values())})
    assert figures.differences() == []


def test_a_report_that_says_otherwise_is_told_apart(figures: Figures):
    tell(figures, "report.hourly", **{**NOTHING, **dict(*figures.counted().values()), "missed": 2})
    ((found,),) = [figures.differences()]
    assert (found.tenant_id, found.hour, found.name, found.reported, found.counted) == (
        TENANT, "2026-11-02T17", "missed", 2, 1,
    )  # fmt: skip


def test_the_highest_revision_counts_alone_whichever_comes_first():
    figures = Figures()
    for revision, calls in ((2, 0), (1, 5)):
        tell(figures, "report.hourly", **{**NOTHING, "revision": revision, "calls": calls})
    assert figures.differences() == []


def test_hours_are_utcs_and_tenants_are_told_apart():
    figures = Figures()
    tell(figures, "call.incoming", started_at="2026-11-02T19:30:00+02:00")
    tell(figures, "call.incoming", tenant_id=None)
    assert {hour: words["calls"] for hour, words in figures.counted().items()} == {
        (TENANT, "2026-11-02T17"): 1,
        (None, "2026-11-02T17"): 1,
    }


def test_what_comes_twice_is_counted_once(standins: Any):
    standins.ask("PUT", "/standin/subscriber/analytics/secret", {"secret": SECRET})
    for _ in range(2):
        assert signed(standins, "analytics", "report.hourly", REPORT, "evt_1") == 204
    state = standins.ask("GET", "/standin/analytics").json()
    assert state["by_type"] == {"report.hourly": 1}
    assert state["reports"] == [REPORT]
    assert {one["name"] for one in state["differences"]} >= {"calls", "missed"}
