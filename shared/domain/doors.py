"""Twilio's doors: which path of ours is asked for what, and what we wrote into the query ourselves."""

from collections.abc import Mapping
from typing import Final, Literal

from shared.domain import form

# What the path says about a request whose parameters could be more than one thing.
Door = Literal["call", "choice", "dial", "whisper", "accept", "voicemail", "status", "message", "recording"]

# The older paths are the platform's first server's.
DOORS: Final[Mapping[str, Door]] = {
    "/api/calls/incoming": "call",
    "/api/calls/fallback": "call",
    "/api/calls/choice": "choice",
    "/api/calls/dial-result": "dial",
    "/api/calls/whisper": "whisper",
    "/api/calls/accept": "accept",
    "/api/calls/voicemail": "voicemail",
    "/api/sms/incoming": "message",
    "/api/sms/fallback": "message",
    "/api/webhooks/recording": "recording",
    "/webhooks/twilio/call": "call",
    "/webhooks/twilio/sms": "message",
}
CALLBACKS: Final = "/api/webhooks/"
OLDER_DIAL_RESULT: Final = "/webhooks/twilio/call/status/"
_VERSION: Final = "/api/v1/"


def canonical(path: str) -> str:
    """The path without its version: `/api/v1/sms` and `/api/sms` are one resource."""
    return path.replace(_VERSION, "/api/", 1) if path.startswith(_VERSION) else path


def door_of(path: str) -> Door | None:
    """The door that `path` is; None: not one of Twilio's."""
    path = canonical(path)
    if (door := DOORS.get(path)) is not None:
        return door
    if path.startswith(CALLBACKS):
        return "status"
    return "dial" if path.startswith(OLDER_DIAL_RESULT) else None


def failed_door(params: Mapping[str, str]) -> Door | None:
    """The door that Twilio could not use before it came by the fallback address (`ErrorUrl`)."""
    address, _, _ = params.get("ErrorUrl", "").partition("#")
    path = "/" + address.partition("://")[2].partition("/")[2].partition("?")[0]
    return next((door_of(path[at:]) for at in _slashes(path) if door_of(path[at:])), None)


def own_query(query: str, params: Mapping[str, str]) -> dict[str, str]:
    """What we wrote into the address ourselves, at a fallback address into the one that failed. Not to be trusted blindly.

    Raises ValueError: more fields than anyone sends.
    """
    if not (failed := params.get("ErrorUrl", "")):
        return form.of_query(query)
    return form.of_query(failed.partition("#")[0].partition("?")[2])


def _slashes(path: str) -> list[int]:
    """Where a path of ours may begin: a proxy may have put it below a prefix."""
    return [at for at, sign in enumerate(path[:_LONGEST]) if sign == "/"][:_DEEPEST]


_LONGEST: Final = 300  # ours are below a hundred characters
_DEEPEST: Final = 9  # a prefix has eight parts at the most (`ingress/twilio_policy.py`)
