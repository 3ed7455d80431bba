"""API keys: who may ask for what. Only the digest of a key is kept, so a copy of this table opens nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import class_row

from shared.domain.api_key import ApiKey


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is known of a key besides its secret. `id` is the public part in the key itself.

    With `tenant_id` nothing of another tenant exists for it.
    """

    id: str
    digest: bytes
    client: str
    scopes: list[str]
    tenant_id: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


def insert(
    conn: Connection,
    key: ApiKey,
    *,
    client: str,
    scopes: Sequence[str],
    tenant_id: str | None = None,
    expires_at: datetime | None = None,
) -> bool:
    """Makes `key` valid for `client`, with `tenant_id` for that tenant only.

    False if its id is taken, which is one chance in 10^14: draw another.
    """
    done = conn.execute(
        """
        insert into api_keys (id, digest, client, scopes, tenant_id, expires_at)
        values (%(id)s, %(digest)s, %(client)s, %(scopes)s, %(tenant_id)s, %(expires_at)s)
        on conflict (id) do nothing
        """,
        {
            "id": key.key_id,
            "digest": key.digest(),
            "client": client,
            "scopes": list(scopes),
            "tenant_id": tenant_id,
            "expires_at": expires_at,
        },
    )
    return done.rowcount == 1


def find(conn: Connection, key_id: str) -> StoredKey | None:
    """By the public part of the key, whatever its state: the caller judges."""
    with conn.cursor(row_factory=class_row(StoredKey)) as cursor:
        return cursor.execute(
            """
            select id, digest, client, scopes, tenant_id, created_at, expires_at, revoked_at, last_used_at
              from api_keys where id = %s
            """,
            (key_id,),
        ).fetchone()


def every(conn: Connection) -> list[StoredKey]:
    """All keys, by client and age."""
    with conn.cursor(row_factory=class_row(StoredKey)) as cursor:
        return cursor.execute(
            """
            select id, digest, client, scopes, tenant_id, created_at, expires_at, revoked_at, last_used_at
              from api_keys order by client, created_at, id
            """
        ).fetchall()


def note_use(conn: Connection, key_id: str) -> None:
    """So that an unused key can be found. Once a minute is exact enough, and no write per request."""
    conn.execute(
        """
        update api_keys set last_used_at = now()
         where id = %s and (last_used_at is null or last_used_at < now() - interval '1 minute')
        """,
        (key_id,),
    )


def revoke(conn: Connection, key_id: str) -> bool:
    """Ends a key for good. False if there is none, or it was ended before."""
    done = conn.execute("update api_keys set revoked_at = now() where id = %s and revoked_at is null", (key_id,))
    return done.rowcount == 1
