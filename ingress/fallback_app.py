"""The fallback receiver: Twilio's doors and nothing else, for when the ingress does not answer.

It has a journal, an address and a process of its own, and sends Twilio back to itself: a call goes on while the ingress is
dead. Where calls go it knows from its own snapshot; PostgreSQL is asked by threads only, never by a request.
"""

from dataclasses import replace

from flask import Flask

from ingress import body, errors, health, observe, request_id, webhooks
from ingress.context import IngressRuntime, open_runtime
from shared.domain.urls import Urls
from shared.settings import Settings

_THREADS = 4  # as in `fallback_conf.py`


def open_fallback(settings: Settings) -> IngressRuntime:
    """The Runtime of the fallback receiver. Without TS_FALLBACK_URL Twilio is sent to the ingress, as ever."""
    own = replace(settings, journal_dir=settings.fallback_journal_dir, routing_file="", web_threads=_THREADS)
    return open_runtime(own, Urls(settings.fallback_url or settings.public_url))


def create_app(rt: IngressRuntime) -> Flask:
    """The application over this Runtime."""
    app = Flask(__name__, static_folder=None)
    request_id.install(app)
    observe.install(app)
    body.install(app)
    errors.install(app)
    health.install(app, rt)
    webhooks.install(app, rt)
    return app
