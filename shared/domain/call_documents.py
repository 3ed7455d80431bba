"""The TwiML of calls that somebody controls: where a live call is sent, and what a call that we place says and rings."""

from dataclasses import dataclass, replace
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from shared.domain import twiml
from shared.domain.routing import Number, Target
from shared.domain.twiml import Urls

LONGEST: Final = 4000  # characters that Twilio takes of a document in a request (Calls resource, `Twiml`)
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>'


@dataclass(frozen=True, slots=True)
class Script:
    """What somebody hears who picks up, and whom they are then connected to. `notice`: said first, of the recording."""

    say: str | None = None
    connect_to: str | None = None
    ring_s: int = 30
    notice: str | None = None
    is_recorded: bool = False


def forwarded(number: Number, to: str, urls: Urls) -> str:
    """A live call rings at `to`, as the number's own calls ring: caller id, language, recording."""
    rules = replace(number.routing, targets=(Target(to),), fallback_to=None, strategy="sequence")
    return twiml.forward(replace(number, routing=rules), urls)


def to_voicemail(number: Number, urls: Urls) -> str:
    """A live call leaves a message."""
    return twiml.voicemail(number, urls)


def told(number: Number, text: str) -> str:
    """A live call hears this and is hung up."""
    return f"{_HEAD}<Response>{_say(number, text)}<Hangup/></Response>"


def placed(number: Number, script: Script, urls: Urls) -> str:
    """What the callee of a call from `number` hears, and whom they are connected to. Nothing follows the connection."""
    said = "".join(_say(number, text) for text in (script.notice, script.say) if text)
    return f"{_HEAD}<Response>{said}{_dial(number, script, urls)}<Hangup/></Response>"


def _dial(number: Number, script: Script, urls: Urls) -> str:
    """The business number is shown: the phone that rings belongs to the business, and knows it."""
    if script.connect_to is None:
        return ""
    attributes = [("callerId", number.phone_number), ("timeout", str(script.ring_s)), ("answerOnBridge", "true")]
    if script.is_recorded:
        attributes += [
            ("record", "record-from-answer-dual"),
            ("recordingStatusCallback", urls.to("/api/webhooks/recording")),
            ("recordingStatusCallbackEvent", "in-progress completed absent"),
        ]
    return f"<Dial{_attributes(attributes)}>{_target(script.connect_to, urls)}</Dial>"


def _target(to: str, urls: Urls) -> str:
    scheme = to.partition(":")[0]
    name, text = {"sip": ("Sip", to), "client": ("Client", to.partition(":")[2])}.get(scheme, ("Number", to))
    told_at = [
        ("statusCallback", urls.to("/api/webhooks/call")),
        ("statusCallbackEvent", "initiated ringing answered completed"),
    ]
    return f"<{name}{_attributes(told_at)}>{escape(text)}</{name}>"


def _say(number: Number, text: str) -> str:
    rules = number.routing
    attributes = [("language", rules.language), *([("voice", rules.voice)] if rules.voice else [])]
    return f"<Say{_attributes(attributes)}>{escape(text)}</Say>"


def _attributes(pairs: list[tuple[str, str]]) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in pairs)
