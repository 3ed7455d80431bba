"""One canonical log line and one observation per request, whatever becomes of it."""

import time
from typing import Final

from flask import Flask, Response, g, request

from ingress.paths import door
from shared import log, metrics


def install(app: Flask) -> None:
    """Install it second, behind the request id."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.started = time.perf_counter()


def _end(response: Response) -> Response:
    took_s = time.perf_counter() - g.get("started", time.perf_counter())
    # The rule, not the path: paths carry ids, and a label must not be unbounded.
    route = request.url_rule.rule if request.url_rule else "(none)"
    metrics.HTTP_REQUESTS.labels(route, method_label(request.method), response.status_code).inc()
    metrics.HTTP_SECONDS.labels(route).observe(took_s)
    if door(request.path) == "webhook":
        metrics.WEBHOOK_ACK.labels(g.get("webhook_kind", "unknown")).observe(took_s)
    # A flood of forged webhooks must not fill the disk: `refusals` logs a sample of them.
    is_forged = response.status_code in _OF_FORGERIES and door(request.path) == "webhook"
    level = log.get().debug if route in _FREQUENT or is_forged else log.get().info
    level(
        "request_served", route=route, method=request.method, status=response.status_code, duration_s=round(took_s, 5)
    )
    return response


def method_label(method: str) -> str:
    """For metrics: clients may make methods up, and a label must not be unbounded."""
    return method if method in _METHODS else "other"


_METHODS: Final = frozenset({"", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Not signed, or with more fields than anyone sends; a webhook of Twilio's is answered neither.
_OF_FORGERIES: Final = frozenset({400, 403})
# Probes and scrapes come every few seconds and say nothing.
_FREQUENT = frozenset({"/livez", "/readyz", "/healthz", "/health", "/metrics"})
