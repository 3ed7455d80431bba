"""The Flask application: what is registered, in which order, with which limits."""

from flask import Flask

from ingress import api, body, errors, health, observe, request_id, webhooks
from ingress.context import IngressRuntime


def create_app(rt: IngressRuntime) -> Flask:
    """The application over this Runtime."""
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    request_id.install(app)
    observe.install(app)
    body.install(app)
    errors.install(app)
    health.install(app, rt)
    webhooks.install(app, rt)
    api.install(app, rt)
    return app
