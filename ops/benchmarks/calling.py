"""A house that takes calls: ours as in production, a business for each call, and the phones of owners and callers."""

import re
import secrets
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import local
from typing import Any, Final

import psycopg
import requests
from redis import Redis

from ops.benchmarks import machine
from ops.benchmarks.field import READY_WITHIN_S, Bench, service_env
from ops.benchmarks.subjects import ROOT
from ops.stack import house, redis, s3
from ops.stack.ports import free_port
from ops.stack.runfolder import RunFolder
from ops.stack.supervisor import Supervisor
from shared.db import endpoints, numbers
from shared.db.endpoints import Endpoint
from shared.domain.notices import FOR_AS_CALL
from shared.domain.number_urls import number_urls
from shared.domain.routing import Number, forwards
from shared.domain.twiml import Urls
from shared.inbox import INBOX

TENANT: Final = "7b0f6f3e-2f0a-4c1e-9d56-0a4f4d1f0001"
# Nobody watches, and nobody writes down what is said.
LEFT_OUT: Final = ("flower", "transcripts")
_AT_ONCE: Final = 16  # connections that place calls
_EMPTIED: Final = """
    truncate events, calls, call_steps, text_backs, recordings, messages, message_steps, notifications, deliveries, jobs,
             idempotency, conversations, endpoints, numbers, senders, sticky_senders cascade
"""
_OWED: Final = """
    select count(*) from jobs
     where state = 'due' and kind <> 'recording.expect'
       and not (kind = 'call.settle' and exists (select from calls where call_sid = ref and decision is not null))
"""
_DOUBLES: Final = ("simulator", "standins", "s3")


@dataclass(frozen=True)
class Kind:
    """One way that a call can go: the number's routing beside whom it rings, the owner's phone, the caller."""

    name: str
    phone: Mapping[str, object]
    caller: Mapping[str, object] = field(default_factory=dict)
    routing: Mapping[str, Any] = field(default_factory=dict)


_ANSWERS: Final = {"answers": "answer", "answer_after_s": 6, "talk_s": 12}
KINDS: Final = (
    Kind("answered", _ANSWERS),
    Kind("nobody answers, voicemail", {"answers": "no-answer"}, {"speaks_s": 8}),
    Kind("busy", {"answers": "busy"}, routing={"voicemail": False}),
    Kind("caller hangs up while it rings", {"answers": "no-answer"}, {"hangup_after_s": 9}),
    Kind("screened, key pressed", _ANSWERS | {"digits": "1"}, routing={"screening": "press"}),
    Kind("screened, no key", _ANSWERS, routing={"screening": "press", "voicemail": False}),
)


def kind_of(place: int) -> Kind:
    """The calls take turns."""
    return KINDS[place % len(KINDS)]


def business(place: int) -> str:
    """The number that is called: one for each call, so that no sender's pace holds up another's text."""
    return f"+1415557{place:04}"


def owner(place: int) -> str:
    """The phone that it rings."""
    return f"+1415558{place:04}"


def customer(place: int) -> str:
    """Who calls."""
    return f"+1212559{place:04}"


@dataclass(frozen=True)
class Calling:
    """The house, ready. `env` are its variables."""

    bench: Bench
    supervisor: Supervisor
    env: dict[str, str]

    def pids(self) -> dict[str, list[int]]:
        """Every process of each program, the doubles' too."""
        ours = {name: machine.family(pid) for name, pid in self.supervisor.pids().items()}
        return {**ours, "postgres": self.bench.postgres_pids()}

    def simulated(self, path: str, **asked: str | int) -> Any:
        """The simulator's answer."""
        answer = requests.get(f"{self.env['TS_SIMULATOR_URL']}/sim/{path}", params=asked, timeout=60)
        answer.raise_for_status()
        return answer.json()["data"]

    def place(self, count: int) -> dict[str, int]:
        """Everybody calls at once; which place each CallSid has."""
        with ThreadPoolExecutor(_AT_ONCE) as callers:
            return {sid: place for place, sid in enumerate(callers.map(self._place, range(count)))}

    def acked_ms(self, kinds: frozenset[str], percent: float) -> float:
        """By the ingress's own clock: the bucket's bound that `percent` of the answers to these webhooks do not exceed."""
        text = requests.get(f"{self.env['TS_ADMIN_URL']}/metrics", timeout=10).text
        return bucket_bound_s(text, kinds, percent) * 1e3

    def owed(self) -> int:
        """Events and promised work that are still under way; not the looks at whether something has come, when it has."""
        with psycopg.connect(self.bench.database_url) as conn, Redis.from_url(self.env["TS_REDIS_URL"]) as store:
            row = conn.execute(_OWED).fetchone()
            waiting: Any = store.hlen(INBOX)
        return int(waiting) + (row[0] if row else 0)

    def _place(self, place: int) -> str:
        said = {"from": customer(place), "to": business(place), **kind_of(place).caller}
        answer = _session().post(f"{self.env['TS_SIMULATOR_URL']}/sim/calls", json=said, timeout=60)
        answer.raise_for_status()
        return answer.json()["sid"]


_BUCKET: Final = re.compile(r"webhook_ack_seconds_bucket\{([^}]*)\} (\S+)")
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')


def bucket_bound_s(metrics: str, kinds: frozenset[str], percent: float) -> float:
    """The upper bound in s of the bucket in which `percent` of all answers are; 0.0 when there are none."""
    counts: Counter[float] = Counter()
    for labels, count in _BUCKET.findall(metrics):
        told = dict(_LABEL.findall(labels))
        if told["kind"] in kinds:
            counts[float(told["le"])] += int(float(count))
    total = max(counts.values(), default=0)
    return next((bound for bound in sorted(counts) if total and counts[bound] >= total * percent / 100), 0.0)


@contextmanager
def opened(bench: Bench, count: int, speed: float, **more: str) -> Iterator[Calling]:
    """Everything, ready for `count` calls in a world of this speed; `more` are variables of the house.

    Raises supervisor.GaveUp.
    """
    run = RunFolder(bench.folder / f"calls-{secrets.token_hex(4)}")
    run.prepare()
    env = service_env(run, bench.database_url)
    store = redis.server(run.data, free_port(), secrets.token_hex(8), appendfsync=bench.asked.appendfsync)
    files = s3.server(run.data, free_port())
    env |= {"TS_REDIS_URL": store.url, "TS_S3_ENDPOINT_URL": files.url, "TS_S3_BUCKET": s3.BUCKET}
    env |= {"TS_S3_ACCESS_KEY_ID": "bench", "TS_S3_SECRET_ACCESS_KEY": "bench", **more}
    env["TS_PUBLIC_URL"] = env["TS_URL"] = f"http://{env['TS_BIND']}"  # where the simulator's callbacks go
    supervisor = Supervisor(env=env, cwd=ROOT, logs=run.logs, say=lambda line: print(f"  {line}", file=sys.stderr))
    try:
        _furnish(bench, env, count)
        for service in (store.service, files.service, *house.doubles(env).values()):
            supervisor.start(service)
        supervisor.wait_ready(["redis", *_DOUBLES], READY_WITHIN_S)
        _introduce(env, count, speed)
        for name, service in house.services(ROOT, env).items():
            if name not in LEFT_OUT:
                supervisor.start(service)
        supervisor.wait_ready(supervisor.kept, READY_WITHIN_S)
        yield Calling(bench, supervisor, env)
    finally:
        for kept in supervisor.kept.values():
            kept.child.kill()


def _furnish(bench: Bench, env: Mapping[str, str], count: int) -> None:
    """A clean database with our numbers, and as-call-service."""
    with psycopg.connect(bench.database_url) as conn:
        conn.execute(_EMPTIED)
        for place in range(count):
            routing = forwards(owner(place), **kind_of(place).routing)
            numbers.put(conn, Number(business(place), TENANT, routing))
        endpoints.put(
            conn,
            Endpoint("as-call", env["TS_AS_CALL_SERVICE_URL"], "as-call-service", "", list(FOR_AS_CALL), None, True),
        )


def _introduce(env: Mapping[str, str], count: int, speed: float) -> None:
    at, urls = env["TS_SIMULATOR_URL"], number_urls(Urls(env["TS_PUBLIC_URL"]), Urls(env["TS_PUBLIC_URL"]))

    def introduce(place: int) -> None:
        for path, said in ((f"numbers/{business(place)}", urls), (f"phones/{owner(place)}", kind_of(place).phone)):
            _session().put(f"{at}/sim/{path}", json=dict(said), timeout=60).raise_for_status()

    with ThreadPoolExecutor(_AT_ONCE) as clients:
        for _ in clients.map(introduce, range(count)):
            pass  # to hear of what has failed
    requests.post(f"{at}/sim/settings", json={"speed": speed}, timeout=5).raise_for_status()


_own = local()


def _session() -> requests.Session:
    """One for each thread."""
    if not hasattr(_own, "session"):
        _own.session = requests.Session()
    return _own.session
