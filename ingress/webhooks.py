"""Twilio's doors in Flask: verify, decide the answer, store, answer. The hot lane does the same for the plain case."""

from typing import Any, Final

from flask import Blueprint, Flask, Response, g, request

from ingress import desk, inbox
from ingress.context import IngressRuntime
from ingress.twilio_guard import verified
from shared.errors import NotStored

# Each path of the specification, its versioned alias, and the platform's older ones.
_RULES: Final = (
    *(
        base + path
        for path in (
            "/calls/incoming", "/calls/fallback", "/calls/choice", "/calls/dial-result", "/calls/whisper", "/calls/accept",
            "/calls/voicemail", "/sms/incoming", "/sms/fallback",
            # What a callback is, is read from its parameters, so a URL set wrongly at Twilio loses nothing.
            "/webhooks/<path:what>",
        )
        for base in ("/api", "/api/v1")
    ),
    "/webhooks/twilio/call", "/webhooks/twilio/sms", "/webhooks/twilio/call/status/<call_sid>",
)  # fmt: skip
# Twilio sends POST unless a number is configured otherwise.
_METHODS: Final = ["POST", "GET"]


def install(app: Flask, rt: IngressRuntime) -> None:
    """Registers every webhook."""
    views = Blueprint("webhooks", __name__)

    def take(**_: Any) -> Response:
        return _take(rt)

    for number, rule in enumerate(_RULES):
        views.add_url_rule(rule, endpoint=f"take_{number}", view_func=take, methods=_METHODS)
    app.register_blueprint(views)


def _take(rt: IngressRuntime) -> Response:
    posted = verified(request, rt.policy)
    answer = desk.reply(rt, desk.door_of(request.path) or "status", posted)
    g.webhook_kind = answer.name.kind
    try:
        inbox.accept(rt, posted, answer)
    except NotStored:
        # A caller is waiting on the line: an outage of ours must not play Twilio's error message to them. The loss is
        # logged and counted, and the call's final state comes with its later callbacks.
        if not answer.is_for_caller:
            raise
    if answer.document is None:
        return Response(status=204)
    # Twilio reads at most 64 kB of TwiML (error 11750); ours are below one.
    return Response(answer.document, mimetype="text/xml")
