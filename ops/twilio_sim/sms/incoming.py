"""A text arrives at one of our numbers: announced by webhook, answered by TwiML."""

from xml.etree.ElementTree import Element

from ops.twilio_sim.resources.message import Message
from ops.twilio_sim.resources.number import Number
from ops.twilio_sim.sms.optout import note_keyword
from ops.twilio_sim.sms.outgoing import new_message, reply
from ops.twilio_sim.twiml import BadTwiml, text_of, verbs_of
from ops.twilio_sim.voice.params import in_twilio_order
from ops.twilio_sim.voice.places import place_params
from ops.twilio_sim.webhooks.address import joined
from ops.twilio_sim.webhooks.letter import Answer, Letter
from ops.twilio_sim.world import World

MOST_REPLIES = 10  # 14109: more of them are ignored
MOST_REDIRECTS = 10


def receive(world: World, number: Number, *, from_: str, body: str, media_urls: list[str]) -> Message:
    """Answers at once; the webhook goes out on another thread. Twilio offers an incoming text only once."""
    message = new_message(
        world, to=number.phone_number, from_=from_, body=body, direction="inbound", media_urls=media_urls,
        status="received",
    )  # fmt: skip
    message.move("received")
    if service := world.service_with(number.phone_number):
        message.messaging_service_sid = service.sid
    noted = note_keyword(world, from_, number.phone_number, body)
    if noted.reply:
        reply(world, number.phone_number, from_, noted.reply, [], by_twilio=True)
    if number.sms_url:
        world.agenda.after(0, lambda: _Delivery(world, number, message, noted.opt_out_type).run())
    return message


class _Delivery:
    """`replies` counts over all documents that one text leads to."""

    def __init__(self, world: World, number: Number, message: Message, opt_out_type: str) -> None:
        self.world, self.number, self.message = world, number, message
        self.more = {"OptOutType": opt_out_type} if opt_out_type else {}
        self.replies = 0

    def run(self) -> None:
        number = self.number
        try:
            self._document(number.sms_url, number.sms_method, "sms", {}, 0)
        except BadTwiml as error:
            if not number.sms_fallback_url:
                return  # Twilio logs it and never offers the text again
            why = {"ErrorCode": str(error.code), "ErrorUrl": number.sms_url}
            self._fallback(why)

    def _fallback(self, why: dict[str, str]) -> None:
        try:
            self._document(self.number.sms_fallback_url, self.number.sms_fallback_method, "sms-fallback", why, 0)
        except BadTwiml:
            return  # both addresses failed: that was all there is

    def _document(self, url: str, method: str, kind: str, more: dict[str, str], depth: int) -> None:
        answer = self._post(url, method, kind, more)
        for verb in verbs_of(answer, spoken="Message", empty_is_fine=True):
            if verb.tag in ("Message", "Sms"):
                self._reply(verb, answer)
            elif verb.tag == "Redirect" and depth < MOST_REDIRECTS:
                self._document(joined(answer.final_url, text_of(verb)), "POST", kind, more, depth + 1)
                return

    def _post(self, url: str, method: str, kind: str, more: dict[str, str]) -> Answer:
        params = in_twilio_order(sms_params(self.world, self.message) | self.more | more)
        return self.world.post(Letter(kind, self.message.sid, url, params, self.world.sids.token(), method))

    def _reply(self, verb: Element, answer: Answer) -> None:
        body, media = _content(verb)
        if self.replies >= MOST_REPLIES or not (body or media):
            return
        self.replies += 1
        callback = verb.get("statusCallback") or verb.get("action") or ""
        reply(
            self.world,
            verb.get("from") or self.number.phone_number,
            verb.get("to") or self.message.from_ or "",
            body[:1600],
            [joined(answer.final_url, url) for url in media],
            joined(answer.final_url, callback) if callback else "",
        )


def sms_params(world: World, message: Message) -> dict[str, str]:
    """Everything a webhook about an incoming text carries, blanks included."""
    from_, to = message.from_ or "", message.to
    params = {
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "SmsMessageSid": message.sid,
        "AccountSid": message.account_sid,
        "From": from_,
        "To": to,
        "Body": message.body,
        "NumMedia": str(len(message.media)),
        "NumSegments": message.num_segments,
        "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
    }
    if message.messaging_service_sid:
        params["MessagingServiceSid"] = message.messaging_service_sid
    for index, media in enumerate(message.media):
        params[f"MediaUrl{index}"] = world.api_url + media.path
        params[f"MediaContentType{index}"] = media.content_type
    return params | place_params("From", from_) | place_params("To", to)


def _content(verb: Element) -> tuple[str, list[str]]:
    bodies = [text_of(part) for part in verb if part.tag == "Body"]
    media = [text_of(part) for part in verb if part.tag == "Media" and text_of(part)]
    return "".join(bodies) or text_of(verb), media
