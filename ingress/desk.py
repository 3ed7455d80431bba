"""What each webhook is answered, whichever way it came in: through Flask or through the hot lane.

Pure but for the routing snapshot in memory: nothing here waits for anybody.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from ingress import paths
from ingress.context import IngressRuntime
from ingress.twilio_guard import Posted
from shared.domain import event_keys, missed_call, routing, twiml
from shared.domain.event_keys import Door, Name
from shared.domain.routing import Caller

# Which door a path is. The older paths are the platform's first server's.
_DOORS: Final[Mapping[str, Door]] = {
    "/api/calls/incoming": "call",
    "/api/calls/fallback": "call",
    "/api/calls/dial-result": "dial",
    "/api/calls/voicemail": "voicemail",
    "/api/sms/incoming": "message",
    "/api/sms/fallback": "message",
    "/api/webhooks/recording": "recording",
    "/webhooks/twilio/call": "call",
    "/webhooks/twilio/sms": "message",
}
_CALLBACKS: Final = "/api/webhooks/"
_BRIDGED: Final = {"true": True, "false": False}
_OLDER_DIAL_RESULT: Final = "/webhooks/twilio/call/status/"
_TREES: Final = (
    (_CALLBACKS, "<path:what>"),
    ("/api/v1/webhooks/", "<path:what>"),
    (_OLDER_DIAL_RESULT, "<call_sid>"),
)


class Reply(NamedTuple):
    """What Twilio gets once the event is stored. `document` None: nothing (204).

    `note` says which TwiML it was ("forward", "voicemail"). `is_for_caller`: somebody is on the line, so the document
    goes out even when nothing could be stored.
    """

    name: Name
    document: str | None
    note: str = ""
    is_for_caller: bool = False


def door_of(path: str) -> Door | None:
    """The door that `path` is; None: not one of Twilio's."""
    path = paths.canonical(path)
    if (door := _DOORS.get(path)) is not None:
        return door
    if path.startswith(_CALLBACKS):
        return "status"
    return "dial" if path.startswith(_OLDER_DIAL_RESULT) else None


def route_of(path: str) -> str:
    """The rule a door's path belongs to, for metrics: paths carry ids, and a label must not be unbounded."""
    if path in _DOORS:
        return path
    for tree, rule in _TREES:
        if path.startswith(tree):
            return tree + rule
    return path if paths.canonical(path) in _DOORS else "(none)"


def reply(rt: IngressRuntime, door: Door, posted: Posted) -> Reply:
    """Total: a webhook that came in at the wrong door is stored as what it is and answered harmlessly."""
    name = event_keys.name(posted.params, door, posted.path, posted.token)
    if door == "message":
        # Never answered with a text: what we send goes through our own sending.
        return Reply(name, twiml.EMPTY)
    if door in ("call", "dial", "voicemail"):
        return _to_caller(rt, posted, name)
    return Reply(name, None)


def _to_caller(rt: IngressRuntime, posted: Posted, name: Name) -> Reply:
    """By what the request is, not by its address: a fallback is answered as what it stands in for."""
    match event_keys.meaning(name.kind, posted.params):
        case "call-in":
            said = posted.params.get
            number = rt.routing.number(said("To") or said("Called", ""))
            route = routing.route(number, Caller(said("From") or said("Caller", "")), datetime.now(UTC))
            return Reply(name, twiml.for_route(route, rt.urls), route.kind, is_for_caller=True)
        case "dial":
            return Reply(name, _after_dial(rt, posted), is_for_caller=True)
        case "voicemail":
            return Reply(name, twiml.HANG_UP, is_for_caller=True)
        case _:
            return Reply(name, twiml.EMPTY, is_for_caller=True)


def _after_dial(rt: IngressRuntime, posted: Posted) -> str:
    said = posted.params.get
    number = rt.routing.number(said("To") or said("Called", ""))
    bridged = _BRIDGED.get(said("DialBridged", "").lower())
    return twiml.after_dial(number, bool(missed_call.was_taken(said("DialCallStatus"), bridged)), rt.urls)
