"""Twilio's own handling of STOP, START and HELP on long codes."""

from ops.twilio_sim.world import World

STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START = frozenset({"START", "YES", "UNSTOP"})
HELP = frozenset({"HELP", "INFO"})

STOPPED = (
    "You have successfully been unsubscribed. You will not receive any more messages from this number. "
    "Reply START to resubscribe."
)
STARTED = (
    "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)
HELPED = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."


def note_keyword(world: World, person: str, number: str, body: str) -> str:
    """Keeps the list of who wants nothing from which number; answers Twilio's reply, mostly none.

    Only a text that is the keyword alone counts. A START of somebody who never stopped is an ordinary text.
    """
    word, pair = body.strip().upper(), (person, number)
    if word in STOP:
        world.opt_outs.add(pair)
        return STOPPED
    if word in START and pair in world.opt_outs:
        world.opt_outs.discard(pair)
        return STARTED
    return HELPED if word in HELP else ""


def has_opted_out(world: World, person: str, number: str | None) -> bool:
    return number is not None and (person, number) in world.opt_outs
