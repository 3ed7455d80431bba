"""Houses that send texts through the simulator: ours as in production, and a naive one, with senders enough for any pace."""

import json
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import requests

from ops.benchmarks import machine
from ops.benchmarks.field import READY_WITHIN_S, Bench, service_env
from ops.benchmarks.line import Address
from ops.benchmarks.subjects import ROOT
from ops.faultlab.naive.house import TEXTS_TABLE, naive_sender
from ops.manage.keys import mint
from ops.stack import house, redis
from ops.stack.ports import free_port
from ops.stack.runfolder import RunFolder
from ops.stack.supervisor import Supervisor
from shared.db import numbers, senders
from shared.db.senders import Sender
from shared.domain.routing import Number

CLIENT: Final = "bench"
TENANT: Final = "bench"
# Each may send a segment a second, as long codes do: together twice what is asked for.
SENDERS: Final = 400
_BODY: Final = "We have seen your call and will ring you back ({number})."
NAIVE_THREADS: Final = 8  # as many as our worker has
PROGRAMS: Final = ("ingress", "events", "sms", "recordings", "notify", "beat")
WITHOUT_WORK: Final = ("recordings", "notify", "beat")
"""Programs of ours that a text has nothing to do with as long as nobody is told of it."""


@dataclass(frozen=True)
class Sending:
    """A house that takes texts at `address` and sends them. `env` are its variables, `api_key` opens its door."""

    name: str
    bench: Bench
    supervisor: Supervisor
    address: Address
    env: dict[str, str]
    api_key: str

    def pids(self) -> dict[str, list[int]]:
        """Every process of each program."""
        ours = {name: machine.family(pid) for name, pid in self.supervisor.pids().items()}
        return {**ours, "postgres": self.bench.postgres_pids()}

    def taken_ns(self) -> list[int]:
        """When the simulator took each text, rising."""
        answer = requests.get(f"{self.env['TS_SIMULATOR_URL']}/sim/ledger", timeout=60)
        lines = [json.loads(line) for line in answer.text.splitlines()]
        return sorted(int(line["arrived_s"] * 1e9) for line in lines if line["sid"])

    def texts(self, first: int, count: int, **more: Any) -> list[bytes]:
        """Whole requests for texts `first` and following: each to another person, from one sender after the other."""
        return [self._text(number, more) for number in range(first, first + count)]

    def _text(self, number: int, more: Mapping[str, Any]) -> bytes:
        document = {"to": person(number), "from": sender(number % SENDERS), "body": _BODY.format(number=number), **more}
        body = json.dumps(document).encode()
        host, port = self.address
        return (
            f"POST /api/sms/send HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self.api_key}\r\nIdempotency-Key: {self.name}-{number}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def ask_bulk(self, first: int, count: int) -> str:
        """A bulk to `count` people, from whichever of our numbers; its address."""
        said = [{"to": person(number), "variables": {"number": str(number)}} for number in range(first, first + count)]
        document = {"tenant_id": TENANT, "body": _BODY.replace("{number}", "{{number}}"), "recipients": said}
        headers = {"Authorization": f"Bearer {self.api_key}", "Idempotency-Key": f"{self.name}-bulk-{first}"}
        at = f"http://{self.address[0]}:{self.address[1]}"
        answer = requests.post(f"{at}/api/sms/bulk", json=document, headers=headers, timeout=60)
        answer.raise_for_status()
        return f"{at}{answer.headers['Location']}"

    def expanded(self, bulk_url: str) -> int:
        """Of how many recipients of this bulk there is a text."""
        answer = requests.get(bulk_url, headers={"Authorization": f"Bearer {self.api_key}"}, timeout=60)
        answer.raise_for_status()
        return int(answer.json()["expanded"])

    def start(self, program: str) -> None:
        """One that was left out. Raises supervisor.GaveUp."""
        self.supervisor.start(house.services(ROOT, self.env)[program])
        self.supervisor.wait_ready([program], READY_WITHIN_S)

    def tell_simulator(self, **settings: float) -> None:
        """Changes how it behaves from now on."""
        at = f"{self.env['TS_SIMULATOR_URL']}/sim/settings"
        requests.post(at, json=settings, timeout=5).raise_for_status()


def person(number: int) -> str:
    """Somebody who gets one text."""
    return f"+1212{2000000 + number:07}"


def sender(place: int) -> str:
    """One of our numbers."""
    return f"+1415556{place:04}"


@contextmanager
def opened(
    bench: Bench,
    name: str,
    *,
    programs: Sequence[str] = PROGRAMS,
    without: Sequence[str] = (),
    per_s: float | None = None,
) -> Iterator[Sending]:
    """`ours` (these programs of it) or `naive`, ready, but for the programs in `without`; each sender may send `per_s`
    segments a second (None: as long codes do). Raises supervisor.GaveUp.
    """
    run = RunFolder(bench.folder / f"{name}-{secrets.token_hex(4)}")
    run.prepare()
    env = service_env(run, bench.database_url)
    store = redis.server(run.data, free_port(), secrets.token_hex(8), appendfsync=bench.asked.appendfsync)
    env |= {"TS_REDIS_URL": store.url, "TS_S3_ENDPOINT_URL": "http://127.0.0.1:9", "TS_S3_ACCESS_KEY_ID": "bench"}
    env["TS_PUBLIC_URL"] = env["TS_URL"] = f"http://{env['TS_BIND']}"  # where the simulator's callbacks go
    supervisor = Supervisor(env=env, cwd=ROOT, logs=run.logs, say=lambda line: print(f"  {line}", file=sys.stderr))
    try:
        key = _furnish(bench, env, per_s)
        for service in (store.service, house.doubles(env)["simulator"]):
            supervisor.start(service)
        supervisor.wait_ready(["redis", "simulator"], READY_WITHIN_S)
        _introduce(env, per_s)
        if name == "naive":
            services = naive_sender(env["TS_BIND"], NAIVE_THREADS)
        else:
            ours = house.services(ROOT, env)
            services = [ours[program] for program in programs if program not in without]
        for service in services:
            supervisor.start(service)
        supervisor.wait_ready(supervisor.kept, READY_WITHIN_S)
        host, _, port = env["TS_BIND"].rpartition(":")
        yield Sending(name, bench, supervisor, (host, int(port)), env, key)
    finally:
        for kept in supervisor.kept.values():
            kept.child.kill()


def _furnish(bench: Bench, env: dict[str, str], per_s: float | None) -> str:
    """Our numbers in a clean database, and a client's key."""
    with psycopg.connect(bench.database_url) as conn:
        conn.execute(
            "truncate events, messages, calls, call_controls, recordings, jobs, idempotency, numbers, senders, sticky_senders,"
            " bulks cascade"
        )
        conn.execute("drop table if exists naive_texts")
        conn.execute(TEXTS_TABLE)
        for place in range(SENDERS):
            numbers.put(conn, Number(sender(place), TENANT))
            if per_s is not None:
                senders.put(conn, Sender(sender(place), "long-code", tenant_id=TENANT, segments_per_s=per_s))
        return mint(conn, env=env["TS_ENV"], client=CLIENT, scopes=["sms:send", "sms:read", "calls:control"]).text


def _introduce(env: dict[str, str], per_s: float | None) -> None:
    at, session = env["TS_SIMULATOR_URL"], requests.Session()
    said = {} if per_s is None else {"segments_per_s": per_s}
    for place in range(SENDERS):
        session.put(f"{at}/sim/numbers/{sender(place)}", json=said, timeout=5).raise_for_status()


def jobs_due(database_url: str) -> list[int]:
    """Texts that wait to be sent, in the order in which they were promised."""
    with psycopg.connect(database_url) as conn:
        rows: list[tuple[Any, ...]] = conn.execute(
            "select id from jobs where kind = 'sms.send' and state = 'due' order by id"
        ).fetchall()
    return [row[0] for row in rows]
