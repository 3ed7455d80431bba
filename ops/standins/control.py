"""Knows the control API: tests and the demo look at what happened, teach numbers and secrets, and order trouble."""

from dataclasses import asdict

from flask import Blueprint, Response, current_app, jsonify, request
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from ops.standins import answering, reading
from ops.standins.books import Books
from ops.standins.envelope import Refused
from ops.standins.faults import faults_from
from ops.standins.pns import STATUSES

control = Blueprint("control", __name__)


def _books() -> Books:
    return current_app.extensions["books"]


@control.get("/livez")
def alive() -> Response:
    return jsonify({"status": "ok"})


@control.get("/standin/as-call/state")
def as_call_state() -> Response:
    """Calls by SID, conversations by id with their messages, and the requests to as-call in their order.

    A request's `status` is what was answered, None where the connection was cut; `is_taken`: it was told yes.
    """
    books = _books()
    with books.lock:
        return jsonify(
            {
                "calls": {sid: asdict(call) for sid, call in books.calls.items()},
                "conversations": {key: asdict(found) for key, found in books.conversations.items()},
                "requests": [entry for entry in books.requests if entry["service"] == "as-call"],
            }
        )


@control.get("/standin/subscriber/<name>")
def subscriber_state(name: str) -> Response:
    books = _books()
    with books.lock:
        subscriber = books.subscriber(name)
        received = [asdict(delivery) for delivery in subscriber.received.values()]
        return jsonify({"name": name, "has_secret": subscriber.secret is not None, "received": received})


@control.get("/standin/ns-delivery")
def ns_delivery_state() -> Response:
    """What ns-delivery-service knows of each text, by our id of it."""
    books = _books()
    with books.lock:
        return jsonify({message_id: asdict(fate) for message_id, fate in books.fates.known.items()})


@control.get("/standin/analytics")
def analytics_state() -> Response:
    """Events by type; each tenant's hours as counted from events, and as reported; where the two differ."""
    books = _books()
    with books.lock:
        figures = books.figures
        counted = [
            {"tenant_id": tenant, "hour": hour, **words}
            for (tenant, hour), words in sorted(figures.counted().items(), key=str)
        ]
        return jsonify(
            {
                "by_type": dict(figures.by_type),
                "counted": counted,
                "reports": [*figures.reports.values()],
                "differences": [asdict(difference) for difference in figures.differences()],
            }
        )


@control.put("/standin/subscriber/<name>/secret")
def set_secret(name: str) -> Response:
    secret = reading.text(reading.json_object(request), "secret")
    try:
        Webhook(secret)
    except (ValueError, EmptyWebhookSecretError) as error:
        raise Refused(400, "VALIDATION_ERROR", f"not a secret: {error}") from error
    books = _books()
    with books.lock:
        books.subscriber(name).secret = secret
    return Response(status=204)


@control.put("/standin/pns/<number>")
def set_number(number: str) -> Response:
    body = reading.json_object(request)
    status = reading.text(body, "status") if "status" in body else "active"
    if status not in STATUSES or not reading.E164.fullmatch(number):
        raise Refused(400, "VALIDATION_ERROR", f"an E.164 number, and a status of {', '.join(STATUSES)}")
    books = _books()
    with books.lock:
        books.numbers[number] = {"tenantId": reading.uuid(body, "tenantId"), "status": status}
    return Response(status=204)


@control.put("/standin/faults")
def order_faults() -> Response:
    """`{"as-call": {"status": 503, "times": 2, "about": "+12125550142"}}`, or a list of such; `[]` ends all of a service."""
    try:
        orders = {service: faults_from(order) for service, order in reading.json_object(request).items()}
    except ValueError as error:
        raise Refused(400, "VALIDATION_ERROR", str(error)) from error
    for service, faults in orders.items():
        _books().faults.order(service, faults)
    return Response(status=204)


@control.put("/standin/as-call/ways")
def set_ways() -> Response:
    """`{"dialect": "designed", "answer": "top", "repeats": "once", "ai_after_s": 1}`; what is left out stays."""
    books, wishes = _books(), reading.json_object(request)
    try:
        with books.lock:
            books.ways = books.ways.changed(wishes)
            return jsonify(asdict(books.ways))
    except ValueError as error:
        raise Refused(400, "VALIDATION_ERROR", str(error)) from error


@control.post("/standin/as-call/conversations/<conversation_id>/reply")
def reply(conversation_id: str) -> Response:
    """`{"message": "…"}`: a human of the business answers, as through the platform's own web pages."""
    books, body = _books(), reading.text(reading.json_object(request), "message")
    with books.lock:
        conversation = books.conversations.get(conversation_id)
    if conversation is None:
        raise Refused(404, "CONVERSATION_NOT_FOUND", "Conversation not found")
    return jsonify(asdict(answering.human_answers(books, conversation, body)))


@control.get("/standin/engine")
def engine_state() -> Response:
    """What it hears, and what it was sent: fields, size and digest of each sound."""
    books = _books()
    with books.lock:
        return jsonify(asdict(books.engine))


@control.put("/standin/engine")
def set_engine() -> Response:
    """`{"text": "…", "language": "english", "avg_logprob": -0.2, "key": "…"}`; what is left out stays."""
    books, wishes = _books(), reading.json_object(request)
    if unknown := set(wishes) - {"text", "language", "avg_logprob", "key"}:
        raise Refused(400, "VALIDATION_ERROR", f"there is no {', '.join(sorted(unknown))}")
    with books.lock:
        for name, value in wishes.items():
            setattr(books.engine, name, value)
    return Response(status=204)


@control.delete("/standin/state")
def forget() -> Response:
    _books().forget()
    return Response(status=204)
