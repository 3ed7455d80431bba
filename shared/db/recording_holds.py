"""Legal holds: what must not be deleted, here or at Twilio, by anybody.

Who records a deletion locks the recording's row first and then `no_new`; who places a hold locks out all such transactions
for the moment (`place`). So of a hold and a deletion the one that comes second sees the other.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, LiteralString, get_args
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from shared.db.ids import as_uuid

Subject = Literal["recording_sid", "call_sid", "tenant_id"]
SUBJECTS: Final[tuple[Subject, Subject, Subject]] = get_args(Subject)

_LOCK: Final = 0x486F6C64  # "Hold", as a number of its own among the advisory locks

# `tenant`: whose the held call or recording is.
_HOLDS: Final[LiteralString] = """
    select h.id, h.recording_sid, h.call_sid, h.tenant_id, h.reason, h.placed_by, h.placed_at, h.lifted_by, h.lifted_at,
           coalesce(h.tenant_id, c.tenant_id, root.tenant_id) as tenant
      from recording_holds h
      left join recordings r on r.recording_sid = h.recording_sid
      left join calls c on c.call_sid = coalesce(h.call_sid, r.call_sid)
      left join calls root on root.call_sid = c.parent_call_sid
"""

# Of a recording `r`: whether a hold is in force on it, on its call or any leg of that, or on whose they are. For the `where`
# of a query.
IS_HELD: Final[LiteralString] = """
    exists (
        select 1
          from (select coalesce((select parent_call_sid from calls where call_sid = r.call_sid),
                                (select min(call_sid) from calls where dial_call_sid = r.call_sid), r.call_sid) as sid
               ) as root
          cross join lateral (
               select root.sid, (select tenant_id from calls where call_sid = root.sid) as tenant_id
               union all
               select call_sid, tenant_id from calls where parent_call_sid = root.sid
               union all
               select dial_call_sid, null from calls where call_sid = root.sid) as kin
          join recording_holds h on h.lifted_at is null
               and (h.recording_sid = r.recording_sid or h.call_sid = nullif(kin.sid, '') or h.tenant_id = kin.tenant_id))
"""


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold, on exactly one of `recording_sid`, `call_sid` (with all its legs) and `tenant_id`; in force until lifted.

    `tenant`: whose it is about, if that is known.
    """

    id: UUID
    recording_sid: str | None
    call_sid: str | None
    tenant_id: str | None
    reason: str
    placed_by: str
    placed_at: datetime
    lifted_by: str | None
    lifted_at: datetime | None
    tenant: str | None


def is_held(conn: Connection, recording_sid: str) -> bool:
    """Whether any hold forbids to delete it now."""
    row = conn.execute(
        f"select {IS_HELD} from recordings r where r.recording_sid = %(sid)s", {"sid": recording_sid}
    ).fetchone()
    return bool(row and row[0])


def no_new(conn: Connection) -> None:
    """No hold is placed until this transaction ends. Take the recording's row first."""
    conn.execute("select pg_advisory_xact_lock_shared(%s)", (_LOCK,))


def place(conn: Connection, subject: Subject, value: str, *, reason: str, placed_by: str) -> Hold:
    """From the commit on nothing of it is deleted, except what had begun to go before."""
    conn.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
    row = conn.execute(
        """
        insert into recording_holds (recording_sid, call_sid, tenant_id, reason, placed_by)
        values (%(recording_sid)s, %(call_sid)s, %(tenant_id)s, %(reason)s, %(by)s) returning id
        """,
        {"recording_sid": None, "call_sid": None, "tenant_id": None, subject: value, "reason": reason, "by": placed_by},
    ).fetchone()
    assert row is not None  # an insert returns its row
    made = find(conn, str(row[0]))
    assert made is not None
    return made


def find(conn: Connection, hold_id: str) -> Hold | None:
    """By its id, lifted or not."""
    with conn.cursor(row_factory=class_row(Hold)) as cursor:
        return cursor.execute(f"{_HOLDS} where h.id = %s", (as_uuid(hold_id),)).fetchone()


def lift(conn: Connection, hold_id: str, *, lifted_by: str) -> Hold | None:
    """It does not count any more; who lifted it first stands. None: there is no such hold."""
    conn.execute(
        """
        update recording_holds set lifted_at = now(), lifted_by = %(by)s where id = %(id)s and lifted_at is null
        """,
        {"id": as_uuid(hold_id), "by": lifted_by},
    )
    return find(conn, hold_id)


def page(
    conn: Connection,
    *,
    limit: int,
    tenant: str | None = None,
    is_lifted_too: bool = False,
    before: tuple[datetime, UUID] | None = None,
) -> list[Hold]:
    """The newest holds, of one tenant or of all, behind the row `before`."""
    at, hold_id = before or (None, None)
    with conn.cursor(row_factory=class_row(Hold)) as cursor:
        return cursor.execute(
            f"""
            {_HOLDS}
             where (h.lifted_at is null or %(lifted)s)
               and (%(tenant)s::text is null or coalesce(h.tenant_id, c.tenant_id, root.tenant_id) = %(tenant)s)
               and (%(at)s::timestamptz is null or (h.placed_at, h.id) < (%(at)s, %(id)s::uuid))
             order by h.placed_at desc, h.id desc limit %(limit)s
            """,
            {"limit": limit, "tenant": tenant, "lifted": is_lifted_too, "at": at, "id": hold_id},
        ).fetchall()
