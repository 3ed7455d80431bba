"""messaging.twilio.com/v1/Services: which numbers are in a pool, in the newer envelope with its `meta`."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, request

from ops.twilio_sim.resources.number import Number
from ops.twilio_sim.resources.service import BASE, Service
from ops.twilio_sim.rest.errors import Refused
from ops.twilio_sim.rest.paging import DEFAULT_SIZE, LARGEST_SIZE
from ops.twilio_sim.world import World


def add_services(api: Blueprint, world: World) -> None:
    @api.get("/Services")
    def index() -> dict[str, Any]:
        return _page("services", BASE, [service.as_json() for service in world.services])

    @api.get("/Services/<sid>/PhoneNumbers")
    def members(sid: str) -> dict[str, Any]:
        service = _found(world, sid)
        found: list[Number | None] = [world.numbers.get(number_sid) for number_sid in service.number_sids]
        rows = [service.member_as_json(number) for number in found if number]
        return _page("phone_numbers", f"{BASE}/{sid}/PhoneNumbers", rows)


def _found(world: World, sid: str) -> Service:
    service = world.services.get(sid)
    if service is None:
        raise Refused(20404, request.path, 404)
    return service


def _page(key: str, url: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A page by number: nobody adds to these lists while they are read."""
    try:
        size = min(int(request.args.get("PageSize", DEFAULT_SIZE)), LARGEST_SIZE)
        page = int(request.args.get("Page", 0))
    except ValueError as error:
        raise Refused(20001, "Page") from error
    if size < 1 or page < 0:
        raise Refused(20001, "PageSize")

    def at(number: int) -> str:
        return f"{url}?PageSize={size}&Page={number}"

    return {
        key: rows[page * size : (page + 1) * size],
        "meta": {
            "page": page,
            "page_size": size,
            "first_page_url": at(0),
            "previous_page_url": at(page - 1) if page else None,
            "url": at(page),
            "next_page_url": at(page + 1) if len(rows) > (page + 1) * size else None,
            "key": key,
        },
    }
