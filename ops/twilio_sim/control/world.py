"""/sim/numbers, /sim/services, /sim/phones, /sim/settings, /sim/faults, /sim/odds, /sim/state: how the world is."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, request

from ops.twilio_sim.control.wishes import Wrong, only, wishes_of
from ops.twilio_sim.phones import Phone
from ops.twilio_sim.rest.form import is_number
from ops.twilio_sim.webhooks.address import is_http_url
from ops.twilio_sim.world import World


def add_world(api: Blueprint, world: World) -> None:
    @api.put("/numbers/<number>")
    def put_number(number: str) -> dict[str, Any]:
        _check_number(number)
        wishes = {name: "" if value is None else str(value) for name, value in wishes_of(request).items()}
        wrong = [name for name, value in wishes.items() if "url" in name and value and not is_http_url(value)]
        if wrong:
            raise Wrong(f"{wrong[0]} must be an http(s) URL")
        ours = world.own_number(number)
        ours.change(wishes)
        return ours.as_json()

    @api.get("/numbers")
    def numbers() -> dict[str, Any]:
        return {"data": [n.as_json() for n in world.numbers]}

    @api.put("/services/<name>")
    def put_service(name: str) -> dict[str, Any]:
        wishes = wishes_of(request)
        only(wishes, "numbers", "use_inbound_webhook_on_number")
        members = [world.number(str(number)) for number in wishes.get("numbers", [])]
        if None in members:
            raise Wrong("numbers must be a list of numbers of this account")
        service = world.own_service(name)
        service.number_sids = [member.sid for member in members if member]
        service.use_inbound_webhook_on_number = bool(wishes.get("use_inbound_webhook_on_number", False))
        return service.as_json()

    @api.put("/phones/<number>")
    def put_phone(number: str) -> dict[str, Any]:
        world.phones[number] = Phone().changed(wishes_of(request))
        return {"number": number} | asdict(world.phones[number])

    @api.get("/phones")
    def phones() -> dict[str, Any]:
        return {"data": [{"number": n} | asdict(p) for n, p in world.phones.items()]}

    @api.get("/settings")
    def settings() -> dict[str, Any]:
        return {"speed": world.clock.speed} | asdict(world.settings)

    @api.post("/settings")
    def change_settings() -> dict[str, Any]:
        wishes = wishes_of(request)
        speed = wishes.pop("speed", world.clock.speed)
        if isinstance(speed, bool) or not isinstance(speed, int | float):
            raise Wrong("speed must be a number")
        world.settings.change(wishes)
        world.clock.set_speed(speed)
        return settings()

    @api.get("/faults")
    def faults() -> dict[str, Any]:
        return {"data": [asdict(f) for f in world.faults.waiting()]}

    @api.put("/faults")
    def put_faults() -> dict[str, Any]:
        wanted = wishes_of(request).get("data")
        if not isinstance(wanted, list) or not all(isinstance(w, dict) for w in wanted):
            raise Wrong('send {"data": [{"status": 503, "times": 2}, …]}')
        world.faults.replace(wanted)
        return faults()

    @api.get("/odds")
    def odds() -> dict[str, Any]:
        return world.odds.as_json()

    @api.put("/odds")
    def put_odds() -> dict[str, Any]:
        wishes = wishes_of(request)
        seed = wishes.pop("seed", None)
        if seed is not None and not isinstance(seed, int):
            raise Wrong("seed must be a whole number")
        world.odds.replace(wishes)
        if seed is not None:
            world.dice.reseed(seed)
        return odds()

    @api.delete("/state")
    def forget() -> tuple[str, int]:
        world.forget()
        return "", 204


def _check_number(number: str) -> None:
    if not is_number(number):
        raise Wrong("a number is written in E.164, like +14155550100")
