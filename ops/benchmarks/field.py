"""Where a subject runs: a folder, a Redis and ports of its own, one PostgreSQL for all; nothing outlives its run."""

import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ops.benchmarks import corpus, machine
from ops.benchmarks.line import Address
from ops.benchmarks.options import Options
from ops.benchmarks.subjects import ROOT, WORKERS, Subject
from ops.stack import environment, options, postgres, probes, procfile, redis
from ops.stack.ports import free_port
from ops.stack.runfolder import RunFolder
from ops.stack.service import Service
from ops.stack.supervisor import Supervisor
from shared.db.migrate import migrate

READY_WITHIN_S: Final = 30.0
REPEAT_WITHIN_S: Final = 420.0  # disturbed runs are not repeated later than that: everything ends within 15 minutes
_QUIET_S, _QUIET_SHARE = 0.15, 0.1  # a tree that uses less than a tenth of a core for so long has finished starting


@dataclass(frozen=True)
class Bench:
    """What all scenarios share."""

    asked: Options
    folder: Path
    postgres: Supervisor
    database_url: str
    requests: list[bytes]

    began_s: float
    """Monotonic clock."""
    holds: bytes = b""
    """What every answer must hold."""

    @property
    def is_late(self) -> bool:
        """Too much time has gone to measure anything twice."""
        return time.monotonic() - self.began_s > REPEAT_WITHIN_S

    def stop_postgres(self) -> None:
        """Nobody listens on its port any more."""
        self.postgres.stop([["postgres"]])

    def start_postgres(self) -> None:
        """Again, on the same port, over the same tables."""
        self.postgres.start(self.postgres.kept["postgres"].service)
        self.postgres.wait_ready(["postgres"], READY_WITHIN_S)

    def postgres_pids(self) -> list[int]:
        """PostgreSQL's processes now."""
        return machine.family(self.postgres.kept["postgres"].child.pid)


@dataclass(frozen=True)
class Running:
    """One subject that answers, and its Redis."""

    subject: Subject
    address: Address
    redis: redis.RedisServer
    supervisor: Supervisor

    def pids(self) -> dict[str, list[int]]:
        """Its processes and Redis's."""
        return {name: machine.family(self.supervisor.kept[name].child.pid) for name in ("subject", "redis")}


@contextmanager
def opened(asked: Options, folder: Path, requests: list[bytes]) -> Iterator[Bench]:
    """PostgreSQL with the schema, for every subject that wants one."""
    supervisor = Supervisor(env=os.environ, cwd=ROOT, logs=folder, say=print)
    server = postgres.server(folder, free_port(), secrets.token_hex(8))
    # So that PostgreSQL itself tells when something was committed.
    service = replace(server.service, argv=[*server.service.argv, "-c", "track_commit_timestamp=on"])
    try:
        supervisor.start(service)
        supervisor.wait_ready(["postgres"], READY_WITHIN_S)
        migrate(server.url)
        yield Bench(asked, folder, supervisor, server.url, requests, time.monotonic())
    finally:
        supervisor.stop([["postgres"]])


@contextmanager
def started(bench: Bench, subject: Subject) -> Iterator[Running]:
    """The subject, fresh: empty stores, all of its workers loaded. Raises supervisor.GaveUp."""
    folder = bench.folder / secrets.token_hex(4)
    run = RunFolder(folder)
    run.prepare()
    env = {**service_env(run, bench.database_url), **subject.env}
    store = redis.server(run.data, free_port(), secrets.token_hex(8), appendfsync=bench.asked.appendfsync)
    env["TS_REDIS_URL"] = store.url
    supervisor = Supervisor(env=env, cwd=ROOT, logs=run.logs, say=print)
    ready = f"http://{env['TS_BIND']}{subject.ready_path}"
    service = Service("subject", procfile.argv(subject.command), lambda _pid: probes.http_ok(ready), stop_grace_s=5)
    try:
        supervisor.start(store.service)
        supervisor.wait_ready(["redis"], READY_WITHIN_S)
        supervisor.start(service)
        supervisor.wait_ready(["subject"], READY_WITHIN_S)
        _wait_until_quiet(supervisor.kept["subject"].child.pid)
        host, _, port = env["TS_BIND"].rpartition(":")
        yield Running(subject, (host, int(port)), store, supervisor)
    finally:
        for kept in supervisor.kept.values():
            kept.child.kill()  # what it has stored was counted: nobody needs an orderly end
        shutil.rmtree(folder, ignore_errors=True)


def service_env(run: RunFolder, database_url: str) -> dict[str, str]:
    """The service's variables, with ports of its own and nothing of a stack that may run beside."""
    names = [name for name, _, _ in options.PORTS]
    ports: set[int] = set()
    while len(ports) < len(names):
        ports.add(free_port())
    told = environment.house(options.Options(dict(zip(names, ports, strict=True))), {}, run)
    own = {
        "TS_PUBLIC_URL": corpus.PUBLIC_URL,
        "TS_DATABASE_URL": database_url,
        "TS_WEB_WORKERS": str(WORKERS),
        "TS_PNS_URL": "",
        "TWILIO_ACCOUNT_SID": corpus.ACCOUNT,
        "TWILIO_AUTH_TOKEN": corpus.TOKEN,
    }
    return environment.for_children(told | own, _foreign(os.environ))


def _foreign(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not name.startswith(("TS_", "TWILIO_", "PROMETHEUS_"))}


def _wait_until_quiet(pid: int) -> None:
    """gunicorn answers as soon as one worker is loaded; the others would load inside the measured window."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        pids = machine.family(pid)
        before = machine.cpu_s(pids)
        time.sleep(_QUIET_S)
        is_quiet = machine.cpu_s(pids) - before < _QUIET_S * _QUIET_SHARE
        if is_quiet and len(pids) > WORKERS and pids == machine.family(pid):
            return
