"""Depths and ages, asked of the stores at the moment of the scrape: right for any number of processes."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.metrics_core import Metric
from psycopg import Error as DatabaseError
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

from ingress.context import IngressRuntime
from shared import inbox, journal
from shared.db import calls, dead_letters, jobs, numbers, replays, set_aside
from shared.tasks import QUEUES
from shared.version import VERSION

_PREFIX = "twilio_server_"


class Gauges:
    """A collector of prometheus-client. A store that is away leaves its gauges out and says so in `store_up`."""

    def __init__(self, rt: IngressRuntime) -> None:
        self._rt = rt

    def collect(self) -> Iterator[Metric]:
        """All gauges as of now."""
        up = Gauge(_PREFIX + "store_up", "Whether the store answered this scrape.", labels=["store"])
        yield _one("build_info", "The release that runs.", 1, version=VERSION)
        yield from self._routing()
        for store, ask in (
            ("redis", self._redis),
            ("postgresql", self._database),
            ("journal", self._journal),
        ):
            try:
                yield from list(ask())
                up.add_metric([store], 1)
            except (RedisError, DatabaseError, PoolTimeout, OSError):
                up.add_metric([store], 0)
        yield up

    def _routing(self) -> Iterator[Metric]:
        """Of the process that answers this scrape."""
        routing = self._rt.routing
        yield _one("routing_age_seconds", "For how long nobody has confirmed where calls go.", routing.age_s)
        yield _one("routing_numbers", "Numbers that are answered from memory.", len(routing), source=routing.source)

    def _redis(self) -> Iterator[Metric]:
        redis = self._rt.redis
        yield _one("inbox_unprocessed", "Events acknowledged and not yet in PostgreSQL.", inbox.size(redis))
        yield _one("inbox_oldest_seconds", "How long the oldest due event has been due.", inbox.oldest_age_s(redis))
        depth = Gauge(_PREFIX + "queue_depth", "Messages waiting in a Celery queue.", labels=["queue"])
        for queue in QUEUES:
            depth.add_metric([queue], cast("int", redis.llen(queue)))
        yield depth

    def _database(self) -> Iterator[Metric]:
        with self._rt.db.connection(timeout=1.0) as conn:  # a scrape must answer before Prometheus gives up
            due = Gauge(_PREFIX + "jobs_due", "Promised work that is due and not done.", labels=["kind"])
            oldest = Gauge(_PREFIX + "jobs_oldest_seconds", "How long the oldest of it has been due.", labels=["kind"])
            for kind, count, age_s in jobs.backlog(conn):
                due.add_metric([kind], count)
                oldest.add_metric([kind], age_s)
            yield from (due, oldest)
            yield _one("calls_active", "Calls that have not ended.", calls.active(conn))
            if self._rt.settings.pns_url:
                yield _one(
                    "number_owners_oldest_seconds",
                    "Of all numbers the longest time without word of their owner.",
                    numbers.oldest_check_s(conn),
                )
            dead = Gauge(_PREFIX + "dlq_size", "What will not be tried again and waits for a person.", labels=["kind"])
            dead.add_metric(["event"], set_aside.count(conn))
            for kind, count in jobs.given_up(conn):
                dead.add_metric([kind], count)
            yield dead
            letters = Gauge(_PREFIX + "dead_letters", "What a subscriber could not be told.", labels=["endpoint"])
            for endpoint_id, count in dead_letters.by_endpoint(conn):
                letters.add_metric([endpoint_id], count)
            yield letters
            yield _one("replays_running", "Replays that have more to make.", replays.running(conn))

    def _journal(self) -> Iterator[Metric]:
        found = journal.facts(Path(self._rt.settings.journal_dir))
        yield _one("journal_segments", "Files of the journal that are not settled, of all processes.", found.segments)
        yield _one("journal_damaged", "Files of the journal set apart for a person.", found.damaged)
        yield _one("journal_bytes", "Size of all these files.", found.size_bytes)
        yield _one("journal_free_bytes", "Free space of the journal's disk.", found.free_bytes)
        if (other := Path(self._rt.settings.fallback_journal_dir)).is_dir():
            found = journal.facts(other)
            yield _one("fallback_journal_segments", "Files of the fallback receiver's journal.", found.segments)
            yield _one("fallback_journal_bytes", "Size of these files.", found.size_bytes)


def _one(name: str, what: str, value: float, **labels: str) -> Gauge:
    gauge = Gauge(_PREFIX + name, what, labels=list(labels))
    gauge.add_metric(list(labels.values()), value)
    return gauge
