"""On what ground a call may be recorded, where somebody else than its caller has settled that."""

from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb


def assert_given(conn: Connection, call_sid: str, rule: dict[str, Any]) -> bool:
    """A client says that all parties have agreed; `rule` has who and when. False if the parties themselves have said so."""
    return _put(conn, call_sid, "asserted", "asserted", rule)


def note_not_needed(conn: Connection, call_sid: str, rule: dict[str, Any]) -> bool:
    """The law of all parties asks for none; `rule` has which. False if more than that is known."""
    return _put(conn, call_sid, "none", "not-needed", rule)


def _put(conn: Connection, call_sid: str, way: str, consent: str, rule: dict[str, Any]) -> bool:
    done = conn.execute(
        """
        update calls set consent_way = %(way)s, consent = %(consent)s, consent_rule = %(rule)s, recording_wanted = true,
                         updated_at = now()
         where call_sid = %(sid)s and (consent is null or consent in ('asked', 'declined'))
        """,
        {"sid": call_sid, "way": way, "consent": consent, "rule": Jsonb(rule)},
    )
    return done.rowcount == 1
