"""Knows how the stand-ins hang together: one Flask application, one state."""

from flask import Flask

from ops.standins import gate
from ops.standins.as_call_calls import calls
from ops.standins.as_call_messages import messages
from ops.standins.books import Books
from ops.standins.control import control
from ops.standins.engine import engine
from ops.standins.pns import pns
from ops.standins.subscribers import subscribers

# Notifications stay below 20 kB; a body of this size is a mistake of the sender.
LARGEST_BODY_BYTES = 1024 * 1024


def build(ts_url: str, service_key: str) -> Flask:
    """`ts_url` is where twilio-server listens, `service_key` what X-Service-Key must say, both ways."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY_BYTES
    books = Books(ts_url.rstrip("/"), service_key)
    app.extensions["books"] = books
    gate.put_up(app, books)
    for blueprint in (calls, messages, pns, subscribers, engine, control):
        app.register_blueprint(blueprint)
    return app
