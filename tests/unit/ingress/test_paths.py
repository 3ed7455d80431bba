"""Which door a path belongs to."""

import pytest

from ingress.paths import canonical, door


@pytest.mark.parametrize(
    "path",
    ["/api/calls/incoming", "/api/calls/dial-result", "/api/calls/voicemail", "/api/sms/incoming",
     "/api/calls/fallback", "/api/sms/fallback", "/api/v1/sms/fallback",
     "/api/webhooks/status", "/api/webhooks/recording", "/webhooks/twilio/call", "/api/v1/sms/incoming"],
)  # fmt: skip
def test_twilio_comes_by_the_webhooks(path: str):
    assert door(path) == "webhook"


@pytest.mark.parametrize("path", ["/api/sms/send", "/api/calls/CA1", "/api/calls/incoming/end", "/", "/openapi.json"])
def test_everybody_else_comes_by_the_api(path: str):
    assert door(path) == "api"


def test_sibling_services_come_by_internal():
    assert door("/internal/sms/send") == "internal"


def test_the_version_is_no_part_of_a_resource():
    assert canonical("/api/v1/sms/send") == canonical("/api/sms/send") == "/api/sms/send"
    assert canonical("/api/v1x/sms") == "/api/v1x/sms"
