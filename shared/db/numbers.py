"""Our business numbers: whose they are and where their calls go."""

from datetime import timedelta

from psycopg import Connection
from psycopg.rows import class_row

from shared.domain.routing import DEFAULT_GREETING, Number


def put(conn: Connection, number: Number) -> None:
    """Writes how a number's calls are handled; the whole of it."""
    conn.execute(
        """
        insert into numbers (phone_number, tenant_id, forward_to, ring_timeout_s, record_calls, voicemail, greeting)
        values (%(phone_number)s, %(tenant_id)s, %(forward_to)s, %(ring_timeout_s)s, %(record_calls)s, %(voicemail)s,
                nullif(%(greeting)s, %(default)s))
        on conflict (phone_number) do update set
            tenant_id = excluded.tenant_id, forward_to = excluded.forward_to, ring_timeout_s = excluded.ring_timeout_s,
            record_calls = excluded.record_calls, voicemail = excluded.voicemail, greeting = excluded.greeting,
            updated_at = now()
        """,
        {**{name: getattr(number, name) for name in Number.__slots__}, "default": DEFAULT_GREETING},
    )


def every(conn: Connection) -> list[Number]:
    """All numbers with their routing."""
    with conn.cursor(row_factory=class_row(Number)) as cursor:
        return cursor.execute(
            """
            select phone_number, tenant_id, forward_to, ring_timeout_s, record_calls, voicemail,
                   coalesce(greeting, %s) as greeting
              from numbers order by phone_number
            """,
            (DEFAULT_GREETING,),
        ).fetchall()


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
