"""/sim/opt-outs: who wants nothing from whom, set behind the service's back."""

from typing import Any

from flask import Blueprint, request

from ops.twilio_sim.control.wishes import only, text, wishes_of
from ops.twilio_sim.world import World


def add_opt_outs(api: Blueprint, world: World) -> None:
    @api.get("/opt-outs")
    def opt_outs() -> dict[str, Any]:
        return {"data": [{"person": person, "scope": scope} for person, scope in sorted(world.opt_outs)]}

    @api.post("/opt-outs")
    def stop() -> dict[str, Any]:
        """No webhook tells of it: the service learns by 21610 only."""
        world.opt_outs.add(_pair())
        return opt_outs()

    @api.delete("/opt-outs")
    def lift() -> dict[str, Any]:
        world.opt_outs.discard(_pair())
        return opt_outs()

    def _pair() -> tuple[str, str]:
        """`scope` is a number of ours or the SID of a service."""
        wishes = wishes_of(request)
        only(wishes, "person", "scope")
        return text(wishes, "person"), text(wishes, "scope")
