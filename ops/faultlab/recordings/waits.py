"""Lets time pass in the house: what waits long on purpose must not make a run as long.

A job of recordings is leased for five minutes, for a large one may take that long. Once its worker is dead, and before a new
one is there, nobody can tell the end of the lease from its being ended here.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import psycopg

from ops.faultlab.house import House

# Which jobs a program takes.
KINDS: Final[Mapping[str, Sequence[str]]] = {
    "recordings": ("recording.fetch", "recording.release", "recording.delete"),
    "events": ("recording.expect",),
    "notify": ("deliver",),
}
WITHIN_S: Final = 2


def leases_end(house: House, program: str) -> None:
    """Those of a program that is dead. While PostgreSQL is away nothing happens."""
    with suppress(psycopg.Error), _admin(house) as conn:
        conn.execute(
            """
            update jobs set lease_until = null, next_at = now(), hint_at = now()
             where state = 'due' and lease_until is not null and kind = any(%s)
            """,
            (list(KINDS[program]),),
        )


def hurrying(house: House, ask: Callable[[], str]) -> Callable[[], str]:
    """`ask`, and as long as something is owed, whatever waits for its next try is tried at once."""

    def question() -> str:
        if owed := ask():
            with suppress(psycopg.Error), _admin(house) as conn:
                conn.execute(
                    """
                    update jobs set next_at = now(), hint_at = now()
                     where state = 'due' and (lease_until is null or lease_until < now()) and next_at > now() + '1 s'
                       and kind in ('recording.fetch', 'recording.release', 'recording.delete', 'deliver')
                    """
                )
        return owed

    return question


def _admin(house: House) -> psycopg.Connection:
    return psycopg.connect(house.env["TS_DATABASE_URL"], connect_timeout=WITHIN_S)
