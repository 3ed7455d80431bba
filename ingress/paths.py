"""Which door a path belongs to: Twilio's webhooks, the platform's internal calls, or the public API.

Each has its own way of saying no, so the question is asked in one place.
"""

from typing import Final, Literal

from shared.domain.doors import CALLBACKS, DOORS, canonical

__all__ = ["Door", "canonical", "door"]

Door = Literal["webhook", "internal", "api"]

# Twilio's webhooks live among the API's paths, as the service's specification named them.
_WEBHOOK_TREES: Final = (CALLBACKS, "/webhooks/")


def door(path: str) -> Door:
    """Who comes by this path."""
    path = canonical(path)
    if path in DOORS or path.startswith(_WEBHOOK_TREES):
        return "webhook"
    return "internal" if path.startswith("/internal/") else "api"
