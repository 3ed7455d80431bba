"""Who is measured: how each is started, what counts as stored, and what it stands for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final, cast

from redis import Redis

from ops.stack import procfile
from shared.inbox import INBOX

ROOT: Final = Path(__file__).parents[2]
WORKERS: Final = 2
_GTHREAD: Final = "-k gthread --threads 8"


def _in_inbox(redis: Redis) -> int:
    return cast("int", redis.hlen(INBOX))


def _in_celery_queue(redis: Redis) -> int:
    return cast("int", redis.llen("celery"))


@dataclass(frozen=True, eq=False)
class Subject:
    """`command` is run by the shell with the service's variables set. `stored` counts entries; None: it keeps nothing."""

    name: str
    command: str
    what: str
    stored: Callable[[Redis], int] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    ready_path: str = "/readyz"

    @property
    def is_ours(self) -> bool:
        """It is the service itself, and needs all that the service needs."""
        return self.stored is _in_inbox


def _peer(module: str, more: str) -> str:
    return f"gunicorn -w {WORKERS} {more} --keep-alive 15 --log-level warning -b $TS_BIND ops.benchmarks.peers.{module}:app"


_SERVICE = procfile.read(ROOT / "Procfile")["ingress"]

OURS: Final = Subject("ours", _SERVICE, "the service as shipped: journal, log lines and metrics on", _in_inbox)
OURS_FLASK: Final = Subject(
    "ours, no lane",
    _SERVICE,
    "the service with TS_HOT_LANE=off: everything by Flask",
    _in_inbox,
    {"TS_HOT_LANE": "off"},
)
NAIVE: Final = Subject(
    "naive", _peer("naive", _GTHREAD), "Flask + SDK RequestValidator + Celery .delay(), gthread 2x8", _in_celery_queue
)
NAIVE_SYNC: Final = Subject(
    "naive, sync", _peer("naive", "-k sync"), "the same on gunicorn's default sync worker, 2 of them", _in_celery_queue
)
BARE: Final = Subject("bare", _peer("bare", _GTHREAD), "a WSGI app that answers 204 to anything, gthread 2x8")
BARE_GEVENT: Final = Subject("bare, gevent", _peer("bare", "-k gevent"), "the same on 2 gevent workers")


def everyone() -> list[Subject]:
    """All subjects that can run here; gevent comes with ops/requirements/bench.lock."""
    always = [OURS, OURS_FLASK, NAIVE, NAIVE_SYNC, BARE]
    return [*always, BARE_GEVENT] if find_spec("gevent") else always
