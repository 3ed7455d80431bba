"""Knows a receiver of signed notifications, as ns-delivery-service or as-analytics-core-service would build one."""

import json

from flask import Blueprint, Response, current_app, request

from ops.standins.books import Books
from ops.standins.envelope import refusal

subscribers = Blueprint("subscribers", __name__)


@subscribers.post("/subscriber/<name>")
def receive(name: str) -> Response:
    """204 when the signature holds, 401 when not; either way the attempt is written down."""
    books: Books = current_app.extensions["books"]
    raw = request.get_data()
    with books.lock:
        subscriber = books.subscriber(name)
        reason = subscriber.refusal(raw, dict(request.headers))
        event_type, content = _read(raw)
        subscriber.take(request.headers.get("webhook-id", ""), event_type, content, reason)
    if reason is not None:
        return refusal(401, "INVALID_SIGNATURE", reason)
    return Response(status=204)


def _read(raw: bytes) -> tuple[str, object]:
    """Type and data of `{type, timestamp, data}`; an unreadable body is kept as text so that a test can look at it."""
    try:
        body = json.loads(raw)
        return str(body["type"]), body["data"]
    except (ValueError, KeyError, TypeError):
        return "", raw.decode(errors="replace")
