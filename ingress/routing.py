"""Where calls go, in this process's memory: an incoming call is answered without asking PostgreSQL or anybody else."""

import threading
from typing import Final

from psycopg import Connection
from psycopg_pool import ConnectionPool

from shared.db import numbers
from shared.domain.routing import Number, unknown_number
from shared.every import Every

# A change of routing is in effect after this. The query reads one small table.
REFRESH_S: Final = 1.0


class RoutingTable:
    """A snapshot of all numbers, refreshed by a thread. While PostgreSQL is away the last one stays."""

    def __init__(self, db: ConnectionPool[Connection]) -> None:
        self._db = db
        self._numbers: dict[str, Number] = {}
        self._tried = threading.Event()
        self._refresh = Every("routing", REFRESH_S, self._load)
        self._refresh.start()

    def number(self, phone_number: str) -> Number:
        """How calls to `phone_number` are handled; an unknown number's callers reach voicemail."""
        return self._numbers.get(phone_number) or unknown_number(phone_number)

    @property
    def is_settled(self) -> bool:
        """Whether the first load was tried: before, every number would look unknown."""
        return self._tried.is_set()

    def revive(self) -> None:
        """A refreshing thread that has died is replaced."""
        self._refresh.revive()

    def close(self) -> None:
        """Ends the refreshing."""
        self._refresh.stop()

    def _load(self) -> None:
        try:
            with self._db.connection() as conn:
                self._numbers = {number.phone_number: number for number in numbers.every(conn)}
        finally:
            self._tried.set()
