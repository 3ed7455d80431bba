"""Who wants no texts and who has agreed to some, as our clients tell and ask it. What people say in texts comes by webhook."""

from functools import partial
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response

from ingress.answer import Answer
from ingress.api import consent_schemas as schemas
from ingress.api.paging import Listing
from ingress.api.reading import checked, json_body, missing, optional_body, query
from ingress.api.schemas import NOTHING
from ingress.idempotency import once
from ingress.service_guard import require
from shared.db import consents, opt_outs
from shared.runtime import Runtime

_READ, _WRITE = "consent:read", "consent:write"


def blueprint(rt: Runtime) -> Blueprint:
    """The routes of opt-outs and consents, below /api."""
    routes = Blueprint("consents", __name__)
    routes.add_url_rule("/opt-outs", "opt_outs", partial(list_opt_outs, rt))
    routes.add_url_rule("/opt-outs", "add_opt_out", partial(add_opt_out, rt), methods=["POST"])
    routes.add_url_rule("/opt-outs/<number>", "lift_opt_out", partial(lift_opt_out, rt), methods=["DELETE"])
    routes.add_url_rule("/consents", "consents", partial(list_consents, rt))
    routes.add_url_rule("/consents", "grant", partial(grant, rt), methods=["POST"])
    routes.add_url_rule("/consents/<id:consent_id>", "show", partial(show, rt))
    routes.add_url_rule("/consents/<id:consent_id>/revoke", "revoke", partial(revoke, rt), methods=["POST"])
    return routes


def list_opt_outs(rt: Runtime) -> Response:
    """The newest opt-outs, of one number or scope or of all."""
    require(rt, _READ)
    asked = query(schemas.OPT_OUTS_PAGE)
    filters = {name: asked[name] for name in ("number", "scope", "lifted") if asked.get(name)}
    listing = Listing(rt.settings.twilio_auth_tokens, "/api/opt-outs", filters)
    start = listing.position(asked.get("cursor"))
    with rt.db.connection() as conn:
        rows = opt_outs.page(
            conn,
            limit=asked["limit"] + 1,
            number=asked.get("number"),
            scope=asked.get("scope"),
            is_lifted_too=asked["lifted"] == "1",
            before=(start[0], int(start[1])) if start else None,
        )
    return listing.page(rows, asked["limit"], position=lambda row: (row.at, str(row.id)), shown=schemas.opt_out)


def add_opt_out(rt: Runtime) -> Response:
    """201 with the opt-out, which no START lifts. One of ours that is in force already is answered as it is."""
    caller, document = require(rt, _WRITE), json_body()
    wanted = checked(schemas.OPT_OUT, document)
    with once(rt, caller.client, document) as this:
        if this.stored:
            return this.stored
        number, scope = wanted["number"], wanted["scope"]
        evidence = (wanted["evidence"] or {}) | {"client": caller.client}
        with rt.db.connection() as conn:
            opt_outs.add(conn, number=number, scope=scope, source="api", evidence=evidence)
            found = opt_outs.find(conn, number=number, scope=scope)
            assert found is not None  # one of ours is in force as soon as it is there
            answer = Answer(201, schemas.opt_out(found), {"Location": f"/api/opt-outs?{urlencode({'number': number})}"})
            this.keep(conn, answer)
    return answer.response()


def lift_opt_out(rt: Runtime, number: str) -> Response:
    """200 with the opt-out that does not count any more, whatever its source was."""
    caller, scope = require(rt, _WRITE), query(schemas.LIFT)["scope"]
    with rt.db.connection() as conn:
        found = opt_outs.lift(conn, number=number, scope=scope, by=f"api:{caller.client}")
    if found is None:
        raise missing("opt-out")
    return Answer(200, schemas.opt_out(found)).response()


def list_consents(rt: Runtime) -> Response:
    """The newest consents, of one number or tenant or of all; revoked and expired ones too."""
    require(rt, _READ)
    asked = query(schemas.CONSENTS_PAGE)
    filters = {name: asked[name] for name in ("number", "tenant_id") if asked.get(name)}
    listing = Listing(rt.settings.twilio_auth_tokens, "/api/consents", filters)
    start = listing.position(asked.get("cursor"))
    before = (start[0], UUID(start[1])) if start else None
    with rt.db.connection() as conn:
        rows = consents.page(conn, limit=asked["limit"] + 1, before=before, **filters)
    return listing.page(rows, asked["limit"], position=lambda row: (row.granted_at, str(row.id)), shown=schemas.consent)


def grant(rt: Runtime) -> Response:
    """201 with the consent. It takes the place of the one of that number, tenant and purpose."""
    caller, document = require(rt, _WRITE), json_body()
    wanted = checked(schemas.CONSENT, document)
    with once(rt, caller.client, document) as this:
        if this.stored:
            return this.stored
        with rt.db.connection() as conn:
            found = consents.grant(conn, **wanted)
            answer = Answer(201, schemas.consent(found), {"Location": f"/api/consents/{found.id}"})
            this.keep(conn, answer)
    return answer.response()


def show(rt: Runtime, consent_id: str) -> Response:
    """One consent, by its id."""
    require(rt, _READ)
    with rt.db.connection() as conn:
        found = consents.find(conn, consent_id)
    if found is None:
        raise missing("consent")
    return Answer(200, schemas.consent(found)).response()


def revoke(rt: Runtime, consent_id: str) -> Response:
    """200 with the consent, which does not count any more. Asked again it says the same."""
    caller, document = require(rt, _WRITE), optional_body()
    checked(NOTHING, document)
    with once(rt, caller.client, document) as this:
        if this.stored:
            return this.stored
        with rt.db.connection() as conn:
            found = consents.withdraw(conn, consent_id, by=f"api:{caller.client}")
            if found is None:
                raise missing("consent")
            answer = Answer(200, schemas.consent(found))
            this.keep(conn, answer)
    return answer.response()
