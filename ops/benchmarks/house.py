"""The whole house as it runs in production, every process of the Procfile, with one subscriber who notes the time."""

import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from ops.benchmarks import corpus, machine
from ops.benchmarks.field import READY_WITHIN_S, Bench, service_env
from ops.benchmarks.line import Address
from ops.benchmarks.subjects import ROOT
from ops.stack import house, probes, redis
from ops.stack.ports import free_port
from ops.stack.runfolder import RunFolder
from ops.stack.service import Service
from ops.stack.supervisor import Supervisor
from shared.db import endpoints, numbers
from shared.db.endpoints import Endpoint
from shared.domain.routing import Number
from shared.endpoint_care import new_secret

TOLD_AS: Final = "call.status"


@dataclass(frozen=True)
class House:
    """All processes, by name."""

    bench: Bench
    supervisor: Supervisor
    address: Address
    notes: Path

    def pids(self) -> dict[str, list[int]]:
        """Every process of each program, PostgreSQL's and the subscriber's too."""
        ours = {name: machine.family(pid) for name, pid in self.supervisor.pids().items()}
        return {**ours, "postgres": self.bench.postgres_pids()}

    def told_ns(self) -> dict[str, int]:
        """When the subscriber was told of each call, ns since 1970, by CallSid."""
        lines = self.notes.read_bytes().split(b"\n")[:-1] if self.notes.exists() else []
        split = (line.partition(b" ") for line in lines)
        return {json.loads(body)["data"]["call_sid"]: int(at) for at, _, body in reversed([*split])}

    def committed_ns(self) -> dict[str, int]:
        """When each call's event was committed, by PostgreSQL's own record, ns since 1970."""
        with psycopg.connect(self.bench.database_url) as conn:
            rows = conn.execute(
                "select sids[1], (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000000)::bigint from events"
            ).fetchall()
        return {sid: int(micros) * 1000 for sid, micros in rows}


@contextmanager
def opened(bench: Bench) -> Iterator[House]:
    """Everything, ready. Raises supervisor.GaveUp."""
    run = RunFolder(bench.folder / f"house-{secrets.token_hex(4)}")
    run.prepare()
    env = service_env(run, bench.database_url)
    store = redis.server(run.data, free_port(), secrets.token_hex(8), appendfsync=bench.asked.appendfsync)
    env |= {"TS_REDIS_URL": store.url, "TS_S3_ENDPOINT_URL": "http://127.0.0.1:9", "TS_S3_ACCESS_KEY_ID": "bench"}
    supervisor = Supervisor(env=env, cwd=ROOT, logs=run.logs, say=lambda line: print(f"  {line}", file=sys.stderr))
    notes, port = run.path / "notes", free_port()
    try:
        _introduce(bench, port)
        for service in (store.service, _subscriber(port, notes)):
            supervisor.start(service)
        supervisor.wait_ready(["redis", "subscriber"], READY_WITHIN_S)
        for service in house.services(ROOT, env).values():
            supervisor.start(service)
        supervisor.wait_ready(supervisor.kept, READY_WITHIN_S)
        host, _, number = env["TS_BIND"].rpartition(":")
        yield House(bench, supervisor, (host, int(number)), notes)
    finally:
        for kept in supervisor.kept.values():
            kept.child.kill()


def wait_for(fact: Callable[[], bool], within_s: float) -> bool:
    """Whether `fact` becomes true within this time."""
    deadline = time.monotonic() + within_s
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _introduce(bench: Bench, port: int) -> None:
    """A clean database with our number, and the subscriber to what the corpus brings about."""
    with psycopg.connect(bench.database_url) as conn:
        conn.execute("truncate events, calls, notifications, deliveries, jobs cascade")
        numbers.put(conn, Number(corpus.BUSINESS, "bench"))
        where = f"http://127.0.0.1:{port}/"
        endpoints.put(conn, Endpoint("bench", where, "standard", new_secret(), [TOLD_AS], None, True))


def _subscriber(port: int, notes: Path) -> Service:
    argv = [sys.executable, "-m", "ops.benchmarks.subscriber", f"127.0.0.1:{port}", str(notes)]
    return Service("subscriber", argv, probe=lambda _pid: probes.http_ok(f"http://127.0.0.1:{port}/"))
