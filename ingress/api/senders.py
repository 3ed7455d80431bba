"""Senders: how fast each may send and how much a day, whose pool and which service it is in, its pauses, what waits there."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

from flask import Blueprint, Response
from redis.exceptions import RedisError

from ingress.answer import Answer
from ingress.api import sender_schemas as schemas
from ingress.api.faults import invalid
from ingress.api.paging import Listing
from ingress.api.reading import checked, json_body, missing, optional_body, query
from ingress.api.schemas import NOTHING
from ingress.service_guard import require
from shared import log, pace
from shared.db import sender_overview, senders
from shared.db.sender_overview import Overview
from shared.db.senders import Sender
from shared.domain.phone import masked
from shared.domain.senders import kind_of
from shared.runtime import Runtime

_READ, _WRITE = "sms:read", "admin"
_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)  # pages go by name alone


def blueprint(rt: Runtime) -> Blueprint:
    """The routes of senders, below /api."""
    routes = Blueprint("senders", __name__)
    routes.add_url_rule("/senders", "list", partial(list_, rt))
    routes.add_url_rule("/senders/<sender>", "show", partial(show, rt))
    routes.add_url_rule("/senders/<sender>", "set", partial(set_, rt), methods=["PUT"])
    routes.add_url_rule("/senders/<sender>/pause", "pause", partial(pause, rt), methods=["POST"])
    routes.add_url_rule("/senders/<sender>/resume", "resume", partial(resume, rt), methods=["POST"])
    return routes


def list_(rt: Runtime) -> Response:
    """Senders that were set, or at which texts wait, by name."""
    require(rt, _READ)
    asked = query(schemas.SENDERS_PAGE)
    filters = {name: asked[name] for name in ("tenant_id", "service_sid") if asked.get(name)}
    listing = Listing(rt.settings.twilio_auth_tokens, "/api/senders", filters)
    start = listing.position(asked.get("cursor"))
    with rt.db.connection() as conn:
        rows = sender_overview.page(conn, limit=asked["limit"] + 1, after=start[1] if start else None, **filters)
    times = _next_times(rt, rows)
    return listing.page(
        rows, asked["limit"], position=lambda row: (_NO_TIME, row.sender), shown=lambda row: schemas.sender(row, times)
    )


def show(rt: Runtime, sender: str) -> Response:
    """One sender, set or not."""
    require(rt, _READ)
    _known(sender)
    return _shown(rt, sender)


def set_(rt: Runtime, sender: str) -> Response:
    """The whole of it but its pause. What is left out is as its kind allows."""
    require(rt, _WRITE)
    _known(sender)
    wanted = checked(schemas.SENDER, json_body())
    kind = kind_of(sender)
    if kind == "service" and wanted["service_sid"]:
        raise invalid(
            [{"pointer": "#/service_sid", "code": "not_for_services", "detail": "a service belongs to no other"}]
        )
    with rt.db.connection() as conn:
        senders.put(conn, Sender(sender, kind, **wanted))
    return _changed(rt, sender, "set")


def pause(rt: Runtime, sender: str) -> Response:
    """In place of the pause in force."""
    require(rt, _WRITE)
    _known(sender)
    wanted = checked(schemas.PAUSE, json_body())
    with rt.db.connection() as conn:
        senders.pause_anew(conn, sender, kind_of(sender), seconds=wanted["minutes"] * 60, reason=wanted["reason"])
    return _changed(rt, sender, "paused")


def resume(rt: Runtime, sender: str) -> Response:
    """Of a sender that is not paused it changes nothing."""
    require(rt, _WRITE)
    _known(sender)
    checked(NOTHING, optional_body())
    with rt.db.connection() as conn:
        senders.resume(conn, sender)
    return _changed(rt, sender, "resumed")


def _known(sender: str) -> None:
    if not schemas.is_sender(sender):
        raise missing("sender")


def _changed(rt: Runtime, sender: str, change: str) -> Response:
    log.get().info("sender_changed", sender=masked(sender), change=change)
    return _shown(rt, sender)


def _shown(rt: Runtime, sender: str) -> Response:
    with rt.db.connection() as conn:
        row = sender_overview.find(conn, sender)
    return Answer(200, schemas.sender(row, _next_times(rt, [row]))).response()


def _next_times(rt: Runtime, rows: Sequence[Overview]) -> dict[str, datetime]:
    """When the rate and the pauses let the next text of each go, where one waits. Without Redis nobody knows."""
    waiting = [row for row in rows if row.texts_waiting]
    if not waiting:
        return {}
    try:
        clock, free = pace.times(rt.redis, [row.sender for row in waiting])
    except RedisError:
        return {}
    return {
        row.sender: max(datetime.fromtimestamp(max(clock, at_s), UTC), *_pauses(row))
        for row, at_s in zip(waiting, free, strict=True)
    }


def _pauses(row: Overview) -> list[datetime]:
    ends = (row.paused_until, row.service_paused_until, row.account_paused_until)
    return [end or _NO_TIME for end in ends]
