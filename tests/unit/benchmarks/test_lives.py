"""A call counts as whole only when our books say of it what the simulator's say."""

from typing import Any

import pytest

from ops.benchmarks.calling import bucket_bound_s
from ops.benchmarks.lives import Ours, judged
from ops.benchmarks.scenarios.calls import at_once

LEG = {"sid": "CA2", "status": "completed"}
CALL = {
    "sid": "CA1", "status": "completed", "duration": "20", "children": [LEG], "recordings": [{"sid": "RE1"}],
    "steps": [{"verb": "Dial", "status": "completed", "bridged": True}],
}  # fmt: skip
OURS = Ours(
    {"CA1": ("completed", 20, "answered"), "CA2": ("completed", 18, None)}, frozenset({"t1", "t2"}), {"RE1": "stored"}
)


def webhook(sid: str, token: str, outcome: str = "ok") -> dict[str, Any]:
    return {"sid": sid, "token": token, "outcome": outcome, "kind": "voice", "http_status": 200, "error": None}


WEBHOOKS = {"CA1": [webhook("CA1", "t1")], "CA2": [webhook("CA2", "t2")]}


def test_a_call_that_our_books_know_as_it_was_is_whole_and_right():
    verdict = judged(CALL, WEBHOOKS, OURS)
    assert (verdict.missing, verdict.is_right) == ([], True)


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        ({"calls": {}}, ["the call", "leg is None, at Twilio completed"]),
        (
            {"calls": {**OURS.calls, "CA1": ("completed", 21, "answered")}},
            ["is ('completed', 21), at Twilio ('completed', 20)"],
        ),
        ({"calls": {**OURS.calls, "CA2": ("ringing", 0, None)}}, ["leg is ringing, at Twilio completed"]),
        ({"recordings": {}}, ["recording is None"]),
        ({"tokens": frozenset({"t1"})}, ["voice is no event"]),
    ],
)
def test_whatever_is_missing_is_said(ours: dict[str, Any], said: list[str]):
    whole = {"calls": OURS.calls, "tokens": OURS.tokens, "recordings": OURS.recordings}
    assert judged(CALL, WEBHOOKS, Ours(**{**whole, **ours})).missing == said


def test_a_webhook_that_was_not_answered_well_makes_a_call_not_whole():
    refused = {"CA1": [webhook("CA1", "t1", "info")]}
    assert judged(CALL, refused, OURS).missing == ["voice was answered 200 None"]


def test_a_leg_of_which_nobody_is_told_need_not_be_known():
    ours = Ours({"CA1": OURS.calls["CA1"]}, OURS.tokens, OURS.recordings)
    assert judged(CALL, {"CA1": WEBHOOKS["CA1"]}, ours).missing == []


@pytest.mark.parametrize(
    ("steps", "decision"),
    [
        ([{"verb": "Dial", "bridged": False}, {"verb": "Dial", "bridged": True}], "answered"),
        ([{"verb": "Dial", "bridged": False}, {"verb": "Record"}], "missed"),
        ([{"verb": "Reject"}], "screened"),
        ([], "missed"),
    ],
)
def test_what_a_call_was_is_read_from_what_its_people_did(steps: list[dict[str, Any]], decision: str):
    assert judged(CALL | {"steps": steps}, WEBHOOKS, OURS).expected == decision


def test_calls_are_at_once_between_their_first_and_last_webhook():
    def call(first: int, last: int) -> list[dict[str, Any]]:
        return [{"sent_ns": first, "done_ns": first + 1}, {"sent_ns": last - 1, "done_ns": last}]

    assert at_once([call(0, 10), call(5, 20), call(12, 30)]) == 2
    assert at_once([]) == 0


def test_the_bound_of_a_histogram_is_read_over_all_kinds_that_are_asked_for():
    lines = [
        f'twilio_server_webhook_ack_seconds_bucket{{kind="{kind}",le="{le}"}} {count}'
        for kind, counts in (("call-in", (90, 99, 100)), ("dial", (98, 100, 100)), ("status", (0, 0, 900)))
        for le, count in zip(("0.005", "0.01", "+Inf"), counts, strict=True)
    ]
    asked = frozenset({"call-in", "dial"})
    assert bucket_bound_s("\n".join(lines), asked, 94) == 0.005
    assert bucket_bound_s("\n".join(lines), asked, 99) == 0.01
    assert bucket_bound_s("", asked, 99) == 0.0
