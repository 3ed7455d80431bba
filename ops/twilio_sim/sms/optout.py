"""Twilio's own handling of STOP, START and HELP, by the kind of number and the settings of its service."""

from dataclasses import dataclass

from ops.twilio_sim.resources.service import Service
from ops.twilio_sim.senders import kind_of
from ops.twilio_sim.world import World


@dataclass(frozen=True)
class Words:
    """What a person writes, and what Twilio answers; a blank answer is none."""

    stop: frozenset[str]
    start: frozenset[str]
    help: frozenset[str]
    stopped: str
    started: str
    helped: str


DEFAULT = Words(
    stop=frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}),
    start=frozenset({"START", "YES", "UNSTOP"}),
    help=frozenset({"HELP", "INFO"}),
    stopped="You have successfully been unsubscribed. You will not receive any more messages from this number. "
    "Reply START to resubscribe.",
    started="You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
    helped="Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
)
# The network acts, not Twilio: one word, no YES, nothing to be set.
TOLL_FREE = Words(
    stop=frozenset({"STOP"}),
    start=frozenset({"START", "UNSTOP"}),
    help=frozenset({"HELP", "INFO"}),
    stopped='NETWORK MSG: You replied with the word "stop" which blocks all texts sent from this number. '
    'Text back "unstop" to receive messages again.',
    started='NETWORK MSG: You have replied "unstop" and will begin receiving messages again from this number.',
    helped=DEFAULT.helped,
)


@dataclass(frozen=True)
class Noted:
    """Twilio's reply, mostly none, and the OptOutType that the webhook then carries."""

    reply: str = ""
    opt_out_type: str = ""


def note_keyword(world: World, person: str, number: str, body: str) -> Noted:
    """Keeps the list of who wants nothing from which number or service.

    Only a text that is the keyword alone counts. A START of somebody who never stopped is an ordinary text.
    """
    service = world.service_with(number)
    words = _words(number, service)
    if words is None:
        return Noted()
    said = _act(world, words, body.strip().upper(), person, number)
    reply = {"STOP": words.stopped, "START": words.started, "HELP": words.helped}.get(said, "")
    return Noted(reply, said if service and service.advanced_opt_out else "")


def has_opted_out(world: World, person: str, *senders: str | None) -> bool:
    """From any of these numbers or services; a number also counts for the service it is in."""
    if not world.opt_outs:
        return False
    scopes = {scope for sender in senders if sender for scope in (sender, scope_of(world, sender))}
    return any((person, scope) in world.opt_outs for scope in scopes)


def scope_of(world: World, number: str) -> str:
    """What an opt-out at this number is kept under: the service that has it in its pool, or the number alone."""
    service = world.service_with(number)
    return service.sid if service else number


def _words(number: str, service: Service | None) -> Words | None:
    """None: Twilio leaves everything to the application, as with a short code outside of Advanced Opt-Out."""
    kind = kind_of(number)
    if kind == "toll-free":
        return TOLL_FREE
    if service and service.advanced_opt_out:
        return _with(service.keywords)
    return None if kind == "short-code" else DEFAULT


def _with(keywords: dict[str, list[str]]) -> Words:
    """The service's own words come beside the usual ones."""
    own = {kind: frozenset(word.upper() for word in keywords.get(kind, ())) for kind in ("stop", "start", "help")}
    return Words(
        DEFAULT.stop | own["stop"], DEFAULT.start | own["start"], DEFAULT.help | own["help"],
        DEFAULT.stopped, DEFAULT.started, DEFAULT.helped,
    )  # fmt: skip


def _act(world: World, words: Words, word: str, person: str, number: str) -> str:
    if word in words.stop:
        world.opt_outs.add((person, scope_of(world, number)))
        return "STOP"
    if word in words.start and has_opted_out(world, person, number):
        world.opt_outs -= {(person, number), (person, scope_of(world, number))}
        return "START"
    return "HELP" if word in words.help else ""
