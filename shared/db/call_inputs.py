"""What callers typed and said when they were asked (`<Gather>`)."""

from datetime import datetime

from psycopg import Connection


def keep(
    conn: Connection,
    *,
    event_key: str,
    call_sid: str,
    digits: str | None,
    speech: str | None,
    confidence: float | None,
    is_partial: bool,
    sequence: int | None,
    heard_at: datetime,
) -> None:
    """Keeps one answer; a call may give several, and each is its event's."""
    conn.execute(
        """
        insert into call_inputs (event_key, call_sid, digits, speech, confidence, is_partial, sequence, heard_at)
        values (%(key)s, %(call)s, %(digits)s, %(speech)s, %(confidence)s, %(is_partial)s, %(sequence)s, %(at)s)
        on conflict (event_key) do nothing
        """,
        {
            "key": event_key,
            "call": call_sid,
            "digits": digits,
            "speech": speech,
            "confidence": confidence,
            "is_partial": is_partial,
            "sequence": sequence,
            "at": heard_at,
        },
    )
