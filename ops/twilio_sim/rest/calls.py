"""Calls.json: create, read, list, end or turn a live call, delete a finished one."""

import time
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from ops.twilio_sim.resources.call import Call
from ops.twilio_sim.rest.dates import date_filter
from ops.twilio_sim.rest.errors import Refused
from ops.twilio_sim.rest.form import form_of, is_number, method_field, number_field, url_field
from ops.twilio_sim.rest.magic import CALL_FROM, CALL_TO, GOOD, refuse_magic
from ops.twilio_sim.rest.paging import page_of
from ops.twilio_sim.voice.amd import Detector, mode_of
from ops.twilio_sim.voice.outbound import Order, prepare_call
from ops.twilio_sim.voice.run import Go
from ops.twilio_sim.voice.status import watcher
from ops.twilio_sim.world import World

LONGEST_TWIML = 4000
# How long an answer to "end this call" waits for the call's own thread to have its durations ready;
# a thread that hangs in a receiver's slow answer must not hold the client up.
ENDING_WITHIN_S = 1.0


def add_calls(api: Blueprint, world: World) -> None:
    @api.post("/Calls.json")
    def create(account_sid: str) -> tuple[Response, int]:
        order = _order(world, form_of(request))
        call, begin = prepare_call(world, order)
        g.line.sid, g.line.made_s = call.sid, time.time()
        answer = call.as_json()
        begin()
        return jsonify(answer), 201

    @api.get("/Calls.json")
    def index(account_sid: str) -> dict[str, Any]:
        equal = {n: request.args.get(f, "") for n, f in _FILTERS.items()}
        started, ended = date_filter(request.args, "StartTime"), date_filter(request.args, "EndTime")

        shown_s = world.clock.world_s() - world.settings.list_lag_s

        def wanted(call: Call) -> bool:
            same = all(want in ("", getattr(call, name)) for name, want in equal.items())
            return same and call.born_s <= shown_s and started(call.start_at) and ended(call.end_at)

        return page_of(world.calls, "calls", request.path, request.args, wanted, Call.as_json, equal["to"])

    @api.get("/Calls/<sid>.json")
    def fetch(account_sid: str, sid: str) -> dict[str, Any]:
        return _found(world, sid).as_json()

    @api.post("/Calls/<sid>.json")
    def update(account_sid: str, sid: str) -> dict[str, Any]:
        call, form = _found(world, sid), form_of(request)
        if form.get("Status"):
            _end(world, call, form["Status"])
        elif form.get("Url") or form.get("Twiml"):
            _turn(world, call, form)
        else:
            raise Refused(20001, "Status, Url or Twiml")
        return call.as_json()

    @api.delete("/Calls/<sid>.json")
    def delete(account_sid: str, sid: str) -> tuple[str, int]:
        if not _found(world, sid).is_over:
            raise Refused(20009, status=409)
        world.calls.remove(sid)
        return "", 204


_FILTERS = {"to": "To", "from_": "From", "status": "Status", "parent_call_sid": "ParentCallSid"}


def _order(world: World, form: dict[str, str]) -> Order:
    to, from_ = form.get("To", "").strip(), form.get("From", "").strip()
    _check_parties(world, to, from_)
    return Order(
        to=to,
        from_=from_,
        go=_go(form),
        fallback=(url_field(form, "FallbackUrl", 21205), method_field(form, "FallbackMethod")),
        watcher=watcher(
            url_field(form, "StatusCallback", 21609),
            method_field(form, "StatusCallbackMethod"),
            form.get("StatusCallbackEvent", ""),
        ),
        timeout_s=number_field(form, "Timeout", 60, 1, 600),
        time_limit_s=number_field(form, "TimeLimit", 14400, 1, 14400),
        detector=Detector(
            mode_of(form.get("MachineDetection", "")),
            url_field(form, "AsyncAmdStatusCallback", 21609),
            method_field(form, "AsyncAmdStatusCallbackMethod"),
            number_field(form, "MachineDetectionTimeout", 30, 3, 60),
        ),
        amd_beside=form.get("AsyncAmd", "false").lower() == "true",
        record=form.get("Record", "false").lower() == "true",
        recording_channels=2 if form.get("RecordingChannels") == "dual" else 1,
        recording_track=form.get("RecordingTrack", "both"),
        recording_callback=(
            url_field(form, "RecordingStatusCallback", 21609),
            method_field(form, "RecordingStatusCallbackMethod"),
            form.get("RecordingStatusCallbackEvent", "completed"),
        ),
    )


def _check_parties(world: World, to: str, from_: str) -> None:
    if not to:
        raise Refused(21201)
    if not from_:
        raise Refused(21213)
    refuse_magic(to, CALL_TO)
    refuse_magic(from_, CALL_FROM)
    elsewhere = to.startswith(("client:", "sip:", "sips:"))
    if not elsewhere and not is_number(to):
        raise Refused(21217, to)
    # Any name may call an address that is no telephone.
    if from_ != GOOD and world.number(from_) is None and not (elsewhere and not is_number(from_)):
        raise Refused(21210, from_)


def _go(form: dict[str, str]) -> Go:
    """Of both, Url wins. Raises Refused 21205 when there is neither."""
    url, twiml = url_field(form, "Url", 21205), form.get("Twiml", "")
    if not (url or twiml) or len(twiml) > LONGEST_TWIML:
        raise Refused(21205, url)
    return Go(url, method_field(form, "Method"), twiml="" if url else twiml)


def _end(world: World, call: Call, status: str) -> None:
    """`canceled` only before the call was answered; `completed` at any time. An ended call is 21220."""
    if status not in ("completed", "canceled"):
        raise Refused(20001, "Status")
    waiting = call.status in ("queued", "ringing")
    line = world.lines.get(call.sid)
    if call.is_over or line is None or (status == "canceled" and not waiting):
        raise Refused(21220, "cancel" if status == "canceled" else "end")
    line.ask_to_end("canceled" if waiting else "completed")
    line.over.wait(ENDING_WITHIN_S)


def _turn(world: World, call: Call, form: dict[str, str]) -> None:
    """Also a dialled leg: it then lives on without its caller, whose <Dial> is over."""
    if form.get("Url") and form.get("Twiml"):
        raise Refused(21205, "Url and Twiml exclude each other")
    go, line = _go(form), world.lines.get(call.sid)
    if call.status != "in-progress" or line is None:
        raise Refused(21220, "redirect")
    line.ask_to_turn(go.url, go.method, go.twiml)


def _found(world: World, sid: str) -> Call:
    call = world.calls.get(sid)
    if call is None:
        raise Refused(20404, request.path, 404)
    return call
