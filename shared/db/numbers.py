"""Our business numbers: whose they are and where their calls go."""

from datetime import timedelta
from typing import Literal

from psycopg import Connection
from psycopg.types.json import Jsonb

from shared.domain.routing import Number, document, of

Via = Literal["api", "cli", "seed", "platform", "migration"]


def put(conn: Connection, number: Number, *, by: str = "seed", via: Via = "seed", note: str | None = None) -> int:
    """Writes whose a number is and how its calls are handled; the whole of it. Returns the version, new if that changed."""
    row = conn.execute(
        """
        insert into numbers (phone_number, tenant_id, routing) values (%(number)s, %(tenant)s, %(routing)s)
        on conflict (phone_number) do update set
            tenant_id = excluded.tenant_id, routing = excluded.routing,
            version = numbers.version
                + case when (numbers.tenant_id, numbers.routing) is distinct from (excluded.tenant_id, excluded.routing)
                       then 1 else 0 end,
            updated_at = now()
        returning version
        """,
        {"number": number.phone_number, "tenant": number.tenant_id, "routing": Jsonb(document(number.routing))},
    ).fetchone()
    assert row is not None  # an upsert returns its row
    conn.execute(
        """
        insert into number_versions (phone_number, version, tenant_id, routing, changed_by, via, note)
        select phone_number, version, tenant_id, routing, %(by)s, %(via)s, %(note)s from numbers
         where phone_number = %(number)s
        on conflict do nothing
        """,
        {"number": number.phone_number, "by": by, "via": via, "note": note},
    )
    return row[0]


def every(conn: Connection) -> list[Number]:
    """All numbers with their routing."""
    rows = conn.execute(
        "select phone_number, tenant_id, routing, version, pns_status from numbers order by phone_number"
    ).fetchall()
    return [Number(number, tenant, of(routing), version, status) for number, tenant, routing, version, status in rows]


def find(conn: Connection, phone_number: str) -> Number | None:
    """One number with its routing."""
    row = conn.execute(
        "select tenant_id, routing, version, pns_status from numbers where phone_number = %s", (phone_number,)
    ).fetchone()
    return Number(phone_number, row[0], of(row[1]), row[2], row[3]) if row else None


def tenant_of(conn: Connection, phone_number: str) -> str | None:
    """Whose number this is, as far as we know."""
    row = conn.execute("select tenant_id from numbers where phone_number = %s", (phone_number,)).fetchone()
    return row[0] if row else None


def sender_of(conn: Connection, tenant_id: str) -> str | None:
    """The tenant's number to text from: its first one, so that the choice never changes by itself."""
    row = conn.execute(
        "select phone_number from numbers where tenant_id = %s order by phone_number limit 1", (tenant_id,)
    ).fetchone()
    return row[0] if row else None


def note_unknown(conn: Connection, phone_number: str) -> bool:
    """A call or text came to a number nobody told us about: remember it, so that its owner is looked up.

    False also for what is no phone number (a SIP address, a WhatsApp one).
    """
    done = conn.execute(
        r"""
        insert into numbers (phone_number) select %(number)s::text where %(number)s::text ~ '^\+[1-9][0-9]{6,14}$'
        on conflict (phone_number) do nothing
        """,
        {"number": phone_number},
    )
    return done.rowcount == 1


def unchecked(conn: Connection, *, older_than: timedelta, limit: int) -> list[str]:
    """Numbers whose owner was not asked for lately, the longest unasked first."""
    rows = conn.execute(
        """
        select phone_number from numbers
         where pns_checked_at is null or pns_checked_at < now() - %s
         order by pns_checked_at nulls first, phone_number limit %s
        """,
        (older_than, limit),
    ).fetchall()
    return [row[0] for row in rows]


def note_owner(conn: Connection, phone_number: str, *, tenant_id: str | None, status: str) -> None:
    """What pns-provisioning-service said; a tenant that is known is not forgotten because the service did not know."""
    conn.execute(
        """
        update numbers set tenant_id = coalesce(%s, tenant_id), pns_status = %s, pns_checked_at = now()
         where phone_number = %s
        """,
        (tenant_id, status, phone_number),
    )
