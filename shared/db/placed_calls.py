"""Calls that we place: what Twilio's callbacks say of them."""

from uuid import UUID

from psycopg import Connection


def note_sid(conn: Connection, id: UUID, call_sid: str) -> bool:
    """A callback names the call that we asked for: it is placed, whatever its request had come to. False if that was known."""
    done = conn.execute(
        """
        update placed_calls set state = 'placed', call_sid = %(sid)s, updated_at = now()
         where id = %(id)s and call_sid is null
        """,
        {"id": id, "sid": call_sid},
    )
    return done.rowcount == 1
