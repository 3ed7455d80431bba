"""Calls: answered from memory, and answered even when nothing can be stored."""

from flask import Blueprint, Response, request

from ingress import inbox
from ingress.context import IngressRuntime
from ingress.twilio_guard import Posted, verified
from ingress.webhooks.answers import METHODS, document, nothing_to_say
from shared.domain import routing, twiml
from shared.domain.event_keys import Door, Name
from shared.domain.missed_call import ANSWERED_DIALS
from shared.errors import NotStored


def blueprint(rt: IngressRuntime) -> Blueprint:
    """The call's request, its dial result, its voicemail."""
    views = Blueprint("webhooks_calls", __name__)

    @views.route("/api/calls/incoming", methods=METHODS)
    @views.route("/api/v1/calls/incoming", methods=METHODS)
    @views.route("/webhooks/twilio/call", methods=METHODS)
    def incoming() -> Response:
        posted = verified(request, rt.settings)
        name = inbox.named(posted, "call")
        if name.kind not in ("call-in", "call-fallback"):
            _store_or_go_on(rt, posted, name)
            return nothing_to_say()
        route = routing.route(rt.routing.number(posted.params.get("To", "")), posted.params.get("From", ""))
        _store_or_go_on(rt, posted, name, route.kind)
        return document(twiml.for_route(route, rt.urls))

    @views.route("/api/calls/dial-result", methods=METHODS)
    @views.route("/api/v1/calls/dial-result", methods=METHODS)
    def dial_result() -> Response:
        return _after_dial(rt, "dial")

    @views.route("/webhooks/twilio/call/status/<call_sid>", methods=METHODS)
    def older_dial_result(call_sid: str) -> Response:
        return _after_dial(rt, "dial")

    @views.route("/api/calls/voicemail", methods=METHODS)
    @views.route("/api/v1/calls/voicemail", methods=METHODS)
    def voicemail() -> Response:
        posted = verified(request, rt.settings)
        _store_or_go_on(rt, posted, inbox.named(posted, "voicemail"))
        return document(twiml.HANG_UP)

    return views


def _after_dial(rt: IngressRuntime, door: Door) -> Response:
    posted = verified(request, rt.settings)
    name = inbox.named(posted, door)
    _store_or_go_on(rt, posted, name)
    if name.kind != "dial":
        return nothing_to_say()
    number = rt.routing.number(posted.params.get("To", ""))
    answered = posted.params["DialCallStatus"] in ANSWERED_DIALS and posted.params.get("DialBridged") != "false"
    return document(twiml.after_dial(number, answered, rt.urls))


def _store_or_go_on(rt: IngressRuntime, posted: Posted, name: Name, answer: str = "") -> None:
    """A caller is waiting on the line: an outage of ours must not play Twilio's error message to them.

    What was not stored is logged and counted by `accept`; the call's final state comes with its later callbacks.
    """
    try:
        inbox.accept(rt, posted, name, answer)
    except NotStored:
        return
