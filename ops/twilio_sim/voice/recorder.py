"""Keeps the sound of a call: begins and ends recordings, and tells their callbacks when the media is ready."""

from dataclasses import dataclass

from ops.twilio_sim.resources.dates import rfc2822
from ops.twilio_sim.resources.recording import Recording
from ops.twilio_sim.voice.line import Line
from ops.twilio_sim.voice.params import in_twilio_order
from ops.twilio_sim.webhooks import mishaps
from ops.twilio_sim.webhooks.letter import Letter
from ops.twilio_sim.world import World


@dataclass(frozen=True)
class Callback:
    """Who wants to hear about a recording; `events` of in-progress, completed, absent."""

    url: str
    method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})


@dataclass(eq=False)
class Tape:
    """A recording that is running on a line since `began_s` of the line's clock, less the `skipped_s` of pauses.

    `held` is a callback that lets the next one go first.
    """

    recording: Recording
    began_s: float
    callback: Callback
    skipped_s: float = 0.0
    skips_since: float | None = None
    held: Letter | None = None

    def pause(self, now_s: float, *, skips: bool) -> None:
        """Unless it skips the pause, the recording goes on with silence."""
        self.resume(now_s)
        self.recording.move("paused")
        self.skips_since = now_s if skips else None

    def resume(self, now_s: float) -> None:
        self.recording.move("in-progress")
        self.skipped_s += 0.0 if self.skips_since is None else now_s - self.skips_since
        self.skips_since = None

    def length_s(self, now_s: float) -> float:
        skipping_s = 0.0 if self.skips_since is None else now_s - self.skips_since
        return now_s - self.began_s - self.skipped_s - skipping_s


def start_recording(
    line: Line,
    *,
    source: str,
    channels: int,
    track: str = "both",
    callback: str = "",
    method: str = "POST",
    events: str = "completed",
) -> Tape:
    """It runs until `finish_recording`, at the latest until the line ends. Its CallSid is the parent leg's."""
    world, call = line.world, line.call
    sid = world.sids.of("RE", call.sid, source)
    recording = world.recordings.add(Recording(sid, call.account_sid, call.sid, source, channels, track))
    wanted = frozenset(events.replace(",", " ").split())
    tape = Tape(recording, line.now_s, Callback(callback, method, wanted or frozenset({"completed"})))
    line.tapes.append(tape)
    _tell(world, tape, "in-progress")
    return tape


def finish_recording(line: Line, tape: Tape, *, seconds: float | None = None, by_request: bool = False) -> int:
    """Answers its whole seconds: `seconds`, or what the line's clock says. Nothing recorded becomes `absent`.

    The end of the call and the REST API may both want it: the first to come ends it.
    """
    world, recording = line.world, tape.recording
    with world.lock:
        if tape not in line.tapes:
            return recording.duration_s
        line.tapes.remove(tape)
    length = tape.length_s(line.now_s) if seconds is None else seconds
    # Twilio reports whole seconds; a sound shorter than half a second is still a sound.
    recording.duration_s = max(1, round(length)) if length > 0 else 0
    recording.move("stopped" if by_request else "processing")
    world.agenda.after(world.settings.recording_ready_s, lambda: _complete(world, tape))
    return recording.duration_s


def finish_all(line: Line) -> None:
    for tape in list(line.tapes):
        finish_recording(line, tape)


def recording_params(world: World, recording: Recording) -> dict[str, str]:
    """What action requests say about a recording."""
    return {
        "RecordingUrl": world.api_url + recording.path,
        "RecordingSid": recording.sid,
        "RecordingDuration": str(max(recording.duration_s, 0)),
    }


def _complete(world: World, tape: Tape) -> None:
    recording = tape.recording
    if world.recordings.get(recording.sid) is not recording:
        return  # the world was emptied meanwhile
    if recording.duration_s == 0 or world.dice.chance(world.settings.absent_rate, "absent", recording.sid):
        recording.duration_s = 0
        recording.move("absent")
    else:
        recording.ready_world_s = world.clock.world_s() + world.settings.media_late_s
        recording.move("completed")
    _tell(world, tape, recording.status)


def _tell(world: World, tape: Tape, status: str) -> None:
    """Twilio does not wait for the answer; the agenda's threads do, so the call's own never stands still."""
    if not tape.callback.url or status not in tape.callback.events:
        return
    if mishaps.is_silent(world, tape.recording.sid):
        return
    letter = _letter(world, tape, status)
    if status == "in-progress":
        world.agenda.after(0, lambda: _post(world, tape, letter, more_to_come="completed" in tape.callback.events))
    else:
        _post(world, tape, letter, more_to_come=False)


def _post(world: World, tape: Tape, letter: Letter, *, more_to_come: bool) -> None:
    tape.held = mishaps.post(world, letter, more_to_come=more_to_come, held=tape.held)


def _letter(world: World, tape: Tape, status: str) -> Letter:
    recording = tape.recording
    params = recording_params(world, recording) | {
        "AccountSid": recording.account_sid,
        "CallSid": recording.call_sid,
        "RecordingStatus": status,
        "RecordingChannels": str(recording.channels),
        "RecordingStartTime": rfc2822(recording.created_at) or "",
        "RecordingSource": recording.source,
        "RecordingTrack": recording.track,
        "ErrorCode": "0",
    }
    return Letter(
        kind="recording-status",
        sid=recording.sid,
        url=tape.callback.url,
        params=in_twilio_order(params),
        token=world.sids.token(),
        method=tape.callback.method,
        voice=True,
    )


def bring_recording(world: World, *, duration_s: int, channels: int, callback: str) -> Recording:
    """A finished recording without a call behind it; its media and its callback come as those of any other."""
    sid, call_sid = world.sids.new("RE"), world.sids.new("CA")
    recording = world.recordings.add(Recording(sid, world.account.sid, call_sid, "DialVerb", channels))
    recording.duration_s = duration_s
    recording.move("processing")
    tape = Tape(recording, 0.0, Callback(callback))
    world.agenda.after(world.settings.recording_ready_s, lambda: _complete(world, tape))
    return recording
