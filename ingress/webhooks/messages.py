"""Texts from customers."""

from flask import Blueprint, Response, request

from ingress import inbox
from ingress.context import IngressRuntime
from ingress.twilio_guard import verified
from ingress.webhooks.answers import METHODS, nothing_to_say


def blueprint(rt: IngressRuntime) -> Blueprint:
    """The inbound text. It is never answered by TwiML: what is sent goes through our own sending."""
    views = Blueprint("webhooks_messages", __name__)

    @views.route("/api/sms/incoming", methods=METHODS)
    @views.route("/api/v1/sms/incoming", methods=METHODS)
    @views.route("/webhooks/twilio/sms", methods=METHODS)
    def incoming() -> Response:
        posted = verified(request, rt.settings)
        inbox.accept(rt, posted, inbox.named(posted, "message"))
        return nothing_to_say()

    return views
