"""/sim/ledger and /sim/ledger/summary: what the simulator was asked to send, line by line and in sum."""

import json
from typing import Any

from flask import Blueprint, Response, request

from ops.twilio_sim.control.wishes import Wrong, whole
from ops.twilio_sim.ledger import CLOCKS
from ops.twilio_sim.world import World


def add_ledger(api: Blueprint, world: World) -> None:
    @api.get("/ledger")
    def lines() -> Response:
        """JSON lines: ten thousand of them are read without holding one document of all."""
        limit = whole(request, "limit", 0) or None
        found = world.ledger.lines(whole(request, "after", 0), limit)
        body = "".join(json.dumps(line.as_json()) + "\n" for line in found)
        return Response(body, mimetype="application/x-ndjson")

    @api.get("/ledger/calls")
    def placed() -> Response:
        limit = whole(request, "limit", 0) or None
        found = world.call_ledger.lines(whole(request, "after", 0), limit)
        body = "".join(json.dumps(line.as_json()) + "\n" for line in found)
        return Response(body, mimetype="application/x-ndjson")

    @api.get("/ledger/summary")
    def summary() -> dict[str, Any]:
        clock = request.args.get("clock", "real")
        if clock not in CLOCKS:
            raise Wrong("clock must be real or world")
        texts = world.ledger.summary(_windows_s(request.args.get("windows", "1,10")), clock=clock)
        return texts | {"calls": world.call_ledger.summary()}


def _windows_s(text: str) -> list[float]:
    windows_s = [float(part) for part in text.split(",")]
    if any(not 0 < window_s <= 86400 for window_s in windows_s):
        raise Wrong("windows are seconds, above 0 and at most 86400")
    return windows_s
