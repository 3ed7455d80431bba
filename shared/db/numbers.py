"""Our business numbers: whose they are and where their calls go. No number is ever deleted: its calls are still asked for."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from psycopg import Connection
from psycopg.types.json import Jsonb

from shared import log
from shared.domain.phone import masked
from shared.domain.routing import Number, Routing, document, of

Via = Literal["api", "cli", "seed", "platform", "migration"]


class VersionConflict(Exception):
    """Somebody has changed the number since it was read; `current` is its version now (0: there is no such number)."""

    def __init__(self, current: int) -> None:
        super().__init__(f"the number is at version {current}")
        self.current = current


@dataclass(frozen=True, slots=True)
class Version:
    """What a number's routing was changed to. `routing` is the document as it is stored, readable or not."""

    version: int
    tenant_id: str | None
    routing: dict[str, Any]
    changed_by: str
    via: Via
    note: str | None
    changed_at: datetime


def put(
    conn: Connection,
    number: Number,
    *,
    by: str = "seed",
    via: Via = "seed",
    note: str | None = None,
    expected_version: int | None = None,
) -> int:
    """Writes whose a number is and how its calls are handled; the whole of it. Returns the version, new if that changed.

    Raises VersionConflict when it is not at `expected_version` (0: not there) and not what was wanted already, as it is
    for whoever asks again after an answer that was lost.
    """
    _lock(conn, number.phone_number)
    wanted = {"number": number.phone_number, "tenant": number.tenant_id, "routing": Jsonb(document(number.routing))}
    current, is_same = _compared(conn, wanted)
    if is_same:
        return current
    if expected_version not in (None, current):
        raise VersionConflict(current)
    conn.execute(
        """
        insert into numbers (phone_number, tenant_id, routing) values (%(number)s, %(tenant)s, %(routing)s)
        on conflict (phone_number) do update set
            tenant_id = excluded.tenant_id, routing = excluded.routing, version = numbers.version + 1, updated_at = now()
        """,
        wanted,
    )
    return _note_version(conn, number.phone_number, by=by, via=via, note=note)


def every(conn: Connection) -> list[Number]:
    """All numbers with their routing."""
    rows = conn.execute(
        "select phone_number, tenant_id, routing, version, pns_status from numbers order by phone_number"
    ).fetchall()
    return _numbers(rows)


def snapshot(conn: Connection, since: str | None) -> tuple[list[Number], str]:
    """The numbers changed since an earlier snapshot (None: all), and what to give as `since` the next time.

    Nothing is missed: `since` is the oldest transaction that was running then. What an older one wrote was seen then, and
    what it or a younger one has written is read again, some of it twice. A `since` that this server has not come to is
    another server's (a standby, a restored copy): then all are read.
    """
    rows = conn.execute(
        """
        with seen as (select pg_snapshot_xmin(pg_current_snapshot()) as oldest)
        select seen.oldest::text, n.phone_number, n.tenant_id, n.routing, n.version, n.pns_status
          from seen left join numbers n on n.changed >= case when %(since)s::xid8 <= seen.oldest
                                                             then %(since)s::xid8 else xid8 '0' end
        """,
        {"since": since},
    ).fetchall()
    return _numbers(row[1:] for row in rows if row[1] is not None), rows[0][0]


def find(conn: Connection, phone_number: str) -> Number | None:
    """One number, if it is one of ours."""
    rows = conn.execute(
        "select phone_number, tenant_id, routing, version, pns_status from numbers where phone_number = %s",
        (phone_number,),
    ).fetchall()
    return next(iter(_numbers(rows)), None)


def page(conn: Connection, *, limit: int, after: str | None = None, tenant_id: str | None = None) -> list[Number]:
    """Numbers in order, those behind `after`; one tenant's or all."""
    rows = conn.execute(
        """
        select phone_number, tenant_id, routing, version, pns_status from numbers
         where (%(after)s::text is null or phone_number > %(after)s)
           and (%(tenant)s::text is null or tenant_id = %(tenant)s)
         order by phone_number limit %(limit)s
        """,
        {"after": after, "tenant": tenant_id, "limit": limit},
    ).fetchall()
    return _numbers(rows)


def versions(
    conn: Connection, phone_number: str, *, limit: int | None = None, before: int | None = None
) -> list[Version]:
    """What the number was changed to, the newest first; those before version `before`."""
    rows = conn.execute(
        """
        select version, tenant_id, routing, changed_by, via, note, changed_at from number_versions
         where phone_number = %(number)s and (%(before)s::int is null or version < %(before)s)
         order by version desc limit %(limit)s
        """,
        {"number": phone_number, "before": before, "limit": limit},
    ).fetchall()
    return [Version(*row) for row in rows]


def tenant_of(conn: Connection, phone_number: str) -> str | None:
    """Whose number this is, as far as we know."""
    row = conn.execute("select tenant_id from numbers where phone_number = %s", (phone_number,)).fetchone()
    return row[0] if row else None


def sender_of(conn: Connection, tenant_id: str) -> str | None:
    """The tenant's number to text from: its first one, so that the choice never changes by itself."""
    row = conn.execute(
        "select phone_number from numbers where tenant_id = %s order by phone_number limit 1", (tenant_id,)
    ).fetchone()
    return row[0] if row else None


def note_unknown(conn: Connection, phone_number: str) -> bool:
    """A call or text came to a number nobody told us about: remember it, so that its owner is looked up.

    False also for what is no phone number (a SIP address, a WhatsApp one).
    """
    done = conn.execute(
        r"""
        insert into numbers (phone_number) select %(number)s::text where %(number)s::text ~ '^\+[1-9][0-9]{6,14}$'
        on conflict (phone_number) do nothing
        """,
        {"number": phone_number},
    )
    if done.rowcount != 1:
        return False
    _note_version(conn, phone_number, by="twilio", via="platform", note="a call or text came to it")
    return True


def unchecked(conn: Connection, *, older_than: timedelta, limit: int) -> list[str]:
    """Numbers whose owner was not told lately, the longest untold first; behind them those that brought no answer last time."""
    rows = conn.execute(
        """
        select phone_number from numbers
         where pns_checked_at is null or pns_checked_at < now() - %s
         order by pns_unanswered_at nulls first, pns_checked_at nulls first, phone_number limit %s
        """,
        (older_than, limit),
    ).fetchall()
    return [row[0] for row in rows]


def owners_checked(conn: Connection) -> dict[str, datetime | None]:
    """When pns-provisioning-service last answered whose each number is (None: never)."""
    return dict(conn.execute("select phone_number, pns_checked_at from numbers").fetchall())


def oldest_check_s(conn: Connection) -> float:
    """Of all numbers the longest time without such an answer, since it is known at the most; 0 without numbers."""
    row = conn.execute(
        "select extract(epoch from now() - min(coalesce(pns_checked_at, updated_at))) from numbers"
    ).fetchone()
    return float(row[0]) if row and row[0] is not None else 0.0


def note_unanswered(conn: Connection, phone_number: str) -> None:
    """The service did not answer about this number. Whatever is known of it stays."""
    conn.execute("update numbers set pns_unanswered_at = now() where phone_number = %s", (phone_number,))


def note_owner(conn: Connection, phone_number: str, *, tenant_id: str | None, status: str | None) -> bool:
    """What pns-provisioning-service said (None: nothing). Returns whether the owner is another now, which is a new version.

    An owner that is known is not forgotten because the service did not know. A number that the service gives to another
    tenant than before has changed hands: what the one before wanted (his phones, his greeting) does not count for the next.
    An owner whom only we had named is corrected, and the routing stays.
    """
    _lock(conn, phone_number)
    row = conn.execute(
        """
        with was as (
            select %(tenant)s::text is not null and tenant_id is distinct from %(tenant)s::text as is_new,
                   coalesce(pns_tenant_id <> %(tenant)s::text, false) as moved
              from numbers where phone_number = %(number)s)
        update numbers n
           set pns_status = coalesce(%(status)s, pns_status), pns_checked_at = now(), pns_unanswered_at = null,
               pns_tenant_id = coalesce(%(tenant)s, pns_tenant_id),
               tenant_id = coalesce(%(tenant)s, tenant_id),
               routing = case when was.is_new and was.moved then '{}' else routing end,
               version = version + was.is_new::int
          from was where n.phone_number = %(number)s
        returning was.is_new, was.is_new and was.moved
        """,
        {"number": phone_number, "tenant": tenant_id, "status": status},
    ).fetchone()
    is_new, has_changed_hands = row or (False, False)
    if is_new:
        note = "changed hands: routing starts anew" if has_changed_hands else None
        _note_version(conn, phone_number, by="pns-provisioning-service", via="platform", note=note)
    return is_new


def _lock(conn: Connection, phone_number: str) -> None:
    """Of whoever changes a number, to commit: one that is not there yet has no row to lock."""
    conn.execute("select pg_advisory_xact_lock(hashtextextended('numbers|' || %s, 0))", (phone_number,))


def _compared(conn: Connection, wanted: dict[str, Any]) -> tuple[int, bool]:
    """The version in force, and whether it says what is wanted."""
    row = conn.execute(
        """
        select version, (tenant_id, routing) is not distinct from (%(tenant)s::text, %(routing)s::jsonb)
          from numbers where phone_number = %(number)s
        """,
        wanted,
    ).fetchone()
    return row or (0, False)


def _note_version(conn: Connection, phone_number: str, *, by: str, via: Via, note: str | None) -> int:
    """Keeps what the number is now, with who made it so. Returns its version."""
    row = conn.execute(
        """
        insert into number_versions (phone_number, version, tenant_id, routing, changed_by, via, note)
        select phone_number, version, tenant_id, routing, %(by)s, %(via)s, %(note)s from numbers
         where phone_number = %(number)s
        returning version
        """,
        {"number": phone_number, "by": by, "via": via, "note": note},
    ).fetchone()
    assert row is not None  # who changed it just now has it locked
    return row[0]


def _numbers(rows: Iterable[tuple[Any, ...]]) -> list[Number]:
    return [
        Number(number, tenant, _routing(number, version, stored), version, status)
        for number, tenant, stored, version, status in rows
    ]


def _routing(phone_number: str, version: int, stored: dict[str, Any]) -> Routing:
    """What cannot be read was written by hand or by another release: its callers reach voicemail, and all else goes on."""
    try:
        return of(stored)
    except ValueError as fault:
        _complain(phone_number, version, str(fault))
        return Routing()


@lru_cache(maxsize=10_000)  # once for each version of each number: this is read every second
def _complain(phone_number: str, version: int, fault: str) -> None:
    log.get().error("number_unreadable", number=masked(phone_number), version=version, reason=fault)
