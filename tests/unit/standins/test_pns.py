"""pns-provisioning-service's stand-in: whose number it is, and 200 with `success: false` for an unknown one."""

from typing import Any

import pytest

TENANT = "7b0f6f3e-2f0a-4c1e-9d56-0a4f4d1f0001"


@pytest.mark.parametrize("spelling", ["%2B14155550100", "14155550100"])
def test_a_known_number_names_its_tenant(standins: Any, spelling: str):
    standins.ask("PUT", "/standin/pns/+14155550100", {"tenantId": TENANT, "status": "active"})
    answer = standins.ask("GET", f"/pns/phone-numbers/lookup/{spelling}")
    assert answer.json()["data"] == {"tenantId": TENANT, "phoneNumber": "+14155550100", "status": "active"}


def test_an_unknown_number_is_told_with_200(standins: Any):
    answer = standins.ask("GET", "/pns/phone-numbers/lookup/%2B14155550199")
    assert answer.status_code == 200
    assert answer.json()["success"] is False
    assert answer.json()["error"]["code"] == "PHONE_NUMBER_NOT_FOUND"


@pytest.mark.parametrize(
    ("number", "record"),
    [("+14155550100", {"tenantId": TENANT, "status": "lost"}), ("+14155550100", {"tenantId": "x"}), ("12", {})],
)
def test_a_number_that_makes_no_sense_is_not_learnt(standins: Any, number: str, record: dict[str, str]):
    assert standins.ask("PUT", f"/standin/pns/{number}", record).status_code == 400
