"""How long recordings are kept, what must not be deleted, and deleting one: for services with a key of scope recordings:delete.

A user of the platform sees what concerns their tenant and changes nothing: whoever deletes answers for it by a key.
"""

from functools import partial
from uuid import UUID

from flask import Blueprint, Response
from psycopg import Connection

from ingress import request_id
from ingress.answer import Answer
from ingress.api import keeping_schemas as schemas
from ingress.api.paging import Listing
from ingress.api.reading import checked, json_body, missing, query
from ingress.problem import Problem
from ingress.service_guard import Caller, require_key_or_user
from shared.db import (
    audit,
    call_overview,
    recording_deletions,
    recording_holds,
    recording_receipts,
    recordings,
    retention,
)
from shared.db.recording_holds import SUBJECTS, Hold, Subject
from shared.domain.retention import Policy, is_class
from shared.runtime import Runtime

_READ, _CHANGE = "recordings:read", "recordings:delete"
_CLASS = "/retention/<class_>"


def blueprint(rt: Runtime) -> Blueprint:
    """The routes of retention, holds and deletions, below /api."""
    routes = Blueprint("recording_keeping", __name__)
    for rule, name, view, method in (
        (_CLASS, "show_class", show_class, "GET"),
        (_CLASS, "put_class", put_class, "PUT"),
        (_CLASS, "remove_class", remove_class, "DELETE"),
        ("/recordings/<id:sid>/retention", "classify", classify, "PUT"),
        ("/recordings/<id:sid>/hold", "hold_one", hold_one, "POST"),
        ("/recordings/<id:sid>", "delete", delete, "DELETE"),
        ("/recordings/<id:sid>/deletion", "show_deletion", show_deletion, "GET"),
        ("/holds", "holds", list_holds, "GET"),
        ("/holds", "hold", hold, "POST"),
        ("/holds/<id:hold_id>", "lift", lift, "DELETE"),
    ):
        routes.add_url_rule(rule, name, partial(view, rt), methods=[method])
    return routes


def show_class(rt: Runtime, class_: str) -> Response:
    """The row of exactly this tenant, or of everybody."""
    tenant_id = _of_tenant(require_key_or_user(rt, _READ), class_)
    with rt.db.connection() as conn:
        found = retention.find(conn, tenant_id, class_)
    if found is None:
        raise missing("retention class")
    return Answer(200, schemas.retention_class(found)).response()


def put_class(rt: Runtime, class_: str) -> Response:
    """In force at once, also for what is stored already."""
    caller = _changer(rt)
    tenant_id, wanted = _of_tenant(caller, class_), checked(schemas.RETENTION, json_body())
    with rt.db.connection() as conn:
        row = retention.put(conn, tenant_id, class_, Policy(**wanted), changed_by=f"api:{caller.client}")
        _note(conn, caller, "retention.changed", class_, tenant_id or None, wanted)
    return Answer(200, schemas.retention_class(row)).response()


def remove_class(rt: Runtime, class_: str) -> Response:
    """200 with the row that does not count any more."""
    caller = _changer(rt)
    tenant_id = _of_tenant(caller, class_)
    with rt.db.connection() as conn:
        found = retention.find(conn, tenant_id, class_)
        if found is None or not retention.remove(conn, tenant_id, class_):
            raise missing("retention class")
        _note(conn, caller, "retention.changed", class_, tenant_id or None, {"removed": True})
    return Answer(200, schemas.retention_class(found)).response()


def classify(rt: Runtime, sid: str) -> Response:
    """Gives one recording its class by hand, or takes that back."""
    caller, class_ = _changer(rt), checked(schemas.CLASS, json_body())["class_"]
    by_settings = Policy(rt.settings.recording_keep_days, rt.settings.twilio_recording_days)
    with rt.db.connection() as conn:
        tenant_id = _seen(conn, caller, sid)
        if retention.set_class(conn, sid, class_):
            _note(conn, caller, "retention.changed", sid, tenant_id, {"class": class_})
        kept = retention.of_recording(conn, sid, by_settings)
    assert kept is not None  # it was seen
    return Answer(200, {
        "recording_sid": sid, "class": kept.class_, "keep_days": kept.policy.keep_days,
        "twilio_days": kept.policy.twilio_days,
    }).response()  # fmt: skip


def delete(rt: Runtime, sid: str) -> Response:
    """202: it will be deleted, and nobody hears it from now on; 200 once it is gone. Raises Problem 404, OnHold."""
    caller, asked = _changer(rt), query(schemas.DELETE)
    with rt.db.connection() as conn:
        _seen(conn, caller, sid)
        recording_deletions.ask(
            conn, sid, reason=asked["reason"], asked_by=f"api:{caller.client}", note=asked["note"],
            request_id=request_id.current(),
        )  # fmt: skip
        return _shown(conn, sid)


def show_deletion(rt: Runtime, sid: str) -> Response:
    """The deletion and its receipts. Raises Problem 404, also when none was asked for."""
    caller = require_key_or_user(rt, _READ)
    with rt.db.connection() as conn:
        _seen(conn, caller, sid)
        answer = _shown(conn, sid)
    answer.status_code = 200
    return answer


def hold_one(rt: Runtime, sid: str) -> Response:
    """201 with a hold on this recording."""
    caller, reason = _changer(rt), checked(schemas.REASON, json_body())["reason"]
    return _placed(rt, caller, "recording_sid", sid, reason)


def hold(rt: Runtime) -> Response:
    """201 with a hold on a recording, a call, or a tenant."""
    caller, wanted = _changer(rt), checked(schemas.HOLD, json_body())
    reason = wanted.pop("reason")
    subject: Subject = next(name for name in SUBJECTS if name in wanted)
    return _placed(rt, caller, subject, wanted[subject], reason)


def list_holds(rt: Runtime) -> Response:
    """The newest holds, of the caller's tenant if there is one."""
    caller, asked = require_key_or_user(rt, _READ), query(schemas.HOLDS_PAGE)
    if not caller.may_see(None) and not caller.may_see(asked.setdefault("tenant_id", caller.tenant_id)):
        raise missing("tenant")
    filters = {name: asked[name] for name in ("tenant_id", "lifted") if asked.get(name)}
    listing = Listing(rt.settings.twilio_auth_tokens, "/api/holds", filters)
    start = listing.position(asked.get("cursor"))
    with rt.db.connection() as conn:
        rows = recording_holds.page(
            conn, limit=asked["limit"] + 1, tenant=asked.get("tenant_id"), is_lifted_too=asked["lifted"] == "1",
            before=(start[0], UUID(start[1])) if start else None,
        )  # fmt: skip
    return listing.page(rows, asked["limit"], position=lambda row: (row.placed_at, str(row.id)), shown=schemas.hold)


def lift(rt: Runtime, hold_id: str) -> Response:
    """200 with the hold, which does not count any more. Asked again it says the same."""
    caller = _changer(rt)
    with rt.db.connection() as conn:
        found = recording_holds.find(conn, hold_id)
        if found is None or not caller.may_see(found.tenant):
            raise missing("hold")
        if found.lifted_at is None:
            found = recording_holds.lift(conn, hold_id, lifted_by=f"api:{caller.client}") or found
            _note(conn, caller, "recording.hold_lifted", _subject(found), found.tenant, {"hold_id": hold_id})
    return Answer(200, schemas.hold(found)).response()


def _changer(rt: Runtime) -> Caller:
    caller = require_key_or_user(rt, _CHANGE)
    if caller.kind == "user":
        raise Problem(403, "key-needed", "An API key is needed", f"Only a key of scope {_CHANGE} changes what is kept.")
    return caller


def _of_tenant(caller: Caller, class_: str) -> str:
    """The tenant in the query, EVERYBODY without one. Raises Problem 404."""
    tenant_id = query(schemas.TENANT)["tenant_id"]
    if not is_class(class_) or not caller.may_see(tenant_id or None):
        raise missing("retention class")
    return tenant_id


def _seen(conn: Connection, caller: Caller, sid: str) -> str | None:
    """The tenant of this recording. Raises Problem 404."""
    tenant_id = recordings.tenant_of(conn, sid)
    if recordings.find(conn, sid) is None or not caller.may_see(tenant_id):
        raise missing("recording")
    return tenant_id


def _placed(rt: Runtime, caller: Caller, subject: Subject, value: str, reason: str) -> Response:
    with rt.db.connection() as conn:
        tenant_id = _tenant_of(conn, caller, subject, value)
        made = recording_holds.place(conn, subject, value, reason=reason, placed_by=f"api:{caller.client}")
        _note(conn, caller, "recording.held", value, tenant_id, {"hold_id": str(made.id), "reason": reason})
    return Answer(201, schemas.hold(made), {"Location": f"/api/holds/{made.id}"}).response()


def _tenant_of(conn: Connection, caller: Caller, subject: Subject, value: str) -> str | None:
    """Whose it is. Raises Problem 404: a slip in a SID would hold nothing, and nobody would notice."""
    if subject == "recording_sid":
        return _seen(conn, caller, value)
    tenant_id: str | None = value
    if subject == "call_sid":
        call = call_overview.find(conn, value)
        tenants = (
            {each.tenant_id for each in call_overview.family(conn, call)} if call and call.call_sid == value else ()
        )
        tenant_id = max(filter(None, tenants), default=None)
        if not tenants:
            raise missing("call")
    if not caller.may_see(tenant_id):
        raise missing(subject.partition("_")[0])
    return tenant_id


def _shown(conn: Connection, sid: str) -> Response:
    found = recording_deletions.find(conn, sid)
    if found is None:
        raise missing("deletion")
    told = schemas.deletion(found, recording_receipts.of(conn, sid))
    headers = {"Location": f"/api/recordings/{sid}/deletion"}
    return Answer(200 if found.done_at else 202, told, headers).response()


def _subject(row: Hold) -> str:
    return row.recording_sid or row.call_sid or row.tenant_id or ""


def _note(
    conn: Connection, caller: Caller, action: str, subject: str, tenant_id: str | None, detail: dict[str, object]
) -> None:
    audit.note(
        conn, action, actor=f"api:{caller.client}", subject=subject, tenant_id=tenant_id, request_id=request_id.current(),
        detail=detail,
    )  # fmt: skip
