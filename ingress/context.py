"""What an ingress process holds open, built after gunicorn's fork: its stores, and what it knows without asking."""

from dataclasses import dataclass
from pathlib import Path

from psycopg import Connection
from psycopg_pool import ConnectionPool

from ingress.drain import PERIOD_S, Drainer
from ingress.intake import Intake
from ingress.routing import RoutingTable
from ingress.routing_copy import FileCopy, RedisCopy
from ingress.twilio_guard import Policy
from shared import recipients
from shared.domain.law import Law
from shared.domain.urls import Urls
from shared.every import Every
from shared.inbox_line import InboxLine
from shared.journal import Journal
from shared.runtime import Runtime, open_db, open_redis
from shared.settings import Settings

REDIS_TIMEOUT_S = 2.0
# For the copy of the numbers: a start waits for it, and nobody else.
_COPY_TIMEOUT_S = 0.5
_COPY_NAME = "routing"
_MB = 1024 * 1024
_SOMEBODY = "+14155550100"  # the first number asked for loads tables for 5 ms: no caller's


@dataclass(frozen=True, slots=True)
class IngressRuntime(Runtime):
    """Runtime of an ingress process: it can store an event, knows who may sign one, and where calls go."""

    routing: RoutingTable
    urls: Urls
    law: Law
    policy: Policy
    journal: Journal
    line: InboxLine
    intake: Intake
    drain: Every

    def revive(self) -> None:
        """Threads that have died are replaced. Asked by the process's main loop, which gunicorn's master watches."""
        self.drain.revive()
        self.routing.revive()
        self.line.revive()

    def close(self) -> None:
        """Also ends the threads, and gives the journal's segments to whoever drains next."""
        self.drain.stop()
        self.routing.close()
        self.intake.close()
        self.line.close()
        self.journal.close()
        Runtime.close(self)


def open_runtime(settings: Settings, urls: Urls | None = None) -> IngressRuntime:
    """Opens everything; PostgreSQL and Redis may still be starting. `urls`: where Twilio shall come next, usually to us.

    Nor does a disk that has gone bad under a running service stop a process from being replaced: gunicorn's master has
    looked at it before the first start (`gunicorn_conf.py`), and Redis takes the events until it is well.
    """
    recipients.of(_SOMEBODY)
    journal = Journal(Path(settings.journal_dir), min_free_bytes=settings.journal_min_free_mb * _MB, must_start=True)
    db = open_db(settings, size=settings.web_threads)
    redis = open_redis(settings, timeout_s=REDIS_TIMEOUT_S, connections=settings.web_threads * 2)
    line = InboxLine(settings.redis_url)
    intake, drainer = Intake(journal, line), Drainer(journal, redis, db)

    def look_after_the_journal() -> None:
        intake.catch_up()
        drainer.once()

    drain = Every("drain", PERIOD_S, look_after_the_journal)
    drain.start()
    return IngressRuntime(
        settings=settings,
        db=db,
        redis=redis,
        routing=_routing(settings, db),
        urls=urls or Urls(settings.public_url),
        law=settings.law,
        policy=Policy.of(settings),
        journal=journal,
        line=line,
        intake=intake,
        drain=drain,
    )


def _routing(settings: Settings, db: ConnectionPool[Connection]) -> RoutingTable:
    file = Path(settings.routing_file or Path(settings.journal_dir, _COPY_NAME))
    redis = open_redis(settings, timeout_s=_COPY_TIMEOUT_S, connections=1)
    return RoutingTable(db, (FileCopy(file), RedisCopy(redis)))
