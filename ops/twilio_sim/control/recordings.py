"""/sim/recordings: many finished recordings at once, without the calls they would be of."""

from typing import Any

from flask import Blueprint, request

from ops.twilio_sim.control.wishes import Wrong, only, text, wishes_of
from ops.twilio_sim.voice.recorder import bring_recording
from ops.twilio_sim.webhooks.address import is_http_url
from ops.twilio_sim.world import World


def add_recordings(api: Blueprint, world: World) -> None:
    @api.post("/recordings")
    def bring() -> dict[str, Any]:
        wishes = wishes_of(request)
        only(wishes, "count", "duration_s", "channels", "callback")
        count, duration_s = _whole(wishes, "count", 1, 1000), _whole(wishes, "duration_s", 10, 86400)
        channels, callback = _whole(wishes, "channels", 1, 2), text(wishes, "callback", "")
        if callback and not is_http_url(callback):
            raise Wrong("callback must be an http(s) URL")
        made = [
            bring_recording(world, duration_s=duration_s, channels=channels, callback=callback) for _ in range(count)
        ]
        return {"data": [recording.sid for recording in made]}


def _whole(wishes: dict[str, Any], name: str, default: int, most: int) -> int:
    value = wishes.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise Wrong(f"{name} must be a whole number, 1 to {most}")
    return value
