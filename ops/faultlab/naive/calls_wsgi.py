"""The Flask side of a naive service for calls: one phone is rung, and every webhook becomes a task."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from flask import Response, request

from ops.faultlab.naive.calls import MISSED, place, tell
from ops.faultlab.naive.texts import send
from ops.faultlab.naive.texts_wsgi import INSERT, app, pool

# The owner's phone of a business by the lab's numbers, with nothing else of its routing.
RINGS = '<Response><Dial timeout="6" action="/api/calls/dial-result"><Number>{to}</Number></Dial></Response>'


@app.post("/api/calls/incoming")
def incoming() -> Response:
    tell.delay("incoming", _call())  # type: ignore[attr-defined]
    owner = request.form["To"].replace("+1415557", "+1415558")
    return Response(RINGS.format(to=owner), mimetype="text/xml")


@app.post("/api/calls/dial-result")
def dialled() -> Response:
    if request.form["DialCallStatus"] in MISSED:
        tell.delay("missed", _call())  # type: ignore[attr-defined]
    return Response("<Response/>", mimetype="text/xml")


@app.post("/api/webhooks/call")
def noted() -> Response:
    return Response(status=204)


@app.post("/api/calls")
def called() -> tuple[dict[str, Any], int]:
    wanted, call_id = request.get_json(), str(uuid4())
    place.delay(call_id, wanted["to"], wanted["from"])  # type: ignore[attr-defined]
    return {"id": call_id}, 202


@app.post("/internal/sms/send")
def text_back() -> tuple[dict[str, Any], int]:
    wanted = request.get_json() | {"key": str(uuid4())}
    with pool.connection() as conn:
        row = conn.execute(INSERT, wanted).fetchone()
    assert row is not None
    send.delay(row[0], wanted["to"], wanted["from"], wanted["body"])  # type: ignore[attr-defined]
    return {"id": row[0]}, 202


def _call() -> dict[str, Any]:
    told = {name: request.form[name] for name in ("CallSid", "From", "To", "Direction")}
    return {**told, "CallStatus": "ringing", "timestamp": datetime.now(UTC).isoformat()}
