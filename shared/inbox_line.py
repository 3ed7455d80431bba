"""One process's own line to the inbox, made for answering webhooks: it waits 20 ms at the most, and once.

When Redis does not answer in time the line is cut: events go to the journal alone, and nobody who waits for an answer
tries Redis again. A thread mends the line as soon as Redis answers. Sending and confirming are two steps, so that the
journal's fsync happens while Redis works.
"""

from collections.abc import Callable, Sequence
from typing import Final, cast

from redis import Connection, ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as TooLate
from redis.retry import Retry

from shared import inbox, log, metrics
from shared.domain.event import Event
from shared.every import Every

# A webhook is answered within 50 ms. A healthy Redis needs 0.2 ms; what takes 20 is an outage to whoever waits.
TIMEOUT_S: Final = 0.020
# How often a cut line is tried: an outage costs the process ten small attempts a second, off the way of any request.
PROBE_S: Final = 0.1


class InboxLine:
    """A connection to Redis for storing events, used by one thread at a time. `close` ends its mending thread."""

    def __init__(self, redis_url: str) -> None:
        # One try a command: what is safe to repeat is decided here. RESP 2 spares the handshake a round trip.
        self._pool = ConnectionPool.from_url(
            redis_url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            protocol=2,
        )
        self._conn: Connection | None = None
        self._sent: Sequence[Event] = ()
        self._is_cut = True
        self._mend()
        self._mending = Every("inbox-line", PROBE_S, self._mend)
        self._mending.start()

    @property
    def is_cut(self) -> bool:
        """Whether Redis is not asked at present."""
        return self._is_cut

    def send(self, events: Sequence[Event]) -> bool:
        """Puts the command on its way. False: the line is cut, nothing was sent."""
        if self._is_cut or self._conn is None:
            return False
        self._sent = events
        try:
            self._write(self._conn)
        except RedisError as fault:
            return self._on_fresh_connection(fault, self._write)
        return True

    def confirm(self) -> bool:
        """Whether the events that were sent are in the inbox. False may also mean: perhaps."""
        if self._is_cut or self._conn is None:
            return False
        try:
            self._read(self._conn)
        except RedisError as fault:
            return self._on_fresh_connection(fault, self._repeat)
        return True

    def close(self) -> None:
        """Gives the connection back."""
        self._mending.stop()
        self._pool.disconnect()

    def _write(self, conn: Connection) -> None:
        conn.send_packed_command(conn.pack_command(*inbox.put_command(self._sent)), check_health=False)

    def _read(self, conn: Connection) -> None:
        conn.read_response()

    def _repeat(self, conn: Connection) -> None:
        """Storing an event twice changes nothing."""
        self._write(conn)
        self._read(conn)

    def _on_fresh_connection(self, fault: RedisError, work: Callable[[Connection], None]) -> bool:
        """After a restart of Redis the connection is dead and its scripts are gone: both are worth one more try."""
        if isinstance(fault, ConnectionLost | NoScriptError) and not isinstance(fault, TooLate):
            try:
                self._hang_up()
                self._conn = self._open()
                work(self._conn)
            except RedisError as again:
                fault = again
            else:
                return True
        if isinstance(fault, ConnectionLost | TooLate):
            self._cut(fault)
        else:  # Redis answers, and refuses (out of memory, read-only): its connection is sound
            log.get().warning("inbox_refused", error_type=type(fault).__name__)
        return False

    def _open(self) -> Connection:
        """A connection on which the script is known. Raises RedisError."""
        conn = cast("Connection", self._pool.make_connection())
        try:
            conn.connect()
            conn.send_command("SCRIPT", "LOAD", inbox.PUT.text)
            conn.read_response()
        except RedisError:
            conn.disconnect()
            raise
        return conn

    def _hang_up(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.disconnect()

    def _cut(self, fault: RedisError) -> None:
        self._hang_up()
        self._is_cut = True
        metrics.INBOX_LINE_CUTS.inc()
        log.get().warning("inbox_line_cut", error_type=type(fault).__name__)

    def _mend(self) -> None:
        """A line that is cut belongs to the mending thread until it is whole again."""
        if not self._is_cut:
            return
        try:
            self._conn = self._open()
        except RedisError:
            return
        self._is_cut = False
        log.get().info("inbox_line_open")
