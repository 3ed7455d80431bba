"""The TwiML documents we answer with, each from a number's routing and what is known of the call.

Everything that comes from a caller or an operator is escaped. The Twilio SDK's builder is the oracle in the
tests; it is not used here because rendering must cost microseconds in the ingress.
"""

from typing import Final

from shared.domain import spoken
from shared.domain.dial import Dialling, dial, recording_callback
from shared.domain.markup import Attributes, element, text
from shared.domain.routing import Number, Reason, Routing
from shared.domain.urls import Urls

VOICEMAIL_LONGEST_S: Final = 120  # two minutes: what people leave, and what transcription takes
VOICEMAIL_SILENCE_S: Final = 5  # Twilio's default: five silent seconds end the message
CHOICE_S: Final = 5  # from the last word on: enough to find a key, short enough for those who wait to speak
WHISPERS: Final = 2  # who lifts the phone to the ear misses the first words
AGREES: Final = "1"
TAKES: Final = "1"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>'
EMPTY: Final = f"{_HEAD}<Response/>"
HANG_UP: Final = f"{_HEAD}<Response><Hangup/></Response>"
_HANGUP: Final = "<Hangup/>"


def reject() -> str:
    """The call is refused unanswered, and costs nothing. The caller hears that the number is not in service."""
    return _response(element("Reject", {"reason": "rejected"}))


def engaged() -> str:
    """As `reject`, for a caller who is welcome: nobody is here and no message is taken, so the line is busy."""
    return _response(element("Reject", {"reason": "busy"}))


def voicemail(
    number: Number, urls: Urls, *, call_sid: str = "", reason: Reason = "", is_transcribed: bool = False
) -> str:
    """A greeting, a beep, a recording. `action` is set because `<Record>` without one asks for this document again.

    `is_transcribed`: Twilio writes the message down, if the number speaks English (it knows no other language).
    """
    record = element("Record", {
        "action": urls.to("/api/calls/voicemail"),
        "maxLength": str(VOICEMAIL_LONGEST_S),
        "timeout": str(VOICEMAIL_SILENCE_S),
        "playBeep": "true",
        **recording_callback(urls, call_sid),
        **(_transcription(urls) if is_transcribed and _is_english(number) else {}),
    })  # fmt: skip
    rules = number.routing
    greeting = rules.closed_greeting if reason == "closed" and rules.closed_greeting else rules.greeting
    return _response(_say(rules, greeting), record, _HANGUP)


def _transcription(urls: Urls) -> Attributes:
    return {"transcribe": "true", "transcribeCallback": urls.to("/api/webhooks/transcription")}


def _is_english(number: Number) -> bool:
    return number.routing.language.split("-")[0].lower() == "en"


def goodbye(number: Number, *, reason: Reason = "") -> str:
    """The end for a caller whom nobody took and who can leave no message."""
    rules = number.routing
    return _response(_say(rules, rules.closed_greeting or "") if reason == "closed" else "", _HANGUP)


def emergency_menu(number: Number, urls: Urls) -> str:
    """The business is closed: one key rings somebody all the same; any other, or none, leads on to voicemail."""
    rules = number.routing
    assert rules.emergency is not None  # or nobody would have been offered it
    return _response(_choice(urls, "emergency", _say(rules, rules.emergency.prompt)))


def consent_menu(number: Number, urls: Urls) -> str:
    """May the call be recorded? Whoever does not press the key is put through all the same, unrecorded."""
    rules = number.routing
    words = spoken.words(rules.language)
    return _response(_choice(urls, "consent", _say(rules, rules.recording.notice) + _say(rules, words.agree, words)))


def forward(what: Dialling, urls: Urls, *, notice: str = "") -> str:
    """Rings the phones of one step, after the notice that the call is recorded where the caller must have heard it."""
    return _response(_say(what.number.routing, notice), dial(what, urls))


def whisper(number: Number, urls: Urls, *, call_sid: str = "") -> str:
    """What the dialled phone hears before it is connected. A carrier's voicemail presses no key, so the leg ends."""
    rules = number.routing
    words = spoken.words(rules.language)
    said = _say(rules, words.whisper, words, loop=WHISPERS)
    # finishOnKey is emptied everywhere: by default `#` is no key but the end of what was typed.
    gather = element(
        "Gather",
        {
            "action": urls.to("/api/calls/accept", call=call_sid),
            "numDigits": "1",
            "timeout": str(CHOICE_S),
            "finishOnKey": "",
        },
        said,
        blank=("finishOnKey",),
    )
    return _response(gather, _HANGUP)


def _choice(urls: Urls, stage: str, prompt: str) -> str:
    """The caller who presses nothing is told of as well (actionOnEmptyResult): silence is an answer."""
    attributes = {
        "action": urls.to("/api/calls/choice", stage=stage),
        "numDigits": "1",
        "timeout": str(CHOICE_S),
        "finishOnKey": "",
        "actionOnEmptyResult": "true",
    }
    return element("Gather", attributes, prompt, blank=("finishOnKey",))


def _say(rules: Routing, words: str, own: spoken.Words | None = None, *, loop: int = 1) -> str:
    """`own` says that these are words of ours. The number's voice speaks its own language only (Twilio error 13512)."""
    if not words:
        return ""
    language = own.language if own else rules.language
    voice = (rules.voice or "") if language == rules.language else ""
    attributes = {"language": language, "voice": voice, "loop": str(loop) if loop > 1 else ""}
    return element("Say", attributes, text(words))


def _response(*verbs: str) -> str:
    return f"{_HEAD}<Response>{''.join(verbs)}</Response>"
