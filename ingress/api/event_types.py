"""The catalogue of notifications, for whoever builds a receiver of them."""

from functools import partial

from flask import Blueprint, Response

from ingress.answer import Answer
from ingress.service_guard import require
from shared.notice_catalogue import catalogue
from shared.notice_schemas import DIALECT
from shared.runtime import Runtime


def blueprint(rt: Runtime) -> Blueprint:
    """The route of the catalogue, below /api."""
    routes = Blueprint("event_types", __name__)
    routes.add_url_rule("/event-types", "every", partial(every, rt))
    return routes


def every(rt: Runtime) -> Response:
    """All types, with the JSON Schema of the whole body and an example. The list is short: there are no pages."""
    require(rt, "events:read")
    shown = [
        {
            "type": notice.type,
            "description": notice.meaning,
            "schema": {"$schema": DIALECT, **notice.schema},
            "example": notice.example,
        }
        for notice in catalogue().values()
    ]
    return Answer(200, {"data": shown}).response()
