"""IncomingPhoneNumbers.json: the account's numbers and where their webhooks go."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from ops.twilio_sim.resources.number import SETTABLE, Number
from ops.twilio_sim.rest.errors import Refused
from ops.twilio_sim.rest.form import form_of, is_number, url_field
from ops.twilio_sim.rest.magic import BUY, refuse_magic
from ops.twilio_sim.rest.paging import page_of
from ops.twilio_sim.world import World

URLS = ("VoiceUrl", "VoiceFallbackUrl", "StatusCallback", "SmsUrl", "SmsFallbackUrl")


def add_numbers(api: Blueprint, world: World) -> None:
    @api.post("/IncomingPhoneNumbers.json")
    def buy(account_sid: str) -> tuple[Response, int]:
        form = form_of(request)
        wanted, wishes = form.get("PhoneNumber", ""), _wishes(form)
        refuse_magic(wanted, BUY)
        if not is_number(wanted):
            raise Refused(21421, wanted)
        number = world.own_number(wanted)
        _change(number, wishes)
        return jsonify(number.as_json()), 201

    @api.get("/IncomingPhoneNumbers.json")
    def index(account_sid: str) -> dict[str, Any]:
        like, called = request.args.get("PhoneNumber", ""), request.args.get("FriendlyName", "")

        def wanted(n: Number) -> bool:
            if not is_number(n.phone_number):
                return False  # short codes and names are no phone numbers, Twilio lists them elsewhere
            return like.lstrip("+ ") in n.phone_number and called in ("", n.friendly_name)

        return page_of(world.numbers, "incoming_phone_numbers", request.path, request.args, wanted, Number.as_json)

    @api.get("/IncomingPhoneNumbers/<sid>.json")
    def fetch(account_sid: str, sid: str) -> dict[str, Any]:
        return _found(world, sid).as_json()

    @api.post("/IncomingPhoneNumbers/<sid>.json")
    def update(account_sid: str, sid: str) -> dict[str, Any]:
        number = _found(world, sid)
        _change(number, _wishes(form_of(request)))
        return number.as_json()

    @api.delete("/IncomingPhoneNumbers/<sid>.json")
    def release(account_sid: str, sid: str) -> tuple[str, int]:
        _found(world, sid)
        world.numbers.remove(sid)
        return "", 204


def _wishes(form: dict[str, str]) -> dict[str, str]:
    for name in URLS:
        url_field(form, name, 21205)
    return {json_name: form[form_name] for json_name, form_name in SETTABLE.items() if form_name in form}


def _change(number: Number, wishes: dict[str, str]) -> None:
    try:
        number.change(wishes)
    except ValueError as error:
        raise Refused(20001, str(error)) from error


def _found(world: World, sid: str) -> Number:
    number = world.numbers.get(sid)
    if number is None:
        raise Refused(20404, request.path, 404)
    return number
