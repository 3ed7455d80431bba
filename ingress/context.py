"""What an ingress process holds open, built after gunicorn's fork: connections and the routing snapshot."""

from dataclasses import dataclass

from ingress.routing import RoutingTable
from shared.domain.twiml import Urls
from shared.runtime import Runtime, open_db, open_redis
from shared.settings import Settings

# The inbox is the one store before the answer: waiting a second makes an answer slow, not waiting refuses an event.
REDIS_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class IngressRuntime(Runtime):
    """Runtime of an ingress process: it also knows where calls go, without asking anybody."""

    routing: RoutingTable
    urls: Urls

    def close(self) -> None:
        """Also ends the refreshing of the snapshot."""
        self.routing.close()
        Runtime.close(self)


def open_runtime(settings: Settings) -> IngressRuntime:
    """Opens everything; PostgreSQL and Redis may still be starting."""
    db = open_db(settings, size=settings.web_threads)
    return IngressRuntime(
        settings=settings,
        db=db,
        redis=open_redis(settings, timeout_s=REDIS_TIMEOUT_S, connections=settings.web_threads * 2),
        routing=RoutingTable(db),
        urls=Urls(settings.public_url),
    )
