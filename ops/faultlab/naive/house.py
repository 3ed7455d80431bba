"""The naive service with stores of its own, as processes of the laboratory."""

import sys
from pathlib import Path

import psycopg

from ops.faultlab.house import House, open_stores
from ops.stack import probes
from ops.stack.service import Service

WORKER_THREADS = 4


def open_naive(folder: Path) -> House:
    """Ready to take webhooks."""
    house = open_stores(folder)
    with psycopg.connect(house.env["TS_DATABASE_URL"]) as conn:
        conn.execute("create table events (key text primary key, body bytea, body_sha256 bytea)")
    house.programs = ["ingress", "events"]
    for service in (_ingress(house), _worker()):
        house.keeper.start(service)
    house.wait_ready(*house.programs)
    return house


def _ingress(house: House) -> Service:
    argv = [sys.executable, "-m", "gunicorn", "--bind", house.env["TS_BIND"], "--workers", "2", "--threads", "8"]
    argv += ["--worker-class", "gthread", "--no-control-socket", "ops.faultlab.naive.wsgi:app"]
    url = f"{house.env['TS_URL']}/readyz"
    return Service("ingress", argv, probe=lambda _pid: probes.http_ok(url))


def _worker() -> Service:
    argv = [sys.executable, "-m", "celery", "-A", "ops.faultlab.naive.tasks", "worker", "--pool", "threads"]
    return Service("events", [*argv, "--concurrency", str(WORKER_THREADS), "--without-gossip", "--without-mingle"])
