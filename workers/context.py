"""What a worker process holds open: the common Runtime and the clients of the world outside."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from redis import Redis

from shared.downstream import Downstream
from shared.runtime import Runtime, open_db, open_redis
from shared.settings import Settings
from shared.store import Store, open_store
from shared.twilio.client import TwilioClient

# Each thread of the pool holds at most one connection, and none while it talks to the world; two more for the nets.
DB_CONNECTIONS = 10
# A text that has begun to leave waits no longer for its turn: then PostgreSQL keeps the pace, before the attempt is stale.
PACE_TIMEOUT_S = 1.0
# Requests of one process that may wait for Twilio side by side: at 0.1 s each, 320 a second. With more of them a single
# process would reach the account's own limit.
REQUESTS = 32
# Longer than a frozen Redis usually stays frozen; a worker can wait, unlike the ingress.
REDIS_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class WorkerRuntime(Runtime):
    """Runtime of a worker: it may also call Twilio, the store and our subscribers."""

    twilio: TwilioClient
    store: Store
    downstream: Downstream
    threads: ThreadPoolExecutor
    pacer: Redis

    def close(self) -> None:
        """Gives connections back; safe to call once."""
        self.threads.shutdown(wait=False)
        self.pacer.close()
        super(WorkerRuntime, self).close()


def open_runtime(settings: Settings) -> WorkerRuntime:
    """Opens everything; PostgreSQL and Redis may still be starting."""
    return WorkerRuntime(
        settings=settings,
        db=open_db(settings, size=DB_CONNECTIONS),
        redis=open_redis(settings, timeout_s=REDIS_TIMEOUT_S, connections=32),
        pacer=open_redis(settings, timeout_s=PACE_TIMEOUT_S, connections=32),
        twilio=TwilioClient(settings),
        store=open_store(settings),
        downstream=Downstream(settings.service_key, settings.event_allow),
        threads=ThreadPoolExecutor(REQUESTS, thread_name_prefix="request"),  # a thread is made when it is needed
    )
