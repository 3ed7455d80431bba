"""The HTTP API: what clients of the platform may ask, below /api, /api/v1 and /internal, and its documentation."""

from threading import BoundedSemaphore

from flask import Flask, Response

from ingress import service_guard
from ingress.api import (
    bulk,
    call_controls,
    calls,
    consents,
    deliveries,
    docs,
    endpoints,
    event_types,
    events,
    internal,
    numbers,
    openapi,
    placing,
    preview,
    recording_keeping,
    recordings,
    replays,
    reports,
    senders,
    sms,
    transcriptions,
)
from ingress.api.reading import IdConverter
from ingress.api.waiting import Waits
from shared.runtime import Runtime


def install(app: Flask, rt: Runtime) -> None:
    """Registers every route of the API. `ingress.request_id` and `ingress.errors` are installed by the application."""
    service_guard.install(app)
    app.url_map.converters["id"] = IdConverter
    # Slow requests may hold half of the threads; the other half is always there for quick ones.
    seats = BoundedSemaphore(max(1, rt.settings.web_threads // 2))
    waits = Waits(rt, seats)
    for blueprint in (
        sms.blueprint(rt, waits),
        preview.blueprint(rt),
        bulk.blueprint(rt),
        calls.blueprint(rt, waits),
        placing.blueprint(rt, waits),
        call_controls.blueprint(rt, waits),
        recordings.blueprint(rt, seats),
        recording_keeping.blueprint(rt),
        transcriptions.blueprint(rt),
        events.blueprint(rt),
        deliveries.blueprint(rt),
        replays.blueprint(rt),
        event_types.blueprint(rt),
        reports.blueprint(rt),
        consents.blueprint(rt),
        senders.blueprint(rt),
        numbers.blueprint(rt),
        endpoints.blueprint(rt, waits),
    ):
        blueprint.after_request(_private)
        app.register_blueprint(blueprint, url_prefix="/api")
        app.register_blueprint(blueprint, url_prefix="/api/v1", name=f"{blueprint.name}_v1")
    platform = internal.blueprint(rt, waits)
    platform.after_request(_private)
    app.register_blueprint(platform, url_prefix="/internal")
    openapi.install(app)
    docs.install(app, rt.settings)


def _private(response: Response) -> Response:
    """Numbers, texts and voices: for the one who asked, and for no cache."""
    response.headers.setdefault("Cache-Control", "private, no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
