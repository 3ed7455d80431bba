"""Subscribers: where notifications go, and which."""

from dataclasses import dataclass
from typing import Literal

from psycopg import Connection
from psycopg.rows import class_row

Adapter = Literal["standard", "as-call-service"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`types` empty: all of them. `tenant_id` None: every tenant's."""

    id: str
    url: str
    adapter: Adapter
    secret: str
    types: list[str]
    tenant_id: str | None
    enabled: bool


def put(conn: Connection, endpoint: Endpoint) -> None:
    """Writes the endpoint, the whole of it."""
    conn.execute(
        """
        insert into endpoints (id, url, adapter, secret, types, tenant_id, enabled)
        values (%(id)s, %(url)s, %(adapter)s, %(secret)s, %(types)s, %(tenant_id)s, %(enabled)s)
        on conflict (id) do update set url = excluded.url, adapter = excluded.adapter, secret = excluded.secret,
            types = excluded.types, tenant_id = excluded.tenant_id, enabled = excluded.enabled
        """,
        {name: getattr(endpoint, name) for name in Endpoint.__slots__},
    )


def every(conn: Connection) -> list[Endpoint]:
    """All endpoints, by id."""
    with conn.cursor(row_factory=class_row(Endpoint)) as cursor:
        return cursor.execute(
            "select id, url, adapter, secret, types, tenant_id, enabled from endpoints order by id"
        ).fetchall()
