"""Calls that we place: asked for here, decided about, kept with the promise to place them."""

from functools import partial
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, request
from psycopg import Connection

from ingress import problem, request_id
from ingress.answer import Answer
from ingress.api import call_resources, call_schemas, recording_consent
from ingress.api.faults import invalid
from ingress.api.reading import checked, json_body
from ingress.api.waiting import Waits, applied, wished_s
from ingress.idempotency import claimed
from ingress.problem import Problem
from ingress.service_guard import require
from shared import metrics, permissions, tasks
from shared.db import jobs, numbers, placed_calls
from shared.db.placed_calls import PlacedCall
from shared.domain import call_documents
from shared.domain.call_documents import Script
from shared.domain.permission import Decision
from shared.domain.routing import Number
from shared.domain.status import PLACE_FINAL
from shared.domain.twiml import Urls
from shared.runtime import Runtime


def blueprint(rt: Runtime, waits: Waits) -> Blueprint:
    """The route, below /api."""
    routes = Blueprint("placing", __name__)
    routes.add_url_rule("/calls", "place", partial(place, rt, waits), methods=["POST"])
    return routes


def place(rt: Runtime, waits: Waits) -> Response:
    """202 with the call as it stands; with `Prefer: wait=N` as soon as Twilio has it. A rule that forbids it: 422."""
    caller, document = require(rt, "calls:control"), json_body()
    wanted = checked(call_schemas.PLACE, document)
    with rt.db.connection() as conn:
        this = claimed(conn, caller.client, document)
        if this.stored:
            return this.stored
        placed, job_id = _kept(rt, conn, caller.client, wanted)
        answer = _refused(placed) if job_id is None else _accepted(placed)
        this.keep(conn, answer)
    if job_id is None:
        return answer.response()
    tasks.hint(rt.redis, "call.place", job_id)
    newer = waits.until(partial(placed_calls.find, id_or_sid=str(placed.id)), _is_settled, wished_s())
    if newer is None:
        return answer.response()
    this.keep_newer(rt, _accepted(newer))
    return applied(_accepted(newer).response())


def _kept(rt: Runtime, conn: Connection, client: str, wanted: dict[str, Any]) -> tuple[PlacedCall, int | None]:
    """The call and the promise to place it; None: a rule forbids it. Raises Problem for what its client can mend."""
    number = _number(conn, wanted)
    if wanted["connect_to"] == number.phone_number:
        raise _fault("own_number", "is the number that calls: it would call itself", "#/connect_to")
    call_id, plan = uuid4(), _plan(rt, number, wanted, client)
    asked = permissions.question(
        to=wanted["to"], from_=number.phone_number, service_sid=None, tenant_id=number.tenant_id,
        purpose=wanted["purpose"], message_id=call_id, channel="call",
    )  # fmt: skip
    [decision] = permissions.ask(conn, rt.settings.law, [asked])
    placed = placed_calls.insert(
        conn, call_id=call_id, client=client, tenant_id=number.tenant_id, from_number=number.phone_number,
        to_number=wanted["to"], purpose=wanted["purpose"], plan=plan, permission=permissions.shown(decision),
        validity_s=wanted["validity_s"], refusal=_refusal(decision),
    )  # fmt: skip
    if placed.state == "refused":
        return placed, None
    return placed, jobs.promise(conn, "call.place", str(placed.id), hint_in_s=jobs.FIRST_HINT_S)


def _refusal(decision: Decision) -> str | None:
    """What a rule would hold is refused too: a call that comes hours later is another one."""
    if decision.decisive is None:
        return None
    metrics.CONSENT_BLOCKS.labels(decision.decisive.id).inc()
    return "not_permitted"


def _number(conn: Connection, wanted: dict[str, Any]) -> Number:
    """Who is shown as the caller: one of our numbers, of that tenant. Raises Problem 422."""
    tenant_id = wanted["tenant_id"]
    ours = wanted.get("from_") or (tenant_id and numbers.sender_of(conn, tenant_id))
    if not ours:
        raise _fault("no_number", "give from, or a tenant_id that has a number")
    number = numbers.find(conn, ours)
    if number is None or number.tenant_id is None or tenant_id not in (None, number.tenant_id):
        raise _fault("not_ours", "must be a number of ours, and of that tenant")
    if number.status in ("suspended", "released"):
        raise _fault("not_active", f"the number is {number.status}")
    return number


def _plan(rt: Runtime, number: Number, wanted: dict[str, Any], client: str) -> dict[str, Any]:
    consent, notice = _consent(rt, number, wanted, client)
    script = Script(wanted["say"], wanted["connect_to"], wanted["ring_s"], notice, wanted["record"])
    document = call_documents.placed(number, script, Urls(rt.settings.public_url))
    if len(document) > call_documents.LONGEST:
        raise invalid([{"pointer": "#/say", "code": "too_long", "detail": "Twilio takes 4,000 characters of TwiML"}])
    told = {name: wanted[name] for name in ("connect_to", "say", "ring_s", "record", "machine_detection")}
    return told | ({"consent": consent} if consent else {}) | {"twiml": document}


def _consent(
    rt: Runtime, number: Number, wanted: dict[str, Any], client: str
) -> tuple[dict[str, Any] | None, str | None]:
    """On what ground a call that is recorded may be, and the notice that makes one. Raises Problem 409 where only the
    callee's own yes would do: nobody asks them for it in a call that we place.
    """
    if not wanted["record"]:
        return None, None
    if "consent" in wanted:
        return {"way": "asserted", "consent": "asserted", "rule": recording_consent.asserted(client)}, None
    policy = number.routing.recording
    found = recording_consent.of_law(rt.settings.law, [wanted["to"], number.phone_number, wanted["connect_to"]], policy)
    rule = recording_consent.as_rule(found)
    match found.way:
        case "none":
            return {"way": "none", "consent": "not-needed", "rule": rule}, None
        case "announce":
            return {"way": "announce", "consent": "announced", "rule": rule}, policy.notice
        case "press":
            raise recording_consent.required(found)


def _refused(placed: PlacedCall) -> Answer:
    """A rule forbids this call: it is kept with the decision, so that it can be looked up, and is not placed."""
    told = placed.permission or {}
    forbidding = [rule for rule in told["rules"] if rule["verdict"] != "allowed"]
    refusal = Problem(
        422, "not-permitted", "The call is not permitted",
        "; ".join(f"{rule['rule']}: {rule['detail']}" for rule in forbidding),
        members={"call_id": str(placed.id), "rules": told["rules"], "allowed_at": told["allowed_at"]},
    )  # fmt: skip
    return problem.as_answer(refusal, request.path, request_id.current())


def _accepted(placed: PlacedCall) -> Answer:
    return Answer(202, call_resources.placed(placed), {"Location": f"/api/calls/{placed.id}"})


def _is_settled(placed: PlacedCall) -> bool:
    return placed.state in PLACE_FINAL


def _fault(code: str, detail: str, pointer: str = "#/from") -> Problem:
    return invalid([{"pointer": pointer, "code": code, "detail": detail}])
