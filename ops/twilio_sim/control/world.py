"""/sim/numbers, /sim/services, /sim/phones, /sim/settings, /sim/faults, /sim/odds, /sim/alerts, /sim/state."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, request

from ops.twilio_sim.control.wishes import Wrong, only, seconds, wishes_of
from ops.twilio_sim.kinds import within
from ops.twilio_sim.phones import Phone
from ops.twilio_sim.resources.number import Number
from ops.twilio_sim.rest.form import is_number
from ops.twilio_sim.senders import FASTEST, SLOWEST, kind_of
from ops.twilio_sim.webhooks.address import is_http_url
from ops.twilio_sim.world import World


def add_world(api: Blueprint, world: World) -> None:
    @api.put("/numbers/<number>")
    def put_number(number: str) -> dict[str, Any]:
        if not kind_of(number) or (number.startswith("+") and not is_number(number)):
            raise Wrong("a sender is E.164 like +14155550100, a short code of 5 or 6 digits, or a name of up to 11")
        given = wishes_of(request)
        rate, queued_s = _rate(given.pop("segments_per_s", None)), seconds(given, "queued_s", None)
        given.pop("queued_s", None)
        wishes = {name: "" if value is None else str(value) for name, value in given.items()}
        wrong = [name for name, value in wishes.items() if "url" in name and value and not is_http_url(value)]
        if wrong:
            raise Wrong(f"{wrong[0]} must be an http(s) URL")
        ours = world.own_number(number)
        ours.change(wishes)
        if rate is not None:
            ours.segments_per_s = rate
        if queued_s is not None:
            world.queues.fill(number, queued_s)
        return _number_json(world, ours)

    @api.get("/numbers")
    def numbers() -> dict[str, Any]:
        return {"data": [_number_json(world, n) for n in world.numbers]}

    @api.put("/services/<name>")
    def put_service(name: str) -> dict[str, Any]:
        wishes = wishes_of(request)
        only(wishes, "numbers", "use_inbound_webhook_on_number", "advanced_opt_out", "keywords")
        keywords = _keywords(wishes.get("keywords", {}))
        members = [world.number(str(number)) for number in wishes.get("numbers", [])]
        if None in members:
            raise Wrong("numbers must be a list of numbers of this account")
        service = world.own_service(name)
        service.number_sids = [member.sid for member in members if member]
        service.use_inbound_webhook_on_number = bool(wishes.get("use_inbound_webhook_on_number", False))
        service.advanced_opt_out, service.keywords = bool(wishes.get("advanced_opt_out", False)), keywords
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

    @api.get("/alerts")
    def alerts() -> dict[str, Any]:
        return {"data": [alert.as_json() for alert in world.alerts.kept()]}

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


def _number_json(world: World, number: Number) -> dict[str, Any]:
    """As Twilio shows it, and what only the simulator knows: how fast it sends, and for how long it is busy."""
    sender = number.phone_number
    own = {"kind": kind_of(sender), "segments_per_s": world.rate_of(sender), "queued_s": world.queues.wait_s(sender)}
    return number.as_json() | own


def _rate(value: Any) -> float | None:
    """Segments a second; 0 for the default of the kind, None to leave it as it is."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Wrong("segments_per_s must be a number")
    if value:
        within("segments_per_s", value, SLOWEST, FASTEST)
    return float(value)


def _keywords(value: Any) -> dict[str, list[str]]:
    fits = isinstance(value, dict) and set(value) <= {"stop", "start", "help"}
    if not fits or not all(
        isinstance(words, list) and all(isinstance(w, str) for w in words) for words in value.values()
    ):
        raise Wrong("keywords must be lists of words under stop, start and help")
    return value
