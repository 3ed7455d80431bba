"""A text on its way to a phone: its states, one after the other, and the callbacks about them."""

from dataclasses import dataclass

from ops.twilio_sim.clock import now
from ops.twilio_sim.resources.media import Media
from ops.twilio_sim.resources.message import Message
from ops.twilio_sim.senders import LONGEST_S
from ops.twilio_sim.sms.optout import has_opted_out
from ops.twilio_sim.voice.params import in_twilio_order
from ops.twilio_sim.webhooks import mishaps
from ops.twilio_sim.webhooks.letter import Letter
from ops.twilio_sim.world import World


@dataclass(frozen=True)
class Step:
    """A state that is reached `steps` of the settings' `message_step_s` after the one before, not before `due_s`."""

    status: str
    steps: float = 0.0
    due_s: float = 0.0


# The first state of a message is only in the answer to its creation, and `sending` is passed without a
# callback; both are as Twilio does it.
WAY_OUT = {
    "delivered": [Step("sent", 0.5), Step("delivered", 1.0)],
    "sent": [Step("sent", 0.5)],
    "undelivered": [Step("sent", 0.5), Step("undelivered", 1.0)],
    "failed": [Step("failed", 0.5)],
}
SILENT = frozenset({"sending"})
PRICE = "-0.00790"
STOPPED, OVERFLOW, EXPIRED = 21610, 30001, 30036


def new_message(
    world: World, *, to: str, from_: str | None, body: str, direction: str, media_urls: list[str], **more: str | None
) -> Message:
    """Puts it into the book: SM without media, MM with."""
    asked = direction, to, from_, more.get("messaging_service_sid"), body
    sid = world.sids.of("MM" if media_urls else "SM", *asked)
    media = [Media(world.sids.new("ME"), world.account.sid, sid, url) for url in media_urls]
    status = more.pop("status", None) or "queued"
    message = Message(sid, world.account.sid, to, from_, body, direction, status, media=media)
    message.messaging_service_sid = more.get("messaging_service_sid")
    message.status_callback = more.get("status_callback") or ""
    message.born_s = world.clock.world_s()
    message.is_silent = mishaps.is_silent(world, sid)
    return world.messages.add(message)


def send(
    world: World, message: Message, *, in_s: float = 0.0, validity_s: float = LONGEST_S, by_twilio: bool = False
) -> None:
    """Starts its way `in_s` from now; it then waits for its sender's turn, `validity_s` at most.

    `by_twilio`: what Twilio itself says to somebody who has just opted out is not stopped by that.
    """
    if in_s:
        world.agenda.after(in_s, lambda: send(world, message, validity_s=validity_s))
        return
    if message.status == "canceled":
        return
    # What Twilio took without a sender, or for later, is queued first.
    first = [Step("queued")] if message.status in ("accepted", "scheduled") else []
    if has_opted_out(world, message.to, message.from_, message.messaging_service_sid) and not by_twilio:
        message.error_code, way = STOPPED, [Step("failed", 0.5)]
    else:
        way = _queued(world, message, validity_s)
    _next(world, message, [*first, *way])


def reply(
    world: World, number: str, person: str, body: str, media_urls: list[str], callback: str = "",
    *, by_twilio: bool = False,
) -> Message:  # fmt: skip
    """A text that answers an incoming one."""
    message = new_message(
        world, to=person, from_=number, body=body, direction="outbound-reply", media_urls=media_urls,
        status_callback=callback,
    )  # fmt: skip
    send(world, message, by_twilio=by_twilio)
    return message


def _queued(world: World, message: Message, validity_s: float) -> list[Step]:
    """Its way from the queue on; the queue was asked at create already, but for what came by a service."""
    sender, until_s = message.from_ or "", world.clock.world_s() + validity_s
    if world.queues.is_full(sender):
        message.error_code = OVERFLOW
        return [Step("failed", 0.5)]
    turn_s = world.queues.take(sender, message.segments / world.rate_of(sender), until_s)
    if turn_s is None:
        message.error_code = EXPIRED
        return [Step("failed", due_s=until_s)]
    return [Step("sending", 0.5, due_s=turn_s), *WAY_OUT[world.phone(message.to).texts]]


def _next(world: World, message: Message, way: list[Step], held: Letter | None = None) -> None:
    if way:
        step = way[0]
        turn_in_s = max(0.0, step.due_s - world.clock.world_s()) if step.due_s else 0.0
        delay_s = turn_in_s + step.steps * world.settings.message_step_s
        world.agenda.after(delay_s, lambda: _reach(world, message, step.status, way[1:], held))


def _reach(world: World, message: Message, status: str, rest: list[Step], held: Letter | None) -> None:
    """The next step waits for this one's callback, so that callbacks leave in order; a slow receiver sees them late.

    `held` is a callback that lets the next one go first.
    """
    with world.lock:
        if message.status == "canceled" or world.messages.get(message.sid) is not message:
            return  # called off, or the world was emptied meanwhile
        message.move(status)
    _settle(world, message)
    if status not in SILENT and message.status_callback and not message.is_silent:
        more_to_come = any(step.status not in SILENT for step in rest)
        held = mishaps.post(world, _letter(world, message, status), more_to_come=more_to_come, held=held)
    _next(world, message, rest, held)


def _settle(world: World, message: Message) -> None:
    if message.status in ("undelivered", "failed") and message.error_code is None:
        message.error_code = world.phone(message.to).error_code
    if message.status in ("sent", "delivered"):
        message.price = PRICE


def _letter(world: World, message: Message, status: str) -> Letter:
    params = {
        "MessageSid": message.sid,
        "MessageStatus": status,
        "SmsSid": message.sid,
        "SmsStatus": status,
        "From": message.from_ or "",
        "To": message.to,
        "AccountSid": message.account_sid,
        "ApiVersion": "2010-04-01",
    }
    if message.messaging_service_sid:
        params["MessagingServiceSid"] = message.messaging_service_sid
    if message.error_code is not None:
        params["ErrorCode"] = str(message.error_code)
    if status in ("delivered", "undelivered"):
        params["RawDlrDoneDate"] = now().strftime("%y%m%d%H%M")
    return Letter("message-status", message.sid, message.status_callback, in_twilio_order(params), world.sids.token())
