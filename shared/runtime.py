"""What a process holds open, in one bundle that is passed as an argument.

Built in three places: the ingress after its fork (`ingress/context.py`), a Celery worker at start (`workers/app.py`) and
the CLI (`ops/manage`). Handlers and `shared.db` functions get a connection instead, so they cannot reach the network.
"""

import select
from dataclasses import dataclass

from psycopg import Connection
from psycopg_pool import ConnectionPool
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.settings import Settings

# Connecting takes milliseconds in one data centre; two seconds is an outage, and whoever waits has a retry.
_DB_CONNECT_S = 2
# How long a caller may wait for a free connection: longer than any of our transactions, shorter than a client's patience.
_DB_POOL_WAIT_S = 5.0
# The pool doubles its pauses (1, 2, 4 … s) for as long as this; then whoever asks next begins anew. Its own 300 s would
# leave us without PostgreSQL for minutes after it is back.
_DB_RECONNECT_S = 3.0
_DB_OPTIONS = (
    # Our longest statement is a batch of 50 events (milliseconds): five seconds is a fault, not work.
    "-c statement_timeout=5000 "
    # Waiting for a row lock means another worker has the row; two seconds, then try again later.
    "-c lock_timeout=2000 "
    # A client that hangs inside a transaction must not hold its locks for ever.
    "-c idle_in_transaction_session_timeout=10000"
)


@dataclass(frozen=True, slots=True)
class Runtime:
    """Open things of one process. Close it when the process ends."""

    settings: Settings
    db: ConnectionPool[Connection]
    redis: Redis

    def close(self) -> None:
        """Gives connections back; safe to call once."""
        self.db.close()
        self.redis.close()


def open_db(settings: Settings, *, size: int) -> ConnectionPool[Connection]:
    """A pool of at most `size` connections, opened in the background: a missing database does not stop the start."""
    return ConnectionPool(
        settings.database_url,
        min_size=1,
        max_size=size,
        timeout=_DB_POOL_WAIT_S,
        reconnect_timeout=_DB_RECONNECT_S,
        check=_still_there,
        kwargs={
            "connect_timeout": _DB_CONNECT_S,
            "options": f"{_DB_OPTIONS} {_of_session(settings)}",
            # A dead peer is noticed within seconds instead of the kernel's quarter of an hour ...
            "tcp_user_timeout": 5000,
            # ... also by whoever has asked and waits for the answer: nothing of his is on the way, so only a question of
            # the kernel's finds it out, and that is first asked after two hours.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "application_name": "twilio-server",
        },
        open=True,
    )


def _of_session(settings: Settings) -> str:
    """What statements need to know of the settings (`shared/db/text_backs.py`): handlers get a connection and nothing else."""
    return f"-c twilio_server.text_back_cooldown_s={settings.text_back_cooldown_s}"


def _still_there(conn: Connection) -> None:
    """A connection that the server has ended has something to read: then it is asked, and the pool replaces it.

    To ask every time would cost each transaction a question and answer. A server that has gone without a word is found out
    by the first statement, as it would be by the question.
    """
    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN)
    if poll.poll(0):
        ConnectionPool.check_connection(conn)


def open_redis(settings: Settings, *, timeout_s: float, connections: int) -> Redis:
    """A client that waits at most `timeout_s` and never repeats a command by itself.

    redis-py's default of ten retries would repeat writes whose answer was lost; our callers know what is safe.
    """
    return Redis.from_url(
        settings.redis_url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        max_connections=connections,
    )
