"""Whether a customer may still be texted about something, and whether a transaction is about to have it done."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from psycopg import Connection

# A missed-call text loses its meaning long before: an hour late it is worse than none.
FRESH_FOR: Final = timedelta(hours=1)
# as-call-service answers a missed call with a text, and has a customer's text answered by a machine.
LEADS_TO_A_TEXT: Final = frozenset({"call.missed", "sms.received"})
# What decides a call that waits, and so may find it missed.
DECIDES: Final = "call.settle"


def will_text(conn: Connection, subjects: Sequence[str]) -> bool:
    """Whether this very transaction has promised something about `subjects` that ends in a text to a customer."""
    row = conn.execute(
        """
        select 1 from notifications where subject = any(%(subjects)s) and type = any(%(types)s) and created_at = now()
        union all
        select 1 from jobs where ref = any(%(subjects)s) and kind = %(decides)s and created_at = now()
        limit 1
        """,
        {"subjects": list(subjects), "types": sorted(LEADS_TO_A_TEXT), "decides": DECIDES},
    ).fetchone()
    return row is not None


def accept_late(conn: Connection, sids: Sequence[str]) -> None:
    """An operator wants the customers of these calls and texts to be told, however long ago they were."""
    conn.execute(
        "insert into late_accepted (sid) select distinct unnest(%s::text[]) on conflict do nothing", (list(sids),)
    )


def is_late_accepted(conn: Connection, sid: str) -> bool:
    """Whether an operator has said so of this one."""
    return conn.execute("select 1 from late_accepted where sid = %s", (sid,)).fetchone() is not None
