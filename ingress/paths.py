"""Which door a path belongs to: Twilio's webhooks, the platform's internal calls, or the public API.

Each has its own way of saying no, so the question is asked in one place.
"""

from typing import Final, Literal

Door = Literal["webhook", "internal", "api"]

# Twilio's webhooks live among the API's paths, as the service's specification named them.
_WEBHOOKS: Final = frozenset({
    "/api/calls/incoming", "/api/calls/fallback", "/api/calls/dial-result", "/api/calls/voicemail", "/api/sms/incoming",
    "/api/sms/fallback",
})  # fmt: skip
_WEBHOOK_TREES: Final = ("/api/webhooks/", "/webhooks/")


def canonical(path: str) -> str:
    """The path without its version: `/api/v1/sms` and `/api/sms` are one resource."""
    return path.replace("/api/v1/", "/api/", 1) if path.startswith("/api/v1/") else path


def door(path: str) -> Door:
    """Who comes by this path."""
    path = canonical(path)
    if path in _WEBHOOKS or path.startswith(_WEBHOOK_TREES):
        return "webhook"
    return "internal" if path.startswith("/internal/") else "api"
