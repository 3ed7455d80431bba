"""Callbacks that only inform: statuses of calls and texts, recordings, and every other kind Twilio has."""

from flask import Blueprint, Response, request

from ingress import inbox
from ingress.context import IngressRuntime
from ingress.twilio_guard import verified
from ingress.webhooks.answers import METHODS, noted
from shared.domain.event_keys import Door


def blueprint(rt: IngressRuntime) -> Blueprint:
    """One view for all: what a callback is, is read from its parameters, so a URL set wrongly at Twilio loses nothing."""
    views = Blueprint("webhooks_status", __name__)

    @views.route("/api/webhooks/<path:what>", methods=METHODS)
    @views.route("/api/v1/webhooks/<path:what>", methods=METHODS)
    def callback(what: str) -> Response:
        posted = verified(request, rt.settings)
        door: Door = "recording" if what == "recording" else "status"
        inbox.accept(rt, posted, inbox.named(posted, door))
        return noted()

    return views
