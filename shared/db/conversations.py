"""Which conversation of as-call-service a customer and a business number have with each other."""

from psycopg import Connection


def remember(conn: Connection, *, tenant_id: str, business: str, customer: str, conversation_id: str) -> None:
    """The newest conversation is the open one."""
    conn.execute(
        """
        insert into conversations (tenant_id, business_phone, customer_phone, conversation_id)
        values (%s, %s, %s, %s)
        on conflict (tenant_id, business_phone, customer_phone)
        do update set conversation_id = excluded.conversation_id, opened_at = now()
        """,
        (tenant_id, business, customer, conversation_id),
    )


def find(conn: Connection, *, tenant_id: str, business: str, customer: str) -> str | None:
    """The conversation id, or None if no missed call has opened one."""
    row = conn.execute(
        """
        select conversation_id from conversations
         where tenant_id = %s and business_phone = %s and customer_phone = %s
        """,
        (tenant_id, business, customer),
    ).fetchone()
    return row[0] if row else None
