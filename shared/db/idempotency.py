"""The first answer to a request that carries an Idempotency-Key, kept to be given again.

A row without a status is a request in hand. `created_at` is its fence: whoever takes an abandoned key over gets a new
one, and the slow first owner can no longer record anything under it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

KEPT_S: Final = 24 * 3600.0  # a client's retries are over by then; later the same key is a new request
# Our longest request is a pool wait, two statements at their time limit and a wait of five seconds: half of this.
ABANDONED_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key counts: two clients, or two paths, may use the same one."""

    client: str
    method: str
    path: str
    key: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What is recorded under a key. `status` None: still running."""

    fingerprint: bytes
    status: int | None
    headers: dict[str, str] | None
    body: str | None
    created_at: datetime


def claim(conn: Connection, place: Place, fingerprint: bytes) -> datetime | None:
    """Takes the key, and returns the fence; None if it is taken.

    An answer older than `KEPT_S` is forgotten. A request without an answer for `ABANDONED_S` lost its process: its
    effect, which commits together with its answer, did not happen.
    """
    row = conn.execute(
        """
        insert into idempotency as i (client, method, path, key, fingerprint)
        values (%(client)s, %(method)s, %(path)s, %(key)s, %(fingerprint)s)
        on conflict (client, method, path, key) do update set
            fingerprint = excluded.fingerprint, status = null, headers = null, body = null, created_at = now()
         where i.created_at < now() - make_interval(secs => %(kept_s)s)
            or (i.status is null and i.created_at < now() - make_interval(secs => %(abandoned_s)s))
        returning created_at
        """,
        _names(place) | {"fingerprint": fingerprint, "kept_s": KEPT_S, "abandoned_s": ABANDONED_S},
    ).fetchone()
    return row[0] if row else None


def find(conn: Connection, place: Place) -> Kept | None:
    """What is recorded under the key."""
    with conn.cursor(row_factory=class_row(Kept)) as cursor:
        return cursor.execute(
            """
            select fingerprint, status, headers, body, created_at from idempotency
             where client = %(client)s and method = %(method)s and path = %(path)s and key = %(key)s
            """,
            _names(place),
        ).fetchone()


def keep(conn: Connection, place: Place, fence: datetime, *, status: int, headers: dict[str, Any], body: str) -> bool:
    """Records the answer, in the transaction of the effect. False if the key was taken over: then roll back."""
    done = conn.execute(
        """
        update idempotency set status = %(status)s, headers = %(headers)s, body = %(body)s
         where client = %(client)s and method = %(method)s and path = %(path)s and key = %(key)s
           and created_at = %(fence)s
        """,
        _names(place) | {"fence": fence, "status": status, "headers": Jsonb(headers), "body": body},
    )
    return done.rowcount == 1


def release(conn: Connection, place: Place, fence: datetime) -> bool:
    """Forgets a request that had no effect. False if it has an answer, or another owner."""
    done = conn.execute(
        """
        delete from idempotency
         where client = %(client)s and method = %(method)s and path = %(path)s and key = %(key)s
           and created_at = %(fence)s and status is null
        """,
        _names(place) | {"fence": fence},
    )
    return done.rowcount == 1


def forget_old(conn: Connection) -> int:
    """Answers of yesterday are not asked for again. Returns how many went."""
    return conn.execute(
        "delete from idempotency where created_at < now() - make_interval(secs => %s)", (KEPT_S,)
    ).rowcount


def _names(place: Place) -> dict[str, Any]:
    return {"client": place.client, "method": place.method, "path": place.path, "key": place.key}
