"""What would become of a text: its words, its sender, the rules, and its queue. Nothing is kept."""

import dataclasses
from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import Blueprint, Response
from psycopg import Connection

from ingress.answer import Answer
from ingress.api import resources, schemas
from ingress.api.reading import checked, json_body
from ingress.service_guard import Caller, require
from shared import phones, recipients, text_plan
from shared.domain import segments
from shared.domain.lanes import lane_of
from shared.domain.price_class import price_class
from shared.domain.senders import kind_of
from shared.phones import NotAPhone
from shared.runtime import Runtime
from shared.text_plan import NoSender, Origin, Planned


def blueprint(rt: Runtime) -> Blueprint:
    """The route of previews, below /api."""
    routes = Blueprint("preview", __name__)
    routes.add_url_rule("/sms/preview", "preview", partial(preview, rt), methods=["POST"])
    return routes


def preview(rt: Runtime) -> Response:
    """Without `to`, or anybody to send from, only the words are looked at."""
    caller, wanted = require(rt, "sms:send"), checked(schemas.PREVIEW, json_body())
    told: dict[str, Any] = {"lane": lane_of(wanted["purpose"]), **_words(wanted)}
    if wanted["to"] is not None:
        told["recipient"] = recipients.of(wanted["to"])
        with rt.db.connection() as conn:
            told |= _sending(conn, rt, caller, wanted)
    return Answer(200, resources.preview(told)).response()


def _words(wanted: dict[str, Any]) -> dict[str, Any]:
    text, replaced = segments.smart(wanted["body"])
    saved = segments.segments_saved(wanted["body"])
    offer = {"body": text, "segments_saved": saved} if replaced else None
    measured = segments.measure(text_plan.plain(wanted))
    lengths = [len(part) for part in measured.parts]
    return {**dataclasses.asdict(measured), "segment_characters": lengths, "smart": offer}


def _sending(conn: Connection, rt: Runtime, caller: Caller, wanted: dict[str, Any]) -> dict[str, Any]:
    (planned,) = text_plan.plan(
        conn, [wanted], client=caller.client, in_bulk=False, law=rt.settings.law, now=datetime.now(UTC)
    )
    conn.rollback()  # to choose a sender is to keep it for this person
    if isinstance(planned, NoSender):
        return {}
    return {"sender": _sender(planned), "price_class": _price_class(planned.origin, wanted), **_planned(planned)}


def _planned(planned: Planned) -> dict[str, Any]:
    decision = planned.decision
    return {
        "decision": {
            "verdict": decision.verdict, "rules": decision.as_json(), "held_until": decision.held_until,
            "consent_id": decision.consent_id,
        },
        "would_be_refused": planned.refusal, "estimated_send_at": planned.estimated_send_at,
        "expires_at": planned.expires_at,
    }  # fmt: skip


def _sender(planned: Planned) -> dict[str, Any]:
    came_from = planned.origin
    return {
        "sender": came_from.sender, "kind": kind_of(came_from.sender), "tenant_id": came_from.tenant_id,
        "segments_per_s": planned.segments_per_s,
    }  # fmt: skip


def _price_class(came_from: Origin, wanted: dict[str, Any]) -> str:
    region = recipients.of(wanted["to"]).region
    return price_class(_region(came_from.from_number), region, has_media=bool(wanted["media_urls"]))


def _region(sender: str) -> str | None:
    try:
        return phones.about(sender).region
    except NotAPhone:
        return None
