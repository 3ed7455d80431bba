"""What tells whether a call's recording has to come, and which came: of a call and all its legs."""

from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import class_row

from shared.domain.recording_due import Facts, Named


@dataclass(frozen=True, slots=True)
class OfCall:
    """The call that the recordings belong to, never a leg of it."""

    call_sid: str
    account_sid: str
    tenant_id: str | None
    is_over: bool
    is_wanted: bool
    dial_status: str | None
    dial_bridged: bool | None
    screening: str | None
    accepted: bool | None
    has_recording: bool

    @property
    def facts(self) -> Facts:
        """What `is_due` looks at."""
        return Facts(*(getattr(self, name) for name in Facts.__slots__))


def lock(conn: Connection, call_sid: str) -> OfCall | None:
    """The call, or the one that this is a leg of, locked to commit; None while it is unknown.

    With the lock, of an alarm and the recording that it misses the one that comes second sees the other.
    """
    with conn.cursor(row_factory=class_row(OfCall)) as cursor:
        return cursor.execute(
            """
            select c.call_sid, c.account_sid, c.tenant_id, call_rank(c.status) = 4 as is_over,
                   c.recording_wanted and c.consent is distinct from 'declined' as is_wanted,
                   c.dial_status, c.dial_bridged, c.screening,
                   coalesce(c.accepted, (select bool_or(leg.accepted) from calls leg
                                          where leg.parent_call_sid = c.call_sid)) as accepted,
                   exists (select 1 from recordings r
                            where r.call_sid = c.call_sid or r.call_sid = c.dial_call_sid
                               or r.call_sid in (select leg.call_sid from calls leg where leg.parent_call_sid = c.call_sid)
                          ) as has_recording
              from calls c
             where c.call_sid = coalesce((select parent_call_sid from calls where call_sid = %(sid)s),
                                         (select min(call_sid) from calls where dial_call_sid = %(sid)s), %(sid)s)
               for update of c
            """,
            {"sid": call_sid},
        ).fetchone()


def named(conn: Connection, call_sid: str) -> list[Named]:
    """Every recording that Twilio has named of this call and its legs, oldest first."""
    with conn.cursor(row_factory=class_row(Named)) as cursor:
        return cursor.execute(
            """
            select recording_sid, state, duration_s, error_code from recordings
             where call_sid = %(sid)s
                or call_sid in (select call_sid from calls where parent_call_sid = %(sid)s)
                or call_sid in (select dial_call_sid from calls where call_sid = %(sid)s)
             order by announced_at, recording_sid
            """,
            {"sid": call_sid},
        ).fetchall()
