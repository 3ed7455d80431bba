"""Knows what an engine that writes down what is said answers: the words it was told to hear, as OpenAI's API shapes them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from time import sleep

from flask import Blueprint, Response, current_app, jsonify, request

from ops.standins.faults import Fault

engine = Blueprint("engine", __name__)

# Two hours of WAV in two channels are 230 MB; a test's are some seconds.
LARGEST_SOUND_BYTES = 64_000_000
TEXT = "Hello, this is Ana. Please call me back at five. Thank you."
# More than anybody should read of an answer, and a drip that ends long after everybody's patience.
HUGE_BYTES, DRIPS, DRIP_S = 64_000_000, 600, 0.1


@dataclass
class Engine:
    """What it hears in every sound, until it is told otherwise; `key` "" asks for none. `heard` counts from the oldest."""

    text: str = TEXT
    language: str = "english"
    avg_logprob: float = -0.2
    key: str = ""
    heard: list[dict[str, object]] = field(default_factory=list)


@engine.post("/engine/v1/audio/transcriptions")
def transcribe() -> Response:
    """The sound is read to its end and forgotten; its length in seconds is not known here, so one segment is ten."""
    known: Engine = current_app.extensions["books"].engine
    if known.key and request.headers.get("Authorization") != f"Bearer {known.key}":
        return _error(401, "invalid_api_key")
    sound = request.files.get("file")
    if sound is None or not request.form.get("model"):
        return _error(400, "missing_required_parameter")
    content = sound.read()
    with current_app.extensions["books"].lock:
        known.heard.append({
            "fields": request.form.to_dict(), "file_name": sound.filename, "content_type": sound.mimetype,
            "size_bytes": len(content), "sha256": sha256(content).hexdigest(),
            "has_key": "Authorization" in request.headers,
        })  # fmt: skip
    if request.form.get("response_format") != "verbose_json":
        return jsonify({"text": known.text})
    segment = {"id": 0, "start": 0.0, "end": 10.0, "text": f" {known.text}", "avg_logprob": known.avg_logprob}
    return jsonify({
        "task": "transcribe", "language": known.language, "duration": 10.0, "text": known.text, "segments": [segment],
    })  # fmt: skip


def trouble(fault: Fault) -> Response:
    """The answer that was ordered in place of the words."""
    match fault.body:
        case "junk":
            return Response("<html>It works!</html>", fault.status, mimetype="text/html")
        case "huge":
            return Response((b" " * 65_536 for _ in range(HUGE_BYTES // 65_536)), fault.status)
        case "drip":
            return Response(_drip(), fault.status, mimetype="application/json")
    return _error(fault.status, "ordered_fault")


def _drip() -> Iterator[bytes]:
    for _ in range(DRIPS):
        yield b" "
        sleep(DRIP_S)


def _error(status: int, code: str) -> Response:
    answer = jsonify({"error": {"message": "This was not to be.", "type": "invalid_request_error", "code": code}})
    answer.status_code = status
    return answer
