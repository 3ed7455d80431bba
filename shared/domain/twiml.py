"""The TwiML documents we answer with, built from a route and nothing else.

Everything that comes from a caller or an operator is escaped. The Twilio SDK's builder is the oracle in the
tests; it is not used here because rendering must cost microseconds in the ingress.
"""

from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from shared.domain.routing import Number, Route

# Twilio retries neither a 5xx nor a read timeout unless the URL asks for it (Twilio docs, "Webhooks: connection
# overrides"): up to 3 more tries on everything, 2 s to connect and 4 s to answer. Its 15 s for all of them hold four quick
# refusals, or the two slowest tries, or three that connect and are not answered.
OVERRIDES: Final = "#rc=3&rp=all&ct=2000&rt=4000"
VOICEMAIL_LONGEST_S: Final = 120  # two minutes: what people leave, and what transcription takes
VOICEMAIL_SILENCE_S: Final = 5  # Twilio's default: five silent seconds end the message
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
EMPTY: Final = f"{_HEAD}<Response/>"
HANG_UP: Final = f"{_HEAD}<Response><Hangup/></Response>"


@dataclass(frozen=True, slots=True)
class Urls:
    """Our callback addresses as Twilio sees them. `base` is the public URL without a slash at its end."""

    base: str

    def to(self, path: str) -> str:
        """An address Twilio may call, with the delivery we ask for."""
        return f"{self.base}{path}{OVERRIDES}"


def for_route(route: Route, urls: Urls) -> str:
    """What an incoming call hears and where it goes."""
    return forward(route.number, urls) if route.kind == "forward" else voicemail(route.number, urls)


def forward(number: Number, urls: Urls) -> str:
    """Ring the owner's phone. The caller hears real ringing (answerOnBridge) unless a recording notice comes first."""
    rules = number.routing
    notice = f"<Say>{escape(rules.recording.notice)}</Say>" if rules.recording.is_on else ""
    attributes = [("action", urls.to("/api/calls/dial-result")), ("timeout", str(rules.ring_s))]
    if rules.recording.is_on:
        attributes += [("record", "record-from-answer-dual"), *_recording_callback(urls)]
    else:
        attributes.append(("answerOnBridge", "true"))
    dial = f"<Dial{_attributes(attributes)}><Number>{escape(rules.targets[0].to)}</Number></Dial>"
    return f"{_HEAD}<Response>{notice}{dial}</Response>"


def voicemail(number: Number, urls: Urls) -> str:
    """A greeting, a beep, a recording. `action` is set because `<Record>` without one asks for this document again."""
    record = _attributes([
        ("action", urls.to("/api/calls/voicemail")),
        ("maxLength", str(VOICEMAIL_LONGEST_S)),
        ("timeout", str(VOICEMAIL_SILENCE_S)),
        ("playBeep", "true"),
        *_recording_callback(urls),
    ])  # fmt: skip
    return f"{_HEAD}<Response><Say>{escape(number.routing.greeting)}</Say><Record{record}/><Hangup/></Response>"


def after_dial(number: Number, answered: bool, urls: Urls) -> str:
    """What follows the ringing: nothing after a conversation, voicemail after none."""
    return voicemail(number, urls) if number.routing.voicemail and not answered else HANG_UP


def _recording_callback(urls: Urls) -> list[tuple[str, str]]:
    return [
        ("recordingStatusCallback", urls.to("/api/webhooks/recording")),
        ("recordingStatusCallbackEvent", "completed absent"),
    ]


def _attributes(pairs: list[tuple[str, str]]) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in pairs)
