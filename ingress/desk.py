"""What each webhook is answered, whichever way it came in: through Flask or through the hot lane.

Pure but for the routing snapshot in memory: nothing here waits for anybody.
"""

from typing import Final, NamedTuple

from ingress import call_desk
from ingress.context import IngressRuntime
from ingress.twilio_guard import Posted
from shared.domain import event_keys, twiml
from shared.domain.doors import CALLBACKS, DOORS, OLDER_DIAL_RESULT, Door, canonical, door_of
from shared.domain.event_keys import Name

__all__ = ["Reply", "door_of", "reply", "route_of"]

_TREES: Final = (
    (CALLBACKS, "<path:what>"),
    ("/api/v1/webhooks/", "<path:what>"),
    (OLDER_DIAL_RESULT, "<call_sid>"),
)
_OF_CALLERS: Final[frozenset[Door]] = frozenset({"call", "choice", "dial", "whisper", "accept", "voicemail"})


class Reply(NamedTuple):
    """What Twilio gets once the event is stored. `document` None: nothing (204).

    `note` says which TwiML it was (`shared/domain/call_notes.py`). `is_for_caller`: somebody is on the line, so the document
    goes out even when nothing could be stored.
    """

    name: Name
    document: str | None
    note: str = ""
    is_for_caller: bool = False


def route_of(path: str) -> str:
    """The rule a door's path belongs to, for metrics: paths carry ids, and a label must not be unbounded."""
    if path in DOORS:
        return path
    for tree, rule in _TREES:
        if path.startswith(tree):
            return tree + rule
    return path if canonical(path) in DOORS else "(none)"


def reply(rt: IngressRuntime, door: Door, posted: Posted) -> Reply:
    """Total: a webhook that came in at the wrong door is stored as what it is and answered harmlessly."""
    name = event_keys.name(posted.params, door, posted.path, posted.token, posted.query)
    if door == "message":
        # Never answered with a text: what we send goes through our own sending.
        return Reply(name, twiml.EMPTY)
    if door in _OF_CALLERS:
        document, note = call_desk.answer(rt, name.kind, posted)
        return Reply(name, document, note, is_for_caller=True)
    return Reply(name, None)
