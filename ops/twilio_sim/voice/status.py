"""Status callbacks of a call: who asked for which event, and the request itself."""

from dataclasses import dataclass

from ops.twilio_sim.resources.call import Call
from ops.twilio_sim.voice.params import status_params
from ops.twilio_sim.webhooks import mishaps
from ops.twilio_sim.webhooks.letter import Letter
from ops.twilio_sim.world import World

DEFAULT_EVENTS = frozenset({"completed"})


@dataclass(frozen=True)
class Watcher:
    """`events` of initiated, ringing, answered, completed; the last one stands for every final state."""

    url: str = ""
    method: str = "POST"
    events: frozenset[str] = DEFAULT_EVENTS


NOBODY = Watcher()


def watcher(url: str, method: str = "POST", events: str = "") -> Watcher:
    """`events` separated by blanks, as TwiML and repeated form fields have them."""
    return Watcher(url, method, frozenset(events.split()) or DEFAULT_EVENTS)


def tell(world: World, call: Call, who: Watcher, event: str, **more: str) -> None:
    """Waits for the answer, so that the callbacks of one call leave in the order of its story, but for mishaps."""
    if not who.url or event not in who.events or call.is_silent:
        return
    status = {"answered": "in-progress", "completed": call.status}.get(event, event)
    letter = Letter(
        kind="call-status",
        sid=call.sid,
        url=who.url,
        params=status_params(call, status, **more),
        token=world.sids.token(),
        method=who.method,
        voice=True,
    )
    more_to_come = event != "completed" and "completed" in who.events
    call.held = mishaps.post(world, letter, more_to_come=more_to_come, held=call.held)
