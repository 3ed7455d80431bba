"""The naive services with stores of their own, as processes of the laboratory: one that takes webhooks, one that sends."""

import sys
from pathlib import Path
from typing import Final, LiteralString

import psycopg

from ops.faultlab.house import House, open_stores
from ops.stack import probes
from ops.stack.service import Service

WORKER_THREADS = 4
# The one table of the naive sender.
TEXTS_TABLE: Final[LiteralString] = """
    create table naive_texts (
        id uuid primary key default gen_random_uuid(), key text unique, sender text, to_number text, body text,
        state text not null default 'queued', sid text, status text)
"""


def open_naive(folder: Path) -> House:
    """Ready to take webhooks."""
    house = open_stores(folder)
    with psycopg.connect(house.env["TS_DATABASE_URL"]) as conn:
        conn.execute("create table events (key text primary key, body bytea, body_sha256 bytea)")
    house.programs = ["ingress", "events"]
    for service in (
        _ingress(house.env["TS_BIND"], "ops.faultlab.naive.wsgi:app"),
        _worker("events", "ops.faultlab.naive.tasks", WORKER_THREADS),
    ):
        house.keeper.start(service)
    house.wait_ready(*house.programs)
    return house


def naive_sender(bind: str, threads: int = WORKER_THREADS) -> list[Service]:
    """A naive service that sends texts: who takes them, and who sends them."""
    return [_ingress(bind, "ops.faultlab.naive.texts_wsgi:app"), _worker("sms", "ops.faultlab.naive.texts", threads)]


def naive_calls(bind: str) -> list[Service]:
    """A naive service that takes calls and places them."""
    return [
        _ingress(bind, "ops.faultlab.naive.calls_wsgi:app"),
        _worker("calls", "ops.faultlab.naive.calls", WORKER_THREADS),
    ]


def _ingress(bind: str, app: str) -> Service:
    argv = [sys.executable, "-m", "gunicorn", "--bind", bind, "--workers", "2", "--threads", "8"]
    argv += ["--worker-class", "gthread", "--no-control-socket", app]
    return Service("ingress", argv, probe=lambda _pid: probes.http_ok(f"http://{bind}/readyz"))


def _worker(name: str, tasks: str, threads: int) -> Service:
    argv = [sys.executable, "-m", "celery", "-A", tasks, "worker", "--pool", "threads", "--loglevel", "warning"]
    return Service(name, [*argv, "--concurrency", str(threads), "--without-gossip", "--without-mingle"])
