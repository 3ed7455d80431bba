"""The subscribers' stand-in: a notification counts only with a signature that holds."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def secret(standins: Any) -> str:
    assert standins.ask("PUT", "/standin/subscriber/ns-delivery/secret", {"secret": SECRET}).status_code == 204
    return SECRET


def _notify(standins: Any, delivery_id: str = "evt_1", secret: str = SECRET, late_s: int = 0, **headers: str) -> int:
    sent_at = datetime.now(UTC) - timedelta(seconds=late_s)
    body = json.dumps({"type": "sms.delivered", "timestamp": sent_at.isoformat(), "data": {"id": "msg_1"}})
    signed = {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": Webhook(secret).sign(delivery_id, sent_at, body),
    }
    url = f"{standins.url}/subscriber/ns-delivery"
    return requests.post(url, data=body, headers=signed | headers, timeout=10).status_code


def test_a_signed_notification_is_taken(standins: Any, secret: str):
    assert _notify(standins) == 204
    [seen] = standins.received("ns-delivery")
    assert (seen["id"], seen["type"], seen["data"]) == ("evt_1", "sms.delivered", {"id": "msg_1"})
    assert (seen["verified"], seen["order"], seen["attempts"]) == (True, 1, 1)


def test_a_repeat_is_counted_and_the_order_is_that_of_the_first_arrival(standins: Any, secret: str):
    for delivery_id in ("evt_1", "evt_2", "evt_1"):
        _notify(standins, delivery_id)
    seen = {s["id"]: (s["order"], s["attempts"]) for s in standins.received("ns-delivery")}
    assert seen == {"evt_1": (1, 2), "evt_2": (2, 1)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "whsec_b3RoZXIgc2VjcmV0IGJ5dGVzIGhlcmU="},
        {"late_s": 600},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "nonsense"},
        {"webhook-signature": "v1,é"},
        {"webhook-timestamp": "yesterday"},
    ],
)
def test_what_is_not_signed_rightly_is_refused_and_said_so(standins: Any, secret: str, wrong: dict[str, Any]):
    assert _notify(standins, **wrong) == 401
    [seen] = standins.received("ns-delivery")
    assert seen["verified"] is False
    assert seen["refusal"]


def test_a_subscriber_without_a_secret_believes_nobody(standins: Any):
    assert _notify(standins) == 401


def test_a_refused_notification_is_believed_when_it_comes_again_rightly_signed(standins: Any):
    _notify(standins)
    standins.ask("PUT", "/standin/subscriber/ns-delivery/secret", {"secret": SECRET})
    _notify(standins)
    [seen] = standins.received("ns-delivery")
    assert (seen["verified"], seen["attempts"], seen["refusal"]) == (True, 2, None)


def test_two_signatures_are_accepted_while_a_secret_is_rotated(standins: Any, secret: str):
    now = datetime.now(UTC)
    body = json.dumps({"type": "sms.sent", "data": {}})
    old = Webhook("whsec_b3RoZXIgc2VjcmV0IGJ5dGVzIGhlcmU=").sign("evt_1", now, body)
    both = f"{old} {Webhook(SECRET).sign('evt_1', now, body)}"
    headers = {"webhook-id": "evt_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": both}
    answer = requests.post(f"{standins.url}/subscriber/ns-delivery", data=body, headers=headers, timeout=10)
    assert answer.status_code == 204


def test_a_secret_that_is_none_is_refused(standins: Any):
    assert standins.ask("PUT", "/standin/subscriber/ns-delivery/secret", {"secret": "whsec_"}).status_code == 400
