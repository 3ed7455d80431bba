"""The sound of a recording as it leaves Twilio's media host, with whatever goes wrong there."""

import socket
import time
from urllib.parse import urlsplit

from flask import Blueprint, Response, redirect, request
from werkzeug import Response as AnyResponse

from ops.twilio_sim.resources.recording import Recording
from ops.twilio_sim.rest.errors import Refused, body_of
from ops.twilio_sim.sound import TYPES, Format, Sound
from ops.twilio_sim.world import World

# To a client two names are two hosts, whatever address they have.
_OTHER_HOST = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}
_LONGER_S = 7
_PAGE = "<html><head><title>Recording</title></head><body>This page is not a recording.</body></html>"


def served(world: World, recording: Recording, form: Format, requested_channels: str) -> AnyResponse:
    """404 until the media is ready; one channel of two can be asked for, two of one cannot (400)."""
    sound = sound_of(world, recording, form, requested_channels)
    trouble = world.media_trouble.draw(recording.sid)
    world.media.request(recording.sid, trouble)
    return _troubled(world, sound, trouble) if trouble else whole(sound)


def sound_of(world: World, recording: Recording, form: Format, requested_channels: str) -> Sound:
    """What is to be served, once it is ready. Raises Refused."""
    ready = recording.ready_world_s
    if recording.status != "completed" or ready is None or world.clock.world_s() < ready:
        raise Refused(20404, request.path, 404)
    if requested_channels and (requested_channels not in ("1", "2") or int(requested_channels) > recording.channels):
        raise Refused(20001, "RequestedChannels")
    return Sound(recording.sid, form, recording.duration_s, int(requested_channels or recording.channels))


def whole(sound: Sound) -> Response:
    """All of it."""
    headers = {"Content-Length": str(sound.size)}
    return Response(sound.chunks(), mimetype=TYPES[sound.format], headers=headers)


def other_host(world: World) -> Blueprint:
    """Where a redirect leads: it asks for no password, and notes when somebody sends one."""
    host = Blueprint("other_host", __name__, url_prefix="/media")

    @host.get("/<sid>.<any(wav, mp3):form>")
    def sound(sid: str, form: Format) -> Response:
        recording = world.recordings.get(sid)
        world.media.elsewhere(sid, has_credentials="Authorization" in request.headers)
        if recording is None or recording.deleted:
            return Response("There is no such object.", 404, mimetype="text/plain")
        return whole(Sound(sid, form, recording.duration_s, int(request.args["channels"])))

    return host


def _troubled(world: World, sound: Sound, trouble: str) -> AnyResponse:
    match trouble:
        case "late":
            raise Refused(20404, request.path, 404)
        case "error":
            return _unavailable()
        case "hang":
            time.sleep(world.media_trouble.hang_s)
            _cut()
            return _unavailable()
        case "page":
            return Response(_PAGE, mimetype="text/html")
        case "other":
            return whole(Sound(sound.name, sound.format, sound.duration_s + _LONGER_S, sound.channels))
        case "elsewhere":
            return _elsewhere(sound)
        case _:
            return _half(sound, says_whole=trouble == "short")


def _unavailable() -> Response:
    answer = body_of(503, 20503, "A fault on purpose")
    answer.status_code = 503
    return answer


def _half(sound: Sound, *, says_whole: bool) -> Response:
    half = b"".join(sound.chunks())[: sound.size // 2]
    headers = {"Content-Length": str(sound.size if says_whole else len(half))}
    return Response(
        iter([half]), mimetype=TYPES[sound.format], headers=headers
    )  # of bytes Werkzeug counts the length itself


def _elsewhere(sound: Sound) -> AnyResponse:
    at = urlsplit(request.host_url)
    host = _OTHER_HOST.get(at.hostname or "", "localhost")
    address = f"{at.scheme}://{host}:{at.port}" if at.port else f"{at.scheme}://{host}"
    return redirect(f"{address}/media/{sound.name}.{sound.format}?channels={sound.channels}", 307)


def _cut() -> None:
    """The client sees its connection break off without a byte of an answer."""
    line = request.environ.get("twilio_sim.socket")
    if isinstance(line, socket.socket):
        line.shutdown(socket.SHUT_RDWR)
