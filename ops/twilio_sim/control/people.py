"""/sim/calls and /sim/messages: what people outside do, and what came of it."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, TypeVar

from flask import Blueprint, request

from ops.twilio_sim.control.wishes import Wrong, only, seconds, text, texts, whole, wishes_of
from ops.twilio_sim.phones import keys_of
from ops.twilio_sim.resources.call import Call
from ops.twilio_sim.resources.number import Number
from ops.twilio_sim.resources.recording import Recording
from ops.twilio_sim.rest.media import whole as all_of
from ops.twilio_sim.sms.incoming import receive
from ops.twilio_sim.sound import Sound
from ops.twilio_sim.voice.inbound import Caller, place_call
from ops.twilio_sim.voice.line import SAYS
from ops.twilio_sim.webhooks.address import is_http_url
from ops.twilio_sim.world import World

R = TypeVar("R")
EVERYTHING = 10**9
CALL_KEYS = (
    "from", "to", "hangup_after_s", "speaks_s", "says", "finishes_with", "digits", "caller_name", "forwarded_from",
    "stir_verstat", "params",
)  # fmt: skip


def add_people(api: Blueprint, world: World) -> None:
    @api.post("/calls")
    def call() -> tuple[dict[str, Any], int]:
        wishes = wishes_of(request)
        only(wishes, *CALL_KEYS)
        number = _ours(world, text(wishes, "to"))
        return {"sid": place_call(world, _caller(wishes), number).sid}, 201

    @api.get("/calls")
    def calls() -> dict[str, Any]:
        callers = (c for c in world.calls.newest_first() if c.parent_call_sid is None)
        return {"data": _calls_json(world, _newest(callers))}

    @api.get("/calls/<sid>")
    def one_call(sid: str) -> dict[str, Any]:
        found = world.calls.get(sid)
        if found is None:
            raise Wrong("no such call", 404)
        return _calls_json(world, [found])[0]

    @api.get("/recordings/<sid>.wav")
    def sound(sid: str) -> Any:
        """What is served of it if nothing goes wrong, or was until it was deleted."""
        recording = world.recordings.get(sid)
        if recording is None or recording.ready_world_s is None:
            raise Wrong("no such recording, or no sound yet", 404)
        return all_of(Sound(sid, "wav", recording.duration_s, recording.channels))

    @api.post("/messages")
    def message() -> tuple[dict[str, Any], int]:
        wishes = wishes_of(request)
        only(wishes, "from", "to", "body", "media_urls")
        number = _ours(world, text(wishes, "to"))
        got = receive(world, number, from_=text(wishes, "from"), body=_body(wishes), media_urls=_media(wishes))
        return {"sid": got.sid}, 201

    @api.get("/messages")
    def messages() -> dict[str, Any]:
        to, from_ = request.args.get("to", ""), request.args.get("from", "")
        found = (m for m in world.messages.newest_first(heading=to) if from_ in ("", m.from_))
        return {"data": [m.as_json() for m in _newest(found)]}

    @api.get("/messages/<sid>")
    def one_message(sid: str) -> dict[str, Any]:
        found = world.messages.get(sid)
        if found is None:
            raise Wrong("no such message", 404)
        return found.as_json()


def _caller(wishes: dict[str, Any]) -> Caller:
    finishes_with = text(wishes, "finishes_with", "hangup")
    if finishes_with not in ("hangup", "silence") and (len(finishes_with) != 1 or finishes_with not in "0123456789*#"):
        raise Wrong("finishes_with must be hangup, silence or a key")
    speaks_s = seconds(wishes, "speaks_s", 5.0)
    return Caller(
        from_=text(wishes, "from"),
        hangup_after_s=seconds(wishes, "hangup_after_s", None),
        speaks_s=5.0 if speaks_s is None else speaks_s,
        says=text(wishes, "says", SAYS),
        finishes_with=finishes_with,
        digits=keys_of(wishes.get("digits", "")),
        caller_name=text(wishes, "caller_name", "") or None,
        forwarded_from=text(wishes, "forwarded_from", "") or None,
        stir_verstat=text(wishes, "stir_verstat", Caller.stir_verstat),
        params=texts(wishes, "params"),
    )


def _calls_json(world: World, calls: list[Call]) -> list[dict[str, Any]]:
    """Each call with its steps, the legs it dialled and its recordings."""
    return [
        _with_steps(call)
        | {
            "children": [_with_steps(child) for child in list(call.children)],
            "recordings": [r.as_json(world.api_url) for r in _recordings_of(world, call)],
        }
        for call in calls
    ]


def _recordings_of(world: World, call: Call) -> list[Recording]:
    return list(world.recordings.newest_first(heading=call.sid))[::-1]


def _with_steps(call: Call) -> dict[str, Any]:
    return call.as_json() | {"steps": [dict(step) for step in call.steps]}


def _ours(world: World, number: str) -> Number:
    found = world.number(number)
    if found is None:
        raise Wrong(f"{number} is no number of this account: PUT /sim/numbers/{number} first", 404)
    return found


def _body(wishes: dict[str, Any]) -> str:
    return text(wishes, "body", "").encode("utf-8", "replace").decode("utf-8")


def _media(wishes: dict[str, Any]) -> list[str]:
    media = wishes.get("media_urls") or []
    if not isinstance(media, list) or not all(isinstance(m, str) and is_http_url(m) for m in media) or len(media) > 10:
        raise Wrong("media_urls must be at most 10 http(s) URLs")
    return media


def _newest(rows: Iterator[R]) -> list[R]:
    """As many of them as `limit` says; all of them if it says nothing."""
    return list(islice(rows, whole(request, "limit", EVERYTHING)))
