"""Whether a transaction is about to have a customer texted."""

from collections.abc import Sequence
from typing import Final

from psycopg import Connection

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
