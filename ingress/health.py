"""Is this process alive, can it store a webhook now, and what do its gauges say?"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY
from psycopg import Error as DatabaseError
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError
from werkzeug.exceptions import NotFound

from ingress.context import IngressRuntime
from ingress.gauges import Gauges


def install(app: Flask, rt: IngressRuntime) -> None:
    """Registers the probes; metrics and details only on the admin port."""
    admin_port = rt.settings.admin_bind.rpartition(":")[2]

    @app.get("/livez")
    @app.get("/healthz")
    def livez() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @app.get("/health")
    def platform_health() -> Response:
        return jsonify(status="OK", timestamp=datetime.now(UTC).isoformat())

    @app.get("/readyz")
    def readyz() -> Response:
        checks = {
            "journal": "ok" if rt.journal.is_writable else "refuses",
            "inbox": "cut" if rt.line.is_cut else "ok",
            # Without PostgreSQL a copy, without that nothing: callers are answered all the same.
            "routing": rt.routing.source,
        }
        # One store is enough to take a webhook; which one is away is shown, and alarmed by metrics.
        ready = "ok" in (checks["journal"], checks["inbox"]) and checks["routing"] != "loading"
        if "verbose" in request.args and _is_admin(admin_port):
            # PostgreSQL is shown but never fails readiness: webhooks are taken without it.
            known = {"numbers": len(rt.routing), "routing_age_s": round(rt.routing.age_s, 1)}
            return jsonify(ready=ready, checks={**checks, "database": _database(rt)}, **known)
        return Response("ready\n" if ready else "not ready\n", status=200 if ready else 503, mimetype="text/plain")

    @app.get("/metrics")
    def metrics() -> Response:
        if not _is_admin(admin_port):
            raise NotFound
        registry = CollectorRegistry()
        if rt.settings.metrics_dir:
            MultiProcessCollector(registry, path=rt.settings.metrics_dir)
        else:
            registry.register(_Own())
        registry.register(Gauges(rt))
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Own:
    """Without a shared folder (one process, in tests) the process's own counters."""

    def collect(self) -> Iterator[Any]:
        """As prometheus-client asks a collector."""
        return REGISTRY.collect()  # type: ignore[return-value]


def _is_admin(port: str) -> bool:
    """By the listener the request came in at; a Host header cannot pretend that."""
    return request.environ.get("SERVER_PORT") == port


def _database(rt: IngressRuntime) -> str:
    def ask() -> None:
        with rt.db.connection(timeout=1.0) as conn:  # a probe must answer before its caller gives up
            conn.execute("select 1")

    return _tried(ask)


def _tried(ask: Callable[[], object]) -> str:
    started = time.perf_counter()
    try:
        ask()
    except (RedisError, DatabaseError, PoolTimeout) as fault:
        return f"{type(fault).__name__} after {time.perf_counter() - started:.2f} s"
    return "ok"
