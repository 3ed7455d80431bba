"""Events that could not be processed: kept whole, with the reason, until a person replays them."""

from psycopg import Connection


def keep(conn: Connection, *, event_id: str, record: bytes, reason: str, tries: int) -> None:
    """Keeps the record; the first reason stands."""
    conn.execute(
        """
        insert into set_aside (event_id, record, reason, tries) values (%s, %s, %s, %s)
        on conflict (event_id) do nothing
        """,
        (event_id, record, reason, tries),
    )


def count(conn: Connection) -> int:
    """How many wait for a person."""
    row = conn.execute("select count(*) from set_aside where redriven_at is null").fetchone()
    return row[0] if row else 0
