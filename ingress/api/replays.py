"""Replays: what happened in a range of time told to one endpoint once more, at a rate; looked at first, and called off."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import Blueprint, Response
from psycopg import Connection

from ingress import request_id
from ingress.answer import Answer
from ingress.api import delivery_schemas as schemas
from ingress.api.deliveries import endpoint_closed, seen_endpoint
from ingress.api.faults import invalid
from ingress.api.paging import NO_TIME, Listing
from ingress.api.reading import checked, json_body, missing, query
from ingress.api.schemas import PAGE
from ingress.idempotency import once
from ingress.service_guard import Caller, require_key
from shared import redriving, replaying, tasks
from shared.db import endpoints, replays
from shared.db.endpoints import Endpoint
from shared.db.replays import Replay, Wanted
from shared.replaying import Plan
from shared.runtime import Runtime

_READ, _REPLAY = "events:read", "events:replay"


def blueprint(rt: Runtime) -> Blueprint:
    """The routes of replays, below /api."""
    routes = Blueprint("replays", __name__)
    for rule, name, view, method in (
        ("/endpoints/<endpoint_id>/replays", "start", start, "POST"),
        ("/endpoints/<endpoint_id>/replays", "list", list_, "GET"),
        ("/replays/<int:replay_id>", "show", show, "GET"),
        ("/replays/<int:replay_id>", "cancel", cancel, "DELETE"),
    ):
        routes.add_url_rule(rule, name, partial(view, rt), methods=[method])
    return routes


def start(rt: Runtime, endpoint_id: str) -> Response:
    """200 with what it would tell; without `dry_run` 202 with the replay, which has begun. Raises Problem 404, 409, 422."""
    caller, document = require_key(rt, _REPLAY), json_body()
    asked = checked(schemas.REPLAY, document)
    wanted = _wanted(endpoint_id, asked, datetime.now(UTC))
    with once(rt, caller.client, document) as this:
        if this.stored:
            return this.stored
        with rt.db.connection() as conn:
            seen_endpoint(conn, caller, endpoint_id)
            endpoint, job_id = _open(conn, endpoint_id), None
            answer = _planned(replaying.plan(conn, wanted, endpoint), endpoint_id)
            if not asked["dry_run"]:
                actor = f"api:{caller.client}"
                made, job_id = replaying.start(conn, wanted, actor=actor, request_id=request_id.current())
                answer = _shown(conn, made, 202)
            this.keep(conn, answer)
        if job_id is not None:
            tasks.hint(rt.redis, "replay.expand", job_id)
        return answer.response()


def list_(rt: Runtime, endpoint_id: str) -> Response:
    """The newest replays of an endpoint. Raises Problem 404."""
    caller, asked = require_key(rt, _READ), query(PAGE)
    with rt.db.connection() as conn:
        seen_endpoint(conn, caller, endpoint_id)
        listing = Listing(rt.settings.twilio_auth_tokens, f"/api/endpoints/{endpoint_id}/replays", {})
        start_ = listing.position(asked.get("cursor"))
        rows = replays.page(
            conn, endpoint_id, limit=asked["limit"] + 1, before=int(start_[1]) if start_ else None
        )  # fmt: skip
    return listing.page(rows, asked["limit"], position=lambda row: (NO_TIME, str(row.id)), shown=schemas.replay)


def show(rt: Runtime, replay_id: int) -> Response:
    """How far it has come. Raises Problem 404."""
    caller = require_key(rt, _READ)
    with rt.db.connection() as conn:
        return _shown(conn, _seen(conn, caller, replay_id), 200).response()


def cancel(rt: Runtime, replay_id: int) -> Response:
    """200 with the replay: no more of it is told. Asked again it says the same. Raises Problem 404."""
    caller = require_key(rt, _REPLAY)
    with rt.db.connection() as conn:
        _seen(conn, caller, replay_id)
    replaying.cancel(
        rt.db.connection, replay_id, actor=f"api:{caller.client}", request_id=request_id.current()
    )  # fmt: skip
    with rt.db.connection() as conn:
        return _shown(conn, _seen(conn, caller, replay_id), 200).response()


def _wanted(endpoint_id: str, asked: dict[str, Any], now: datetime) -> Wanted:
    """Raises Problem 422 for a range that is empty, or not over."""
    until = asked.get("until", now)
    if until > now:
        raise invalid([{"pointer": "#/until", "code": "range", "detail": "must not be in the future"}])
    if asked["since"] >= until:
        raise invalid([{"pointer": "#/since", "code": "range", "detail": "must be before `until`"}])
    return Wanted(
        endpoint_id=endpoint_id, since=asked["since"], until=until, types=asked["types"], tenant_id=asked["tenant_id"],
        subject=asked["subject"], outcomes=asked["outcomes"], rate_per_s=asked["rate_per_s"],
    )  # fmt: skip


def _open(conn: Connection, endpoint_id: str) -> Endpoint:
    endpoint = endpoints.find(conn, endpoint_id)
    if endpoint is None or not endpoint.enabled:
        raise endpoint_closed(redriving.closed(conn, endpoint_id) or "")
    return endpoint


def _seen(conn: Connection, caller: Caller, replay_id: int) -> Replay:
    found = replays.find(conn, replay_id)
    if found is None:
        raise missing("replay")
    seen_endpoint(conn, caller, found.endpoint_id)
    return found


def _planned(found: Plan, endpoint_id: str) -> Answer:
    return Answer(200, {
        "endpoint_id": endpoint_id, "matching": found.matching, "is_exact": found.is_exact, "takes_s": found.takes_s,
    })  # fmt: skip


def _shown(conn: Connection, row: Replay, status: int) -> Answer:
    endpoint = endpoints.find(conn, row.endpoint_id)
    left = replaying.plan(conn, row, endpoint) if row.state == "running" and endpoint else Plan(0, True, 0.0)
    headers = {"Location": f"/api/replays/{row.id}"} if status == 202 else {}
    return Answer(status, schemas.whole_replay(row, replays.tally(conn, row.id), left), headers)
