"""Numbers that texts do not reach: landlines, numbers that are gone. Learnt from Twilio's errors, for a time or for good."""

from datetime import datetime

from psycopg import Connection


def put(
    conn: Connection, number: str, *, reason: str, twilio_code: int | None = None, until: datetime | None = None
) -> None:
    """No text to `number` before `until` (None: for good). What is known for longer stays."""
    conn.execute(
        """
        insert into suppressions as s (number, reason, twilio_code, until) values (%s, %s, %s, %s)
        on conflict (number) do update set
            reason = excluded.reason, twilio_code = excluded.twilio_code, since = now(), until = excluded.until
         where coalesce(s.until, 'infinity') <= coalesce(excluded.until, 'infinity')
        """,
        (number, reason, twilio_code, until),
    )


def lift(conn: Connection, number: str) -> bool:
    """It may be tried again. False if nothing was known."""
    return conn.execute("delete from suppressions where number = %s", (number,)).rowcount == 1
