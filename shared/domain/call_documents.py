"""The TwiML of calls that somebody controls: where a live call is sent, and what a call that we place says and rings."""

from dataclasses import dataclass
from typing import Final

from shared.domain import twiml
from shared.domain.dial import Dialling, recording_callback
from shared.domain.markup import Attributes, element, text
from shared.domain.routing import Number, Target
from shared.domain.urls import Urls

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


def forwarded(number: Number, to: str, urls: Urls, *, caller: str, call_sid: str, records: bool = False) -> str:
    """A live call rings at `to`, as the number's own calls ring. Step 0: nobody else is rung after it.

    `records`: the call may be recorded, and is to be. The recording of the phone that it is taken from has ended.
    """
    what = Dialling(number, caller, call_sid, (Target(to),), step=0, records=records, is_answered=True)
    return twiml.forward(what, urls)


def to_voicemail(number: Number, urls: Urls, *, call_sid: str, is_transcribed: bool = False) -> str:
    """A live call leaves a message, which Twilio writes down if wished and in English."""
    return twiml.voicemail(number, urls, call_sid=call_sid, is_transcribed=is_transcribed)


def told(number: Number, said: str) -> str:
    """A live call hears this and is hung up."""
    return f"{_HEAD}<Response>{_say(number, said)}<Hangup/></Response>"


def placed(number: Number, script: Script, urls: Urls) -> str:
    """What the callee of a call from `number` hears, and whom they are connected to. Nothing follows the connection."""
    said = "".join(_say(number, words) for words in (script.notice, script.say) if words)
    return f"{_HEAD}<Response>{said}{_dial(number, script, urls)}<Hangup/></Response>"


def _dial(number: Number, script: Script, urls: Urls) -> str:
    """The business number is shown: the phone that rings belongs to the business, and knows it."""
    if script.connect_to is None:
        return ""
    attributes: Attributes = {
        "callerId": number.phone_number,
        "timeout": str(script.ring_s),
        "answerOnBridge": "true",
    }
    if script.is_recorded:
        attributes |= {"record": "record-from-answer-dual"} | recording_callback(urls, "")
    return element("Dial", attributes, _target(script.connect_to, urls))


def _target(to: str, urls: Urls) -> str:
    scheme = to.partition(":")[0]
    name, address = {"sip": ("Sip", to), "sips": ("Sip", to), "client": ("Client", to.partition(":")[2])}.get(
        scheme, ("Number", to)
    )
    told_at: Attributes = {
        "statusCallback": urls.to("/api/webhooks/call"),
        "statusCallbackEvent": "initiated ringing answered completed",
    }
    return element(name, told_at, text(address))


def _say(number: Number, said: str) -> str:
    return element("Say", {"language": number.routing.language, "voice": number.routing.voice or ""}, text(said))
