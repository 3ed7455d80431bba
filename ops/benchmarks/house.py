"""The whole house as it runs in production, every process of the Procfile, with subscribers who note the time."""

import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg

from ops.benchmarks import corpus, machine, receivers
from ops.benchmarks.field import READY_WITHIN_S, Bench, service_env
from ops.benchmarks.line import Address
from ops.benchmarks.receivers import Receiver
from ops.benchmarks.subjects import ROOT
from ops.stack import house, redis
from ops.stack.ports import free_port
from ops.stack.runfolder import RunFolder
from ops.stack.supervisor import Supervisor
from shared.db import endpoints, numbers
from shared.db.endpoints import Endpoint
from shared.domain.routing import Number
from shared.endpoint_care import new_secret

TOLD_AS: Final = "call.status"
SUBSCRIBER: Final = "subscriber"  # processes that are no program of the house have a name that begins so
ONE: Final[Mapping[str, str]] = {SUBSCRIBER: TOLD_AS}


@dataclass(frozen=True)
class House:
    """All processes, by name."""

    bench: Bench
    supervisor: Supervisor
    address: Address
    receivers: Sequence[Receiver]

    def pids(self) -> dict[str, list[int]]:
        """Every process of each program, PostgreSQL's and the subscribers' too."""
        ours = {name: machine.family(pid) for name, pid in self.supervisor.pids().items()}
        return {**ours, "postgres": self.bench.postgres_pids()}

    def committed_ns(self) -> dict[str, int]:
        """When each call's event was committed, by PostgreSQL's own record, ns since 1970."""
        with psycopg.connect(self.bench.database_url) as conn:
            rows = conn.execute(
                "select sids[1], (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000000)::bigint from events"
            ).fetchall()
        return {sid: int(micros) * 1000 for sid, micros in rows}


@contextmanager
def opened(bench: Bench, wants: Mapping[str, str] = ONE, *, absent: Sequence[str] = ()) -> Iterator[House]:
    """Everything, ready. `wants`: what each subscriber wants to be told; who is `absent` is known, and does not run.

    Raises supervisor.GaveUp.
    """
    run = RunFolder(bench.folder / f"house-{secrets.token_hex(4)}")
    run.prepare()
    env = service_env(run, bench.database_url)
    store = redis.server(run.data, free_port(), secrets.token_hex(8), appendfsync=bench.asked.appendfsync)
    env |= {"TS_REDIS_URL": store.url, "TS_S3_ENDPOINT_URL": "http://127.0.0.1:9", "TS_S3_ACCESS_KEY_ID": "bench"}
    supervisor = Supervisor(env=env, cwd=ROOT, logs=run.logs, say=lambda line: print(f"  {line}", file=sys.stderr))
    listeners = receivers.made([*wants], run.path)
    try:
        _introduce(bench, listeners, wants)
        for service in (store.service, *(one.service() for one in listeners if one.name not in absent)):
            supervisor.start(service)
        supervisor.wait_ready([*supervisor.kept], READY_WITHIN_S)
        for service in house.services(ROOT, env).values():
            supervisor.start(service)
        supervisor.wait_ready(supervisor.kept, READY_WITHIN_S)
        host, _, number = env["TS_BIND"].rpartition(":")
        yield House(bench, supervisor, (host, int(number)), listeners)
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


def _introduce(bench: Bench, listeners: Sequence[Receiver], wants: Mapping[str, str]) -> None:
    """A clean database with our number, and the subscribers, each to what it wants."""
    with psycopg.connect(bench.database_url) as conn:
        conn.execute("truncate events, calls, notifications, deliveries, jobs, endpoints cascade")
        numbers.put(conn, Number(corpus.BUSINESS, "bench"))
        for one in listeners:
            endpoints.put(conn, Endpoint(one.name, one.url, "standard", new_secret(), [wants[one.name]], None, True))
