"""Knows receivers of signed notifications: ns-delivery-service, as-analytics-core-service, and any other by its name.

Each takes a notification once by its `webhook-id`. What the two make of what they take is in `ns_delivery` and `analytics`.
"""

import json

from flask import Blueprint, Response, current_app, request

from ops.standins.books import Books
from ops.standins.envelope import refusal

NS_DELIVERY, ANALYTICS = "ns-delivery", "analytics"

subscribers = Blueprint("subscribers", __name__)


@subscribers.post("/subscriber/<name>")
def receive(name: str) -> Response:
    """204 when it is taken, 401 when the signature does not hold, 409 when it goes backwards; all of them are written down."""
    books: Books = current_app.extensions["books"]
    raw = request.get_data()
    with books.lock:
        subscriber = books.subscriber(name)
        reason = subscriber.refusal(raw, dict(request.headers))
        event_type, content = _read(raw)
        delivery = subscriber.take(request.headers.get("webhook-id", ""), event_type, content, reason)
        if reason is None and not delivery.is_taken:
            delivery.refusal = _hear(books, name, event_type, content)
            delivery.is_taken = delivery.refusal is None
        refused = delivery.refusal
    if reason is not None:
        return refusal(401, "INVALID_SIGNATURE", reason)
    if refused is not None:
        return refusal(409, "OUT_OF_ORDER", refused)
    return Response(status=204)


def _hear(books: Books, name: str, event_type: str, content: object) -> str | None:
    """Why the service of this name refuses it."""
    if name == NS_DELIVERY:
        return books.fates.hear(event_type, content)
    if name == ANALYTICS:
        books.figures.hear(event_type, content)
    return None


def _read(raw: bytes) -> tuple[str, object]:
    """Type and data of `{type, timestamp, data}`; an unreadable body is kept as text so that a test can look at it."""
    try:
        body = json.loads(raw)
        return str(body["type"]), body["data"]
    except (ValueError, KeyError, TypeError):
        return "", raw.decode(errors="replace")
