"""ns-delivery-service's stand-in: a text's state goes forward, and what would take it back is refused and noted."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from ops.standins.ns_delivery import STATES, Fates
from shared.domain.status import MESSAGE_RANK
from shared.notice_catalogue import catalogue
from tests.unit.standins.conftest import SECRET, signed

Tell = Callable[..., int]


@pytest.fixture
def tell(standins: Any) -> Tell:
    standins.ask("PUT", "/standin/subscriber/ns-delivery/secret", {"secret": SECRET})
    return lambda type_, delivery_id=None, **data: signed(
        standins, "ns-delivery", type_, catalogue()[type_].example["data"] | data, delivery_id or type_
    )


def fate(standins: Any) -> dict[str, Any]:
    ((found,),) = [standins.ask("GET", "/standin/ns-delivery").json().values()]
    return found


def test_its_states_are_ours_in_the_order_in_which_they_win():
    by_standing = sorted(MESSAGE_RANK, key=lambda state: (MESSAGE_RANK[state], [*MESSAGE_RANK].index(state)))
    assert [*STATES] == by_standing


def test_a_text_is_followed_to_its_end(standins: Any, tell: Tell):
    for type_ in ("sms.queued", "sms.sent", "sms.delivered"):
        assert tell(type_) == 204
    known = fate(standins)
    assert (known["status"], known["is_final"]) == ("delivered", True)
    assert known["steps"] == ["sms.queued", "sms.sent", "sms.delivered"]
    assert known["refused"] == []


def test_a_failure_comes_with_what_there_is_to_know_of_it(standins: Any, tell: Tell):
    tell("sms.failed")
    known = fate(standins)
    assert (known["status"], known["error_code"], known["error_class"]) == ("failed", 21610, "compliance")
    assert (known["message_sid"], known["is_final"], known["attempt"], known["retried_as"]) == (None, True, 1, None)


def test_what_goes_backwards_is_refused_and_noted(standins: Any, tell: Tell):
    assert tell("sms.delivered") == 204
    assert tell("sms.sent") == 409
    known = fate(standins)
    assert (known["status"], known["steps"], known["refused"]) == ("delivered", ["sms.delivered"], ["sms.sent"])
    seen = {one["type"]: one["refusal"] for one in standins.received("ns-delivery")}
    assert seen["sms.delivered"] is None
    assert "does not become sent" in seen["sms.sent"]


def test_a_repeat_is_taken_without_being_heard_again(standins: Any, tell: Tell):
    assert [tell("sms.sent"), tell("sms.delivered"), tell("sms.sent")] == [204, 204, 204]
    assert fate(standins)["steps"] == ["sms.sent", "sms.delivered"]


def test_a_late_step_that_tells_the_status_that_stands_is_taken(standins: Any, tell: Tell):
    assert [tell("sms.delivered"), tell("sms.sent", status="delivered")] == [204, 204]
    assert fate(standins)["status"] == "delivered"


def test_what_was_not_signed_is_not_heard(standins: Any, tell: Tell):
    data = catalogue()["sms.sent"].example["data"]
    wrong = "whsec_b3RoZXIgc2VjcmV0IGJ5dGVzIGhlcmU="
    assert signed(standins, "ns-delivery", "sms.sent", data, "evt", secret=wrong) == 401
    assert standins.ask("GET", "/standin/ns-delivery").json() == {}
    assert signed(standins, "ns-delivery", "sms.sent", data, "evt") == 204
    assert fate(standins)["status"] == "sent"


@pytest.mark.parametrize("arrival", [*permutations(["queued", "sent", "undelivered", "delivered"])])
def test_the_furthest_state_stands_whatever_comes_when(arrival: tuple[str, ...]):
    fates = Fates()
    for status in arrival:
        fates.hear("sms.sent", {"message_id": "m", "status": status})
    known = fates.known["m"]
    assert known.status == "delivered"
    assert len(known.steps) + len(known.refused) == len(arrival)


def test_what_is_about_no_text_is_none_of_its_business(standins: Any, tell: Tell):
    assert tell("call.missed") == 204
    assert standins.ask("GET", "/standin/ns-delivery").json() == {}
    standins.ask("DELETE", "/standin/state")
    assert standins.received("ns-delivery") == []
