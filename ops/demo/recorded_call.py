"""The story of a recording: fetched from Twilio, stored, played back from our own door byte for byte, and written down."""

from hashlib import sha256
from typing import Any

from ops.demo.check import need, until
from ops.demo.facts import ended
from ops.demo.stage import PATIENCE_S, Stage
from ops.demo_world import RECORDED, RECORDED_CUSTOMER, RECORDED_OWNER

# Twilio rounds a recording's length to whole seconds, we may round the other way.
TOLERANCE_S = 1


def recorded_call(stage: Stage) -> str:
    stage.phone(RECORDED_OWNER, answers="answer", answer_after_s=2, talk_s=8)
    call_sid = stage.place_call(RECORDED_CUSTOMER, RECORDED)
    until(lambda: ended(stage, call_sid), "the call is completed")
    ours = until(lambda: _stored(stage, call_sid), "the recording is stored")
    theirs = _at_twilio(stage, call_sid)
    need(
        abs(ours["duration_s"] - float(theirs["duration"])) <= TOLERANCE_S,
        f"its length: {ours['duration_s']} s with us, {theirs['duration']} s at Twilio",
    )
    original = _media(stage, theirs["sid"], ours["content_type"])
    need(
        (ours["sha256"], ours["size_bytes"]) == (sha256(original).hexdigest(), len(original)),
        f"SHA-256 and size: {ours['sha256'][:12]}… {ours['size_bytes']} B with us, "
        f"{sha256(original).hexdigest()[:12]}… {len(original)} B at Twilio",
    )
    played = stage.service.ask("GET", f"/api/calls/{call_sid}/recording", params={"media": "1"})
    need(played.ok, f"playing it back by our own door: {played.status_code} {played.text[:200]}")
    need(
        played.content == original,
        f"what is played back is not Twilio's sound byte for byte: {len(played.content)} B of {len(original)} B",
    )
    until(lambda: _sent_to_the_engine(stage, ours["sha256"]), "an engine has heard it")
    words = until(lambda: _written_down(stage, ours["recording_sid"]), "what was said is written down")
    return (
        f"{len(original) // 1000} kB, {ours['duration_s']} s: Twilio's sound, our SHA-256 of it ({ours['sha256'][:12]}…) "
        f"and what we play back are the same; heard: “{words[:19]}…”"
    )


def _stored(stage: Stage, call_sid: str) -> Any:
    recording = stage.service.json("GET", f"/api/calls/{call_sid}/recording")
    need(recording["state"] == "stored", f"recording is {recording['state']}")
    return recording


def _sent_to_the_engine(stage: Stage, sha256: str) -> None:
    heard = stage.standins.json("GET", "/standin/engine")["heard"]
    need(any(sound["sha256"] == sha256 for sound in heard), f"the engine has heard {len(heard)} other sounds")


def _written_down(stage: Stage, recording_sid: str) -> str:
    said = stage.service.json("GET", f"/api/recordings/{recording_sid}/transcription")
    need(said["status"] == "completed", f"the transcription is {said['status']}: {said['error_reason']}")
    need(bool(said["text"]), "nothing was said")
    return said["text"]


def _at_twilio(stage: Stage, call_sid: str) -> Any:
    recordings = stage.simulator.json("GET", f"/sim/calls/{call_sid}")["recordings"]
    need(len(recordings) == 1, f"{len(recordings)} recordings of the call at Twilio instead of one")
    return recordings[0]


def _media(stage: Stage, recording_sid: str, content_type: str) -> bytes:
    """The media as Twilio hands it out, asked for with the account's own credentials."""
    account, token = stage.env["TWILIO_ACCOUNT_SID"], stage.env["TWILIO_AUTH_TOKEN"].split(",")[0]
    ending = ".mp3" if "mpeg" in content_type else ".wav"
    url = f"/2010-04-01/Accounts/{account}/Recordings/{recording_sid}{ending}"
    answer = stage.simulator.session.get(stage.simulator.url + url, auth=(account, token), timeout=PATIENCE_S)
    need(answer.ok, f"Twilio's media: {answer.status_code}")
    return answer.content
