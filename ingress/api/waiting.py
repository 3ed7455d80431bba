"""`Prefer: wait=N` (RFC 7240): hold the answer for some seconds, in case more is known by then.

A preference is a wish. Waiting costs a thread of the process, so it takes one of a bounded number of seats; without one
the answer comes at once.
"""

import re
import time
from collections.abc import Callable
from threading import BoundedSemaphore
from typing import Final, TypeVar

import psycopg
from flask import Response, request
from psycopg import Connection

from shared.runtime import Runtime

LONGEST_S: Final = 5
_LOOK_EVERY_S: Final = (
    0.1  # ten short queries a second for each one who waits: nothing for PostgreSQL, soon for a person
)
_WAIT = re.compile(r'(?:^|,)\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=[,;]|$)', re.IGNORECASE)

T = TypeVar("T")


def wished_s() -> int:
    """How long this request would wait, 0 to `LONGEST_S` seconds."""
    found = _WAIT.search(request.headers.get("Prefer", ""))
    return min(int(found.group(1)), LONGEST_S) if found else 0


def applied(response: Response) -> Response:
    """Says that the wish was granted."""
    response.headers["Preference-Applied"] = f"wait={wished_s()}"
    return response


class Waits:
    """Lets as many of this process's threads wait as there are `seats`."""

    def __init__(self, rt: Runtime, seats: BoundedSemaphore) -> None:
        self._rt, self._seats = rt, seats

    def until(self, look: Callable[[Connection], T | None], is_over: Callable[[T], bool], wait_s: float) -> T | None:
        """What `look` last saw: when `is_over` it, or after `wait_s` seconds. None: nothing seen, answer what you know.

        No connection is held between two looks, and a store that goes away meanwhile only ends the wait.
        """
        if wait_s <= 0 or not self._seats.acquire(blocking=False):
            return None
        try:
            return self._watch(look, is_over, time.monotonic() + wait_s)
        except psycopg.OperationalError:
            return None
        finally:
            self._seats.release()

    def _watch(self, look: Callable[[Connection], T | None], is_over: Callable[[T], bool], end: float) -> T | None:
        while True:
            with self._rt.db.connection() as conn:
                seen = look(conn)
            if (seen is not None and is_over(seen)) or time.monotonic() + _LOOK_EVERY_S > end:
                return seen
            time.sleep(_LOOK_EVERY_S)
