"""A text on its way to a phone: its states, one after the other, and the callbacks about them."""

from ops.twilio_sim.clock import now
from ops.twilio_sim.resources.media import Media
from ops.twilio_sim.resources.message import Message
from ops.twilio_sim.sms.optout import has_opted_out
from ops.twilio_sim.voice.params import in_twilio_order
from ops.twilio_sim.webhooks.letter import Letter
from ops.twilio_sim.world import World

# (world steps to wait, state). The first state of a message is only in the answer to its creation, and
# `sending` is passed without a callback; both are as Twilio does it.
WAY_OUT = {
    "delivered": ((0.5, "sending"), (0.5, "sent"), (1.0, "delivered")),
    "sent": ((0.5, "sending"), (0.5, "sent")),
    "undelivered": ((0.5, "sending"), (0.5, "sent"), (1.0, "undelivered")),
    "failed": ((0.5, "sending"), (0.5, "failed")),
}
SILENT = frozenset({"sending"})
PRICE = "-0.00790"


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
    message.is_silent = world.dice.chance(world.settings.silent_rate, "silent", sid)
    return world.messages.add(message)


def send(world: World, message: Message, *, in_s: float = 0.0) -> None:
    """Starts its way `in_s` from now. What Twilio took without a sender, or for later, is queued first."""
    steps = list(WAY_OUT[world.phone(message.to).texts])
    if message.status in ("accepted", "scheduled"):
        steps.insert(0, (0.0, "queued"))
    if has_opted_out(world, message.to, message.from_):
        message.error_code, steps = 21610, [(0.5, "failed")]
    _next(world, message, steps, in_s)


def reply(world: World, number: str, person: str, body: str, media_urls: list[str], callback: str = "") -> Message:
    """A text that answers an incoming one."""
    message = new_message(
        world, to=person, from_=number, body=body, direction="outbound-reply", media_urls=media_urls,
        status_callback=callback,
    )  # fmt: skip
    send(world, message)
    return message


def _next(
    world: World, message: Message, steps: list[tuple[float, str]], in_s: float = 0.0, held: Letter | None = None
) -> None:
    if steps:
        wait, status = steps[0]
        delay_s = in_s + wait * world.settings.message_step_s
        world.agenda.after(delay_s, lambda: _step(world, message, status, steps[1:], held))


def _step(world: World, message: Message, status: str, rest: list[tuple[float, str]], held: Letter | None) -> None:
    """The next step waits for this one's callback, so that callbacks leave in order; a slow receiver sees them late.

    `held` is a callback that lets the next one go first.
    """
    with world.lock:
        if message.status == "canceled" or world.messages.get(message.sid) is not message:
            return  # called off, or the world was emptied meanwhile
        message.move(status)
    _settle(world, message)
    if status not in SILENT:
        held = _tell(world, message, _letter(world, message, status), rest, held)
    _next(world, message, rest, held=held)


def _tell(
    world: World, message: Message, letter: Letter, rest: list[tuple[float, str]], held: Letter | None
) -> Letter | None:
    """Posts the callback, unless chance makes it late, lets it wait for the next one, or wants none: see Settings."""
    settings, dice = world.settings, world.dice
    if not letter.url or message.is_silent:
        return None
    more_to_tell = any(status not in SILENT for _, status in rest)
    if held is None and more_to_tell and dice.chance(settings.swap_rate, "swap", *letter.about):
        return letter
    if dice.chance(settings.late_rate, "late", *letter.about):
        world.agenda.after(settings.late_s, lambda: world.post(letter))
    else:
        world.post(letter)
    if held:
        world.post(held)
    return None


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
