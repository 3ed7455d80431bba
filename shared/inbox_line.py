"""One process's own line to the inbox, made for answering webhooks: it waits 20 ms at the most, and once.

When Redis does not answer in time the line is cut: events go to the journal alone, and nobody who waits for an answer
tries Redis again. A thread mends the line as soon as Redis answers.
"""

from collections.abc import Sequence
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
# Redis may be slow and is the only store that is left: better late than refused. Twilio, as we ask it to, waits 4 s.
LAST_RESORT_S: Final = 1.0


class InboxLine:
    """A connection to Redis for storing events, used by one thread at a time. `close` ends its mending thread."""

    def __init__(self, redis_url: str) -> None:
        self._pool, self._patient_pool = _pool(redis_url, TIMEOUT_S), _pool(redis_url, LAST_RESORT_S)
        self._conn: Connection | None = None
        self._patient: Connection | None = None
        self._is_cut = True
        self._mend()
        self._mending = Every("inbox-line", PROBE_S, self._mend)
        self._mending.start()

    @property
    def is_cut(self) -> bool:
        """Whether Redis is not asked at present."""
        return self._is_cut

    def put(self, events: Sequence[Event]) -> bool:
        """Whether the events are in the inbox; False may also mean: perhaps. Takes 20 ms at the most, 60 when it calls anew."""
        if self._is_cut or self._conn is None:
            return False
        try:
            _store(self._conn, events)
        except RedisError as fault:
            return self._is_stored_afresh(fault, events)
        return True

    def put_patiently(self, events: Sequence[Event]) -> bool:
        """As `put`, for when there is no other store: waits `LAST_RESORT_S`, and tries a line that is cut."""
        try:
            self._patient = self._patient or _opened(self._patient_pool)
            _store(self._patient, events, is_only_store=True)
        except RedisError:
            self._patient = _hung_up(self._patient)
            return False
        return True

    def revive(self) -> None:
        """A mending thread that has died is replaced."""
        self._mending.revive()

    def close(self) -> None:
        """Gives the connection back."""
        self._mending.stop()
        self._conn, self._patient = _hung_up(self._conn), _hung_up(self._patient)

    def _is_stored_afresh(self, fault: RedisError, events: Sequence[Event]) -> bool:
        """After a restart of Redis the connection is dead and its scripts are gone: both are worth one more try."""
        if isinstance(fault, ConnectionLost | NoScriptError) and not isinstance(fault, TooLate):
            try:
                self._conn = _hung_up(self._conn)
                self._conn = _opened(self._pool)
                _store(self._conn, events)  # twice, perhaps, which changes nothing
            except RedisError as again:
                fault = again
            else:
                return True
        if isinstance(fault, ConnectionLost | TooLate):
            self._cut(fault)
        else:  # Redis answers, and refuses (out of memory, read-only, an inbox that is full): its connection is sound
            log.get().warning("inbox_refused", error_type=type(fault).__name__)
        return False

    def _cut(self, fault: RedisError) -> None:
        self._conn = _hung_up(self._conn)
        self._is_cut = True
        metrics.INBOX_LINE_CUTS.inc()
        log.get().warning("inbox_line_cut", error_type=type(fault).__name__)

    def _mend(self) -> None:
        """A line that is cut belongs to the mending thread until it is whole again."""
        if not self._is_cut:
            return
        try:
            self._conn = _opened(self._pool)
        except RedisError:
            return
        self._is_cut = False
        log.get().info("inbox_line_open")


def _pool(redis_url: str, timeout_s: float) -> ConnectionPool:
    """One try a command: what is safe to repeat is decided here. RESP 2 spares the handshake a round trip."""
    return ConnectionPool.from_url(
        redis_url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        protocol=2,
    )


def _opened(pool: ConnectionPool) -> Connection:
    """A connection on which the script is known. Raises RedisError."""
    conn = cast("Connection", pool.make_connection())
    try:
        conn.connect()
        conn.send_command("SCRIPT", "LOAD", inbox.PUT.text)
        conn.read_response()
    except RedisError:
        conn.disconnect()
        raise
    return conn


def _store(conn: Connection, events: Sequence[Event], *, is_only_store: bool = False) -> None:
    """Raises RedisError."""
    command = inbox.put_command(events, is_only_store=is_only_store)
    conn.send_packed_command(conn.pack_command(*command), check_health=False)
    conn.read_response()


def _hung_up(conn: Connection | None) -> None:
    if conn is not None:
        conn.disconnect()
