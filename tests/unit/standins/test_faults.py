"""Ordered trouble: exactly as often as ordered, for exactly the service it was ordered for."""

from time import monotonic
from typing import Any

import pytest
import requests

from ops.standins.faults import faults_from


def _order(standins: Any, **orders: object) -> int:
    return standins.ask("PUT", "/standin/faults", {k.replace("_", "-"): v for k, v in orders.items()}).status_code


def test_a_service_fails_as_often_as_ordered(standins: Any):
    _order(standins, as_call={"status": 503, "times": 2, "headers": {"Retry-After": "1"}})
    first = standins.incoming()
    assert (first.status_code, first.headers["Retry-After"]) == (503, "1")
    assert [standins.incoming().status_code for _ in range(3)] == [503, 200, 200]


def test_a_fault_of_one_service_is_not_anothers(standins: Any):
    _order(standins, pns={"status": 500, "times": 5})
    assert standins.incoming().status_code == 200
    assert standins.ask("GET", "/pns/phone-numbers/lookup/%2B1").status_code == 500


def test_an_answer_can_get_lost_after_the_work_is_done(standins: Any):
    _order(standins, as_call={"status": 502, "times": 1, "when": "after"})
    assert standins.incoming().status_code == 502
    assert list(standins.as_call()["calls"]) == ["CA1"]


def test_an_answer_can_be_late_and_right(standins: Any):
    _order(standins, as_call={"status": 0, "times": 1, "delay_s": 0.2})
    before = monotonic()
    assert standins.incoming().status_code == 200
    assert monotonic() - before >= 0.2


@pytest.mark.parametrize(("when", "known"), [("before", []), ("after", ["CA1"])])
def test_a_service_that_is_down_cuts_the_connection(standins: Any, when: str, known: list[str]):
    _order(standins, as_call={"is_cut": True, "when": when})
    with pytest.raises(requests.ConnectionError):
        standins.incoming()
    assert list(standins.as_call()["calls"]) == known
    assert standins.as_call()["requests"][-1]["status"] is None
    assert standins.incoming().status_code == 200


def test_a_no_can_come_with_200(standins: Any):
    _order(standins, as_call={"status": 200})
    answer = standins.incoming()
    assert (answer.status_code, answer.json()["success"]) == (200, False)
    assert standins.as_call()["calls"] == {}
    standins.incoming()
    assert [(entry["status"], entry["is_taken"]) for entry in standins.as_call()["requests"]] == [
        (200, False),
        (200, True),
    ]


def test_orders_for_some_requests_leave_the_others_alone(standins: Any):
    _order(standins, as_call=[{"about": "CA2", "status": 500}, {"path": "/missed", "status": 502, "times": None}])
    assert [standins.incoming(sid).status_code for sid in ("CA1", "CA2", "CA2")] == [200, 500, 200]
    assert [standins.missed(sid).status_code for sid in ("CA1", "CA2", "CA2")] == [502, 502, 502]
    _order(standins, as_call=[])
    assert standins.missed().status_code == 200


def test_an_order_ends_by_itself_when_its_time_is_up():
    [fault] = faults_from({"times": None, "for_s": 5})
    assert fault.concerns("/calls/missed", "", fault.began_s + 4.9)
    assert not fault.concerns("/calls/missed", "", fault.began_s + 5)


def test_a_subscriber_can_be_ordered_to_fail(standins: Any):
    _order(standins, as_analytics={"status": 410, "times": 1})
    assert standins.ask("POST", "/subscriber/as-analytics", {}).status_code == 410


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": 201},
        {"times": -1},
        {"delay_s": 3600},
        {"delays": 1},
        {"when": "never"},
        {"headers": 1},
        7,
        [7],
        {"for_s": -1},
        {"is_cut": 1},
        {"about": 7},
        {"began_s": 0},
    ],
)
def test_an_order_that_makes_no_sense_is_refused(standins: Any, wrong: object):
    assert _order(standins, as_call=wrong) == 400


def test_forgetting_keeps_what_we_were_told_to_be(standins: Any):
    standins.ask("PUT", "/standin/pns/+14155550100", {"tenantId": "7b0f6f3e-2f0a-4c1e-9d56-0a4f4d1f0001"})
    standins.incoming()
    standins.missed()
    _order(standins, as_call={"times": 9})
    assert standins.ask("DELETE", "/standin/state").status_code == 204
    assert standins.as_call() == {"calls": {}, "conversations": {}, "requests": []}
    assert standins.incoming().status_code == 200
    assert standins.ask("GET", "/pns/phone-numbers/lookup/%2B14155550100").json()["success"] is True


def test_an_unknown_path_answers_in_the_platforms_shape(standins: Any):
    answer = standins.ask("GET", "/as-call/nothing")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")
