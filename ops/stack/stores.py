"""Redis, PostgreSQL and S3 together: those named from outside are used, the others are started here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.stack import postgres, redis, s3
from ops.stack.ports import free_port
from ops.stack.supervisor import GaveUp, Supervisor

READY_WITHIN_S = 20
# Between choosing a free port and having it another program may take it: rare, and three times in a row is something else.
MOST_STARTS = 3
PORT_TAKEN = "Address already in use"  # each of the three says so at its end
STORES = ("s3", "postgres", "redis")
STOP_ORDER = tuple((name,) for name in STORES)


@dataclass(frozen=True)
class Wanted:
    """What is to be started, and with which secrets."""

    redis_password: str
    postgres_password: str
    s3_access_key_id: str = "sandbox"
    redis_flavour: str | None = None
    is_durable: bool = True


def start(supervisor: Supervisor, folder: Path, wanted: Wanted, given: Mapping[str, str]) -> dict[str, str]:
    """Start what `given` does not name and return the variables of all three. They are not ready yet.

    Raises redis.NoServer or postgres.NoPostgres with what to do.
    """
    found: dict[str, str] = {}
    # S3 first: it is Python and takes longest; PostgreSQL last: a new one is initialised before it starts.
    if "TS_S3_ENDPOINT_URL" not in given:
        store = s3.server(folder, free_port(), secret=s3.SIGNING)
        supervisor.start(store.service)
        found |= {"TS_S3_ENDPOINT_URL": store.url, "TS_S3_BUCKET": s3.BUCKET, "TS_S3_REGION": s3.REGION}
        # It takes any; this one tells our own addresses from those of others.
        found |= {"TS_S3_ACCESS_KEY_ID": wanted.s3_access_key_id, "TS_S3_SECRET_ACCESS_KEY": s3.SIGNING}
    if "TS_REDIS_URL" not in given:
        inbox = redis.server(folder, free_port(), wanted.redis_password, flavour=wanted.redis_flavour)
        supervisor.start(inbox.service)
        found["TS_REDIS_URL"] = inbox.url
    if "TS_DATABASE_URL" not in given:
        database = postgres.server(folder, free_port(), wanted.postgres_password, is_durable=wanted.is_durable)
        supervisor.start(database.service)
        found["TS_DATABASE_URL"] = database.url
    return found


def start_ready(supervisor: Supervisor, folder: Path, wanted: Wanted, starts: int = MOST_STARTS) -> dict[str, str]:
    """Start all three and return their variables once they answer; on other ports when one was taken from under them.

    Raises redis.NoServer or postgres.NoPostgres with what to do, and supervisor.GaveUp.
    """
    found = start(supervisor, folder, wanted, given={})
    try:
        wait_ready(supervisor)
    except GaveUp as fault:
        if starts == 1 or PORT_TAKEN not in str(fault):
            raise
        supervisor.stop(STOP_ORDER)
        return start_ready(supervisor, folder, wanted, starts - 1)
    return found


def wait_ready(supervisor: Supervisor, names: Iterable[str] = STORES) -> None:
    """Return when those of `names` that were started here answer. Raises supervisor.GaveUp."""
    supervisor.wait_ready([name for name in names if name in supervisor.kept], READY_WITHIN_S)
