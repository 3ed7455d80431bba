"""Endpoints as people look at them: how each is set, how it answers, what waits there. Never a secret."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from psycopg import Connection
from psycopg.rows import class_row

from shared.db.endpoints import Adapter, DisabledReason
from shared.domain.circuit import Circuit

# As many are counted, and no more: past that the number tells a person nothing, and the count takes time.
MOST_COUNTED: Final = 100_000


@dataclass(frozen=True, slots=True)
class EndpointOverview:
    """`header_names`: their values may be passwords. `previous_until`: until then the secret before signs, too."""

    id: str
    url: str
    description: str
    adapter: Adapter
    types: list[str]
    tenant_id: str | None
    header_names: list[str]
    rate_per_s: float | None
    concurrency: int
    enabled: bool
    disabled_reason: DisabledReason | None
    disabled_at: datetime | None
    previous_until: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
    circuit: Circuit
    failures: int
    failing_since: datetime | None
    last_success_at: datetime | None
    paused_until: datetime | None
    probe_at: datetime | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits, and what nobody could be told: at most `MOST_COUNTED` of each are counted. `oldest_s`: its age in seconds."""

    waiting: int
    oldest_s: float | None
    dead_letters: int


_SELECT: Final[LiteralString] = """
    select e.id, e.url, e.description, e.adapter, e.types, e.tenant_id, e.rate_per_s::float, e.concurrency, e.enabled,
           array(select jsonb_object_keys(e.headers) order by 1) as header_names, e.disabled_reason, e.disabled_at,
           case when e.previous_until > now() then e.previous_until end as previous_until,
           e.version, e.created_at, e.updated_at,
           s.circuit, s.failures, s.failing_since, s.last_success_at, s.paused_until, s.probe_at
      from endpoints e join endpoint_states s on s.endpoint_id = e.id
     where e.deleted_at is null
"""


def find(conn: Connection, endpoint_id: str) -> EndpointOverview | None:
    """The endpoint, unless it was deleted."""
    with conn.cursor(row_factory=class_row(EndpointOverview)) as cursor:
        return cursor.execute(f"{_SELECT} and e.id = %s", (endpoint_id,)).fetchone()


def page(
    conn: Connection,
    *,
    limit: int | None = None,
    after: str | None = None,
    tenant_id: str | None = None,
    is_enabled: bool | None = None,
) -> Sequence[EndpointOverview]:
    """Endpoints by id, those behind `after`."""
    with conn.cursor(row_factory=class_row(EndpointOverview)) as cursor:
        return cursor.execute(
            f"""
            {_SELECT} and (%(after)s::text is null or e.id > %(after)s)
               and (%(tenant_id)s::text is null or e.tenant_id = %(tenant_id)s)
               and (%(is_enabled)s::boolean is null or e.enabled = %(is_enabled)s)
             order by e.id limit %(limit)s
            """,
            {"after": after, "tenant_id": tenant_id, "is_enabled": is_enabled, "limit": limit},
        ).fetchall()


def backlog(conn: Connection, endpoint_id: str) -> Backlog:
    """What waits for this endpoint, and its dead letters."""
    with conn.cursor(row_factory=class_row(Backlog)) as cursor:
        ((found),) = cursor.execute(
            """
            select (select count(*) from (
                        select from deliveries d where d.endpoint_id = %(id)s and d.outcome is null limit %(most)s) as one)
                       as waiting,
                   (select extract(epoch from now() - d.created_at)::float from deliveries d
                     where d.endpoint_id = %(id)s and d.outcome is null order by d.id limit 1) as oldest_s,
                   (select count(*) from (
                        select from deliveries d where d.endpoint_id = %(id)s and d.outcome = 'failed' limit %(most)s) as one)
                       as dead_letters
            """,
            {"id": endpoint_id, "most": MOST_COUNTED},
        ).fetchall()
    return found
