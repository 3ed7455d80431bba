"""<Record transcribe>: Twilio's own words for a short message in English, told some seconds after its recording."""

from xml.etree.ElementTree import Element

from ops.twilio_sim.resources.recording import Recording
from ops.twilio_sim.voice.line import Line
from ops.twilio_sim.voice.params import in_twilio_order
from ops.twilio_sim.voice.recorder import recording_params
from ops.twilio_sim.voice.run import Run
from ops.twilio_sim.webhooks import mishaps
from ops.twilio_sim.webhooks.letter import Letter

# Of shorter and of longer ones Twilio writes nothing (its page on `<Record>`).
SHORTEST_S, LONGEST_S = 2, 120
TAKES_S = 3.0  # behind the recording's own callback; Twilio promises nothing


def transcribe(run: Run, verb: Element, recording: Recording) -> None:
    """Written down once the recording is complete, if the verb asks for it and says whom to tell."""
    callback = verb.get("transcribeCallback", "").strip()
    if verb.get("transcribe", "false").lower() != "true" or not callback:
        return
    line, world, url = run.line, run.world, run.at(callback)
    after_s = world.settings.recording_ready_s + TAKES_S
    world.agenda.after(after_s, lambda: _tell(line, recording, url))


def _tell(line: Line, recording: Recording, url: str) -> None:
    world = line.world
    is_there = world.recordings.get(recording.sid) is recording and recording.status == "completed"
    if is_there and not mishaps.is_silent(world, recording.sid):
        mishaps.post(world, _letter(line, recording, url), more_to_come=False)


def _letter(line: Line, recording: Recording, url: str) -> Letter:
    world, call = line.world, line.call
    sid = world.sids.of("TR", recording.sid)
    is_heard = bool(line.says) and SHORTEST_S <= recording.duration_s <= LONGEST_S
    params = recording_params(world, recording) | {
        "AccountSid": recording.account_sid, "CallSid": call.sid, "CallStatus": call.status, "From": call.from_,
        "To": call.to, "Caller": call.from_, "Called": call.to, "Direction": call.direction, "ApiVersion": "2010-04-01",
        "TranscriptionSid": sid, "TranscriptionType": "fast", "TranscriptionText": line.says if is_heard else "",
        "TranscriptionStatus": "completed" if is_heard else "failed",
        "TranscriptionUrl": f"{world.api_url}{recording.path}/Transcriptions/{sid}",
        "url": f"{world.api_url}/2010-04-01/Accounts/{recording.account_sid}/Transcriptions/{sid}",
    }  # fmt: skip
    del params["RecordingDuration"]
    return Letter(
        kind="transcription", sid=sid, url=url, params=in_twilio_order(params), token=world.sids.token(), voice=True
    )
