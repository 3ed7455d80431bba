"""/sim/webhooks and /sim/webhook: what was posted, posting it again, and posting anything at all."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, request

from ops.twilio_sim.control.wishes import Wrong, only, text, whole, wishes_of
from ops.twilio_sim.webhooks.address import is_http_url
from ops.twilio_sim.webhooks.history import KEPT, Entry
from ops.twilio_sim.webhooks.letter import Answer, Letter, pairs
from ops.twilio_sim.world import World

TAMPER = {None: "", False: "", True: "forged", "missing": "missing"}
WEBHOOK_KEYS = ("url", "params", "method", "tamper", "kind", "sid", "token")


def add_hooks(api: Blueprint, world: World) -> None:
    @api.get("/webhooks")
    def history() -> dict[str, Any]:
        entries = world.history.entries(
            sid=request.args.get("sid", ""), kind=request.args.get("kind", ""), after=whole(request, "after", 0)
        )
        shown = entries[: whole(request, "limit", KEPT)]
        return {"data": [asdict(e) for e in shown], "last_id": world.history.last_id, "has_more": shown != entries}

    @api.get("/webhooks/<int:entry_id>")
    def one(entry_id: int) -> dict[str, Any]:
        return asdict(_entry(world, entry_id))

    @api.post("/webhooks/<int:entry_id>/repeat")
    def repeat(entry_id: int) -> dict[str, Any]:
        old = _entry(world, entry_id)
        letter = Letter(
            old.kind, old.sid, old.url, pairs(old.params), old.token, old.method, voice=old.voice, tamper=old.tamper
        )
        return _result(world.post(letter))

    @api.post("/webhook")
    def post_any() -> dict[str, Any]:
        return _result(world.post(_letter(world, wishes_of(request))))


def _letter(world: World, wishes: dict[str, Any]) -> Letter:
    only(wishes, *WEBHOOK_KEYS)
    url, params, tamper = text(wishes, "url"), wishes.get("params", {}), wishes.get("tamper")
    if not is_http_url(url):
        raise Wrong("url must be an http(s) URL")
    if not isinstance(params, dict):
        raise Wrong("params must be an object of strings, or lists of strings for repeated names")
    if not isinstance(tamper, bool | str | None) or tamper not in TAMPER:
        raise Wrong('tamper must be true (a wrong signature) or "missing"')
    method = text(wishes, "method", "POST").upper()
    if method not in ("GET", "POST"):
        raise Wrong("method must be GET or POST")
    token = text(wishes, "token", "") or world.sids.token()
    return Letter(
        text(wishes, "kind", "custom"),
        text(wishes, "sid", "") or _sid_in(params),
        url,
        pairs(params),
        token,
        method,
        tamper=TAMPER[tamper],
    )


def _sid_in(params: dict[str, Any]) -> str:
    names = ("RecordingSid", "MessageSid", "CallSid")
    return next((str(params[n]) for n in names if params.get(n)), "")


def _result(answer: Answer) -> dict[str, Any]:
    return {
        "id": answer.entry_id,
        "http_status": answer.http_status,
        "body": answer.body.decode("utf-8", "replace"),
        "content_type": answer.content_type,
        "outcome": answer.outcome,
        "error": answer.error or None,
    }


def _entry(world: World, entry_id: int) -> Entry:
    entry = world.history.get(entry_id)
    if entry is None:
        raise Wrong("no such webhook", 404)
    return entry
