"""The demo's own webhooks carry a signature that the published algorithm gives too."""

import hmac
from base64 import b64encode
from urllib.parse import parse_qs

import pytest

from ops.demo.burst import STATUSES
from ops.demo.signing import call_status, post

URL = "https://example.org/api/webhooks/status"
FIELDS = call_status(f"AC{'0' * 32}", f"CA{'1' * 32}", "+12125550149", "+14155550100", "completed", 3)


def _by_hand(token: str, fields: dict[str, str]) -> str:
    text = URL + "".join(name + fields[name] for name in sorted(fields))
    return b64encode(hmac.digest(token.encode(), text.encode(), "sha1")).decode()


def test_a_webhook_is_signed_over_its_url_and_fields():
    webhook = post(URL, FIELDS, "secret")
    assert webhook.headers["X-Twilio-Signature"] == _by_hand("secret", FIELDS)
    assert {name: values[0] for name, values in parse_qs(webhook.body.decode()).items()} == FIELDS


def test_a_forgery_carries_the_signature_of_other_fields_or_none():
    changed = post(URL, FIELDS | {"CallStatus": "failed"}, "secret", signed_as=FIELDS)
    assert changed.headers["X-Twilio-Signature"] == _by_hand("secret", FIELDS)
    assert b"failed" in changed.body
    assert "X-Twilio-Signature" not in post(URL, FIELDS, None).headers


@pytest.mark.parametrize("status", STATUSES)
def test_only_a_completed_call_has_a_duration(status: str):
    fields = call_status("AC", "CA", "+1", "+2", status, 0)
    assert ("CallDuration" in fields) == (status == "completed")
