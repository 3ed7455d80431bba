"""The simulator as one Flask application: Twilio's REST API, the control API, and a page for people."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from ops.twilio_sim.control.hooks import add_hooks
from ops.twilio_sim.control.ledger import add_ledger
from ops.twilio_sim.control.media import add_media
from ops.twilio_sim.control.optouts import add_opt_outs
from ops.twilio_sim.control.people import add_people
from ops.twilio_sim.control.recordings import add_recordings as add_sim_recordings
from ops.twilio_sim.control.wishes import Wrong
from ops.twilio_sim.control.world import add_world
from ops.twilio_sim.rest.calls import add_calls
from ops.twilio_sim.rest.errors import body_of
from ops.twilio_sim.rest.gate import Gate
from ops.twilio_sim.rest.media import other_host
from ops.twilio_sim.rest.messages import add_messages
from ops.twilio_sim.rest.numbers import add_numbers
from ops.twilio_sim.rest.recordings import add_recordings
from ops.twilio_sim.rest.services import add_services
from ops.twilio_sim.world import World

# Everything is on the page itself; it may talk to this server only.
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "media-src 'self'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
RESOURCES = {
    "messages": add_messages,
    "calls": add_calls,
    "recordings": add_recordings,
    "numbers": add_numbers,
}


def create_app(world: World) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024  # the longest real body is a few kilobytes
    gate = Gate(world)
    for name, add in RESOURCES.items():
        app.register_blueprint(_resource(world, gate, name, add))
    app.register_blueprint(_messaging(world, gate))
    app.register_blueprint(_control(world))
    app.register_blueprint(other_host(world))
    app.register_error_handler(HTTPException, _http_error)
    app.add_url_rule("/", view_func=_page)
    app.add_url_rule("/livez", view_func=lambda: {"status": "alive"}, endpoint="livez")
    return app


def _resource(world: World, gate: Gate, name: str, add: Callable[[Blueprint, World], None]) -> Blueprint:
    api = Blueprint(name, __name__, url_prefix="/2010-04-01/Accounts/<account_sid>")
    gate.guard(api)
    add(api, world)
    return api


def _messaging(world: World, gate: Gate) -> Blueprint:
    """What Twilio has at messaging.twilio.com."""
    api = Blueprint("messaging", __name__, url_prefix="/v1")
    gate.guard(api)
    add_services(api, world)
    return api


def _control(world: World) -> Blueprint:
    api = Blueprint("control", __name__, url_prefix="/sim")
    for add in (add_world, add_people, add_hooks, add_ledger, add_opt_outs, add_sim_recordings, add_media):
        add(api, world)
    api.register_error_handler(Wrong, lambda wrong: (jsonify(error=wrong.why), wrong.status))
    api.register_error_handler(ValueError, lambda wrong: (jsonify(error=str(wrong)), 400))
    return api


def _page() -> Response:
    html = files(__package__ or "ops.twilio_sim").joinpath("page.html").read_text(encoding="utf-8")
    return Response(html, mimetype="text/html", headers={"Content-Security-Policy": PAGE_POLICY})


def _http_error(error: HTTPException) -> Any:
    """Unknown addresses answer in the words of the side they are on."""
    status = error.code or 500
    if request.path.startswith(("/2010-04-01/", "/v1/")):
        code = 20404 if status == 404 else status
        about = f"The requested resource {request.path} was not found" if status == 404 else error.name
        return body_of(status, code, about), status
    return jsonify(error=error.description or error.name), status
