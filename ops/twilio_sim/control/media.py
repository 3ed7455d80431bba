"""/sim/media: the ledger of sounds, line by line, and what is to go wrong with them."""

import json
from typing import Any

from flask import Blueprint, Response, request

from ops.twilio_sim.control.wishes import wishes_of
from ops.twilio_sim.world import World


def add_media(api: Blueprint, world: World) -> None:
    @api.get("/media")
    def sounds() -> Response:
        """JSON lines, the newest recording first."""
        found = world.media.lines(list(world.recordings.newest_first()))
        return Response("".join(json.dumps(line) + "\n" for line in found), mimetype="application/x-ndjson")

    @api.put("/media/trouble")
    def media_trouble() -> tuple[dict[str, Any], int]:
        world.media_trouble.replace(wishes_of(request))
        return {}, 200
