"""Recordings.json, the recordings of one call, and the sound itself."""

from typing import Any

from flask import Blueprint, Response, jsonify, request
from werkzeug import Response as AnyResponse

from ops.twilio_sim.resources.recording import Recording
from ops.twilio_sim.rest.dates import date_filter
from ops.twilio_sim.rest.errors import Refused
from ops.twilio_sim.rest.form import form_of, method_field, url_field
from ops.twilio_sim.rest.media import served
from ops.twilio_sim.rest.paging import page_of
from ops.twilio_sim.voice.line import Line
from ops.twilio_sim.voice.recorder import Tape, finish_recording, start_recording
from ops.twilio_sim.world import World


def add_recordings(api: Blueprint, world: World) -> None:
    @api.get("/Recordings.json")
    def index(account_sid: str) -> dict[str, Any]:
        call_sid, created = request.args.get("CallSid", ""), date_filter(request.args, "DateCreated")
        also_deleted = request.args.get("IncludeSoftDeleted", "false").lower() == "true"

        def wanted(r: Recording) -> bool:
            return call_sid in ("", r.call_sid) and created(r.created_at) and (also_deleted or not r.deleted)

        return page_of(
            world.recordings, "recordings", request.path, request.args, wanted, lambda r: r.as_json(world.api_url),
            call_sid,
        )  # fmt: skip

    @api.get("/Recordings/<sid>.json")
    def fetch(account_sid: str, sid: str) -> dict[str, Any]:
        also_deleted = request.args.get("IncludeSoftDeleted", "false").lower() == "true"
        return _found(world, sid, also_deleted=also_deleted).as_json(world.api_url)

    @api.delete("/Recordings/<sid>.json")
    def delete(account_sid: str, sid: str) -> tuple[str, int]:
        _delete(world, _found(world, sid))
        return "", 204

    @api.get("/Recordings/<sid>.wav")
    @api.get("/Recordings/<sid>")
    def sound(account_sid: str, sid: str) -> AnyResponse:
        return served(world, _found(world, sid), "wav", request.args.get("RequestedChannels", ""))

    @api.get("/Recordings/<sid>.mp3")
    def mp3(account_sid: str, sid: str) -> AnyResponse:
        return served(world, _found(world, sid), "mp3", request.args.get("RequestedChannels", ""))

    _add_to_calls(api, world)


def _add_to_calls(api: Blueprint, world: World) -> None:
    @api.get("/Calls/<call_sid>/Recordings.json")
    def of_call(account_sid: str, call_sid: str) -> dict[str, Any]:
        _call_exists(world, call_sid)
        created = date_filter(request.args, "DateCreated")

        def wanted(r: Recording) -> bool:
            return r.call_sid == call_sid and created(r.created_at) and not r.deleted

        return page_of(
            world.recordings, "recordings", request.path, request.args, wanted, Recording.as_call_json, call_sid
        )

    @api.post("/Calls/<call_sid>/Recordings.json")
    def start(account_sid: str, call_sid: str) -> tuple[Response, int]:
        tape = _start(_live_line(world, call_sid), form_of(request))
        return jsonify(tape.recording.as_call_json()), 201

    @api.get("/Calls/<call_sid>/Recordings/<sid>.json")
    def fetch_of_call(account_sid: str, call_sid: str, sid: str) -> dict[str, Any]:
        return _of_call(world, call_sid, sid).as_call_json()

    @api.delete("/Calls/<call_sid>/Recordings/<sid>.json")
    def delete_of_call(account_sid: str, call_sid: str, sid: str) -> tuple[str, int]:
        _delete(world, _of_call(world, call_sid, sid))
        return "", 204

    @api.post("/Calls/<call_sid>/Recordings/<sid>.json")
    def update_of_call(account_sid: str, call_sid: str, sid: str) -> dict[str, Any]:
        line = _live_line(world, call_sid)
        return _change(line, _tape(line, sid), form_of(request)).as_call_json()


def _start(line: Line, form: dict[str, str]) -> Tape:
    return start_recording(
        line,
        source="StartCallRecordingAPI",
        channels=2 if form.get("RecordingChannels") == "dual" else 1,
        track=form.get("RecordingTrack", "both"),
        callback=url_field(form, "RecordingStatusCallback", 21609),
        method=method_field(form, "RecordingStatusCallbackMethod"),
        events=form.get("RecordingStatusCallbackEvent", "completed"),
    )


def _change(line: Line, tape: Tape, form: dict[str, str]) -> Recording:
    status, behavior = form.get("Status", ""), form.get("PauseBehavior") or "silence"
    if behavior not in ("skip", "silence"):
        raise Refused(20001, "PauseBehavior")
    if status == "stopped":
        finish_recording(line, tape, by_request=True)
    elif status == "paused":
        tape.pause(line.now_s, skips=behavior == "skip")
    elif status == "in-progress":
        tape.resume(line.now_s)
    else:
        raise Refused(20001, "Status")
    return tape.recording


def _tape(line: Line, sid: str) -> Tape:
    """`Twilio.CURRENT` names the running recording when there is just one."""
    tapes = [t for t in line.tapes if sid in (t.recording.sid, "Twilio.CURRENT")]
    if len(tapes) != 1:
        raise Refused(20404, request.path, 404)
    return tapes[0]


def _live_line(world: World, call_sid: str) -> Line:
    call, line = _call_exists(world, call_sid), world.lines.get(call_sid)
    if call.status != "in-progress" or line is None:
        raise Refused(21220, "record")
    return line


def _call_exists(world: World, call_sid: str):
    call = world.calls.get(call_sid)
    if call is None:
        raise Refused(20404, request.path, 404)
    return call


def _delete(world: World, recording: Recording) -> None:
    """The sound is gone; what is known about it stays readable for those who ask for deleted ones."""
    recording.deleted = True
    world.media.deleted(recording.sid)
    recording.move("deleted")


def _of_call(world: World, call_sid: str, sid: str) -> Recording:
    recording = _found(world, sid)
    if recording.call_sid != call_sid:
        raise Refused(20404, request.path, 404)
    return recording


def _found(world: World, sid: str, *, also_deleted: bool = False) -> Recording:
    recording = world.recordings.get(sid)
    if recording is None or (recording.deleted and not also_deleted):
        raise Refused(20404, request.path, 404)
    return recording
