"""Subscribers: where notifications go, which, and how."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, LiteralString

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

Adapter = Literal["standard", "as-call-service"]
DisabledReason = Literal["asked", "gone", "failing"]

# A receiver that keeps up is told thousands of times a second with as many at once; one that hangs holds no more.
CONCURRENCY: Final = 8


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`types` empty: all of them. `tenant_id` None: every tenant's. `rate_per_s` None: as fast as it answers."""

    id: str
    url: str
    adapter: Adapter
    secret: str
    types: list[str]
    tenant_id: str | None
    enabled: bool
    description: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    previous_secret: str | None = None
    previous_until: datetime | None = None
    rate_per_s: float | None = None
    concurrency: int = CONCURRENCY
    disabled_reason: DisabledReason | None = None
    version: int = 1


_COLUMNS: Final[LiteralString] = """
    id, url, adapter, secret, types, tenant_id, enabled, description, headers, previous_secret, previous_until,
    rate_per_s::float, concurrency, disabled_reason, version
"""


_WRITE: Final[LiteralString] = """
    insert into endpoints as e (id, url, adapter, secret, types, tenant_id, enabled, description, headers,
                                previous_secret, previous_until, rate_per_s, concurrency, disabled_reason, disabled_at)
    values (%(id)s, %(url)s, %(adapter)s, %(secret)s, %(types)s, %(tenant_id)s, %(enabled)s, %(description)s,
            %(headers)s, %(previous_secret)s, %(previous_until)s, %(rate_per_s)s, %(concurrency)s, %(disabled_reason)s,
            case when %(enabled)s then null else now() end)
    on conflict (id) do update set url = excluded.url, adapter = excluded.adapter, secret = excluded.secret,
        types = excluded.types, tenant_id = excluded.tenant_id, enabled = excluded.enabled,
        description = excluded.description, headers = excluded.headers, previous_secret = excluded.previous_secret,
        previous_until = excluded.previous_until, rate_per_s = excluded.rate_per_s, concurrency = excluded.concurrency,
        disabled_reason = excluded.disabled_reason,
        disabled_at = case when excluded.enabled then null else coalesce(e.disabled_at, excluded.disabled_at) end,
        created_at = case when e.deleted_at is null then e.created_at else now() end,
        updated_at = now(), deleted_at = null, version = e.version + 1
"""


def put(conn: Connection, endpoint: Endpoint) -> None:
    """Writes the endpoint, the whole of it; one that was deleted is there again."""
    conn.execute(_WRITE, _values(endpoint))


def add(conn: Connection, endpoint: Endpoint) -> bool:
    """As `put`, but only if its id is free: never given, or that of an endpoint of the same tenant that was deleted, and whose
    replays have ended. What that one was told, and could not be told, is its own; no stranger may come by it.

    Its version goes on, so that whoever remembers the deleted one does not take this one for it.
    """
    is_free: LiteralString = """
        where e.deleted_at is not null and e.tenant_id is not distinct from excluded.tenant_id
          and not exists (select from replays where replays.endpoint_id = e.id and replays.state = 'running')
    """
    return conn.execute(_WRITE + is_free, _values(endpoint)).rowcount == 1


def find(conn: Connection, endpoint_id: str, *, to_change: bool = False) -> Endpoint | None:
    """The endpoint, unless it was deleted. `to_change`: nobody else changes it before this transaction ends."""
    lock: LiteralString = " for no key update" if to_change else ""
    with conn.cursor(row_factory=class_row(Endpoint)) as cursor:
        return cursor.execute(
            f"select {_COLUMNS} from endpoints where id = %s and deleted_at is null{lock}", (endpoint_id,)
        ).fetchone()


def every(conn: Connection) -> list[Endpoint]:
    """All endpoints, by id."""
    with conn.cursor(row_factory=class_row(Endpoint)) as cursor:
        return cursor.execute(f"select {_COLUMNS} from endpoints where deleted_at is null order by id").fetchall()


def disable(conn: Connection, endpoint_id: str, reason: DisabledReason) -> bool:
    """It is told nothing from now on; what waits for it is kept. False if it was disabled before."""
    return (
        conn.execute(
            """
            update endpoints set enabled = false, disabled_reason = %s, disabled_at = now(), updated_at = now(),
                                 version = version + 1
             where id = %s and enabled
            """,
            (reason, endpoint_id),
        ).rowcount
        == 1
    )


def delete(conn: Connection, endpoint_id: str) -> bool:
    """It is there no more; the row stays, for what was told, without what was secret. False if it was not there."""
    return (
        conn.execute(
            """
            update endpoints set enabled = false, deleted_at = now(), updated_at = now(), version = version + 1,
                disabled_reason = coalesce(disabled_reason, 'asked'), disabled_at = coalesce(disabled_at, now()),
                secret = '', previous_secret = null, previous_until = null, headers = '{}'
             where id = %s and deleted_at is null
            """,
            (endpoint_id,),
        ).rowcount
        == 1
    )


def count(conn: Connection, tenant_id: str) -> int:
    """How many this tenant has."""
    ((number,),) = conn.execute(
        "select count(*) from endpoints where tenant_id = %s and deleted_at is null", (tenant_id,)
    ).fetchall()
    return int(number)


def _values(endpoint: Endpoint) -> dict[str, Any]:
    values = {name: getattr(endpoint, name) for name in Endpoint.__slots__}
    reason = None if endpoint.enabled else endpoint.disabled_reason or "asked"
    return {**values, "headers": Jsonb(dict(endpoint.headers)), "disabled_reason": reason}
