"""<Record>: the caller speaks after the beep, and how that ends decides what the call does next."""

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ops.twilio_sim.twiml import number_in
from ops.twilio_sim.voice.line import HungUp, Line
from ops.twilio_sim.voice.recorder import Tape, finish_recording, recording_params, start_recording
from ops.twilio_sim.voice.run import Go, Run
from ops.twilio_sim.voice.transcript import transcribe


@dataclass(frozen=True)
class Spoken:
    """`digits` is the ending key, `hangup`, or empty for silence and for the longest length."""

    seconds: float
    digits: str = ""


def record(run: Run, verb: Element) -> Go | None:
    """After a hang-up the action is still requested; its TwiML has nobody left to hear it."""
    line = run.line
    line.answer()
    tape = _start(run, verb)
    step = run.call.note("Record", recording=tape.recording.sid)
    began_s = line.at_s
    try:
        spoken = _listen(line, verb)
    except HungUp:
        _finish(run, verb, tape, Spoken(line.at_s - began_s, "hangup"), step)
        raise
    return _finish(run, verb, tape, spoken, step)


def _listen(line: Line, verb: Element) -> Spoken:
    longest = number_in(verb, "maxLength", 3600, 1, 14400)
    silence = number_in(verb, "timeout", 5, 1, 3600)
    if line.speaks_s <= 0:
        line.wait(silence)
        return Spoken(0.0)
    line.wait(min(line.speaks_s, longest))
    if line.speaks_s >= longest:
        return Spoken(longest)
    return _end_of_speech(line, verb, silence)


def _end_of_speech(line: Line, verb: Element, silence: float) -> Spoken:
    if line.finishes_with == "hangup":
        line.leave()
    if line.finishes_with in verb.get("finishOnKey", "1234567890*#"):
        return Spoken(line.speaks_s, line.finishes_with)
    line.wait(silence)
    trimmed = verb.get("trim", "trim-silence") == "trim-silence"
    return Spoken(line.speaks_s if trimmed else line.speaks_s + silence)


def _finish(run: Run, verb: Element, tape: Tape, spoken: Spoken, step: dict) -> Go | None:
    seconds = finish_recording(run.line, tape, seconds=spoken.seconds)
    step.update(duration_s=seconds, digits=spoken.digits)
    if seconds == 0:
        return None  # an empty recording makes no request: the next verb follows
    transcribe(run, verb, tape.recording)
    action = verb.get("action", "").strip()
    go = Go(
        run.at(action) if action else run.url,
        "GET" if verb.get("method", "POST").upper() == "GET" else "POST",
        "record-action",
        recording_params(run.world, tape.recording) | {"Digits": spoken.digits},
    )
    if spoken.digits == "hangup":
        run.line.close_call("completed")
        run.ask(go)
    return go


def _start(run: Run, verb: Element) -> Tape:
    callback = verb.get("recordingStatusCallback", "").strip()
    return start_recording(
        run.line,
        source="RecordVerb",
        channels=1,
        track="inbound",
        callback=run.at(callback) if callback else "",
        method="GET" if verb.get("recordingStatusCallbackMethod", "POST").upper() == "GET" else "POST",
        events=verb.get("recordingStatusCallbackEvent", "completed"),
    )
