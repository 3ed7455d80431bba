"""Which door a path belongs to."""

import re

import pytest

from ingress import webhooks
from ingress.desk import door_of
from ingress.paths import canonical, door


@pytest.mark.parametrize("path", [re.sub("<.*>", "x", rule) for rule in webhooks._RULES])
def test_twilio_comes_by_the_webhooks(path: str):
    """Flask's routes, the lane's doors and the words of a refusal agree on what is Twilio's."""
    assert door(path) == "webhook"
    assert door_of(path) is not None


@pytest.mark.parametrize("path", ["/api/sms/send", "/api/calls/CA1", "/api/calls/incoming/end", "/", "/openapi.json"])
def test_everybody_else_comes_by_the_api(path: str):
    assert door(path) == "api"


def test_sibling_services_come_by_internal():
    assert door("/internal/sms/send") == "internal"


def test_the_version_is_no_part_of_a_resource():
    assert canonical("/api/v1/sms/send") == canonical("/api/sms/send") == "/api/sms/send"
    assert canonical("/api/v1x/sms") == "/api/v1x/sms"
