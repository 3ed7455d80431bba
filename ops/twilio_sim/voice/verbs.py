"""The small verbs: what each does on a line and where it sends the call."""

from xml.etree.ElementTree import Element

from ops.twilio_sim.twiml import number_in, text_of
from ops.twilio_sim.voice.dial import dial
from ops.twilio_sim.voice.line import LONGEST_CALL_S
from ops.twilio_sim.voice.record import record
from ops.twilio_sim.voice.recorder import start_recording
from ops.twilio_sim.voice.run import Go, Run, Verb, unknown

CHARACTERS_A_SECOND = 15  # an unhurried reading voice
PLAYED_S = 3.0  # nobody fetches the file to learn its length


def say(run: Run, verb: Element) -> None:
    words = "".join(verb.itertext()).strip()
    run.call.note("Say", text=words)
    run.line.answer()
    run.line.wait(_times(verb, max(1.0, len(words) / CHARACTERS_A_SECOND)))


def play(run: Run, verb: Element) -> None:
    digits = verb.get("digits", "")
    run.call.note("Play", url=run.at(text_of(verb)) if text_of(verb) else "", digits=digits)
    run.line.answer()
    run.line.wait(_times(verb, len(digits) * 0.5 if digits else PLAYED_S))


def pause(run: Run, verb: Element) -> None:
    """As the first verb it lets the phone ring on: it does not answer the call."""
    seconds = number_in(verb, "length", 1, 0, LONGEST_CALL_S)
    run.call.note("Pause", length_s=seconds)
    run.line.wait(seconds)


def redirect(run: Run, verb: Element) -> Go:
    url = run.at(text_of(verb)) or run.url
    run.call.note("Redirect", url=url)
    return Go(url, method_of(verb))


def hangup(run: Run, verb: Element) -> None:
    run.call.note("Hangup")
    run.line.answer()
    run.line.leave()


def reject(run: Run, verb: Element) -> None:
    """The call is over before it was answered: busy, or no-answer for the default reason."""
    reason = verb.get("reason", "rejected")
    if run.line.answered_at_s is not None:
        run.warn("Reject", "the call is answered already")
        run.line.leave()
    run.call.note("Reject", reason=reason)
    run.call.move("busy" if reason == "busy" else "no-answer")
    run.line.leave()


def gather(run: Run, verb: Element) -> Go | None:
    """Prompts, then keys; without input the next verb follows, unless actionOnEmptyResult asks otherwise."""
    finish_on = verb.get("finishOnKey", "#")
    step = run.call.note("Gather", digits="")
    run.line.answer()
    _prompt(run, verb)
    most = int(number_in(verb, "numDigits", 999, 1, 999))
    digits, key = run.line.press(most, finish_on)
    if not key and len(digits) < most:
        run.line.wait(number_in(verb, "timeout", 5, 1, 600))  # there might be more
    if not digits and not key and verb.get("actionOnEmptyResult", "false") != "true":
        return None
    step["digits"] = digits
    run.line.wait(0)
    return Go(action_of(run, verb), method_of(verb), "gather-action", _gathered(digits, key))


def start(run: Run, verb: Element) -> None:
    """<Start> runs beside the call; of its nouns only <Recording> leaves something behind here."""
    for noun in verb:
        if noun.tag != "Recording":
            unknown(run, noun)
            continue
        run.line.answer()
        callback = noun.get("recordingStatusCallback", "").strip()
        start_recording(
            run.line,
            source="StartCallRecordingAPI",
            channels=1 if noun.get("channels", "dual") == "mono" else 2,
            track=noun.get("track", "both"),
            callback=run.at(callback) if callback else "",
            method=method_of(noun, "recordingStatusCallbackMethod"),
            events=noun.get("recordingStatusCallbackEvent", "completed"),
        )
        run.call.note("Start Recording")


def method_of(verb: Element, name: str = "method") -> str:
    return "GET" if verb.get(name, "POST").upper() == "GET" else "POST"


def action_of(run: Run, verb: Element) -> str:
    """Without `action` the document's own address is asked again."""
    action = verb.get("action", "")
    return run.at(action) if action.strip() else run.url


def _gathered(digits: str, key: str) -> dict[str, str]:
    return {"Digits": digits, "FinishedOnKey": key, "msg": "Gather End"}


def _prompt(run: Run, verb: Element) -> None:
    for part in verb:
        if part.tag in ("Say", "Play", "Pause"):
            VERBS[part.tag](run, part)
        else:
            unknown(run, part)


def _times(verb: Element, seconds: float) -> float:
    """`loop` 0 means until somebody hangs up."""
    loops = number_in(verb, "loop", 1, 0, 1000)
    return LONGEST_CALL_S if loops == 0 else seconds * loops


VERBS: dict[str, Verb] = {
    "Say": say,
    "Play": play,
    "Pause": pause,
    "Redirect": redirect,
    "Hangup": hangup,
    "Reject": reject,
    "Gather": gather,
    "Dial": dial,
    "Record": record,
    "Start": start,
}
