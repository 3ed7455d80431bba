"""Who does not want our texts: for all of us, for a tenant, or for a sender and its group. Lifted rows stay, as proof.

Words (STOP, START and the like) may come doubled and out of order, so the later word counts, whichever is read first: a
START leaves a row also when it had nothing to lift, and a STOP older than it is written down as lifted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, LiteralString

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

Source = Literal["keyword", "opt-out-type", "free-form", "21610", "api", "cli"]
EVERYBODY: Final = "*"
BY_START: Final = "START"

_COLUMNS: LiteralString = "id, scope, number, source, evidence, at, lifted_at, lifted_by"


@dataclass(frozen=True, slots=True)
class StoredOptOut:
    """One wish of one number towards `scope`. It counts while `lifted_at` is None."""

    id: int
    scope: str
    number: str
    source: Source
    evidence: dict[str, Any] | None
    at: datetime
    lifted_at: datetime | None
    lifted_by: str | None


def of_tenant(tenant_id: str) -> str:
    """The scope of all that a tenant sends."""
    return f"tenant:{tenant_id}"


def scopes_of(conn: Connection, sender: str, service_sid: str | None) -> list[str]:
    """Where a word said to `sender` counts: there, and in the Messaging Service that the webhook or our table names.

    Both, because a text of the service and one of the bare number must each find it.
    """
    row = conn.execute("select service_sid from senders where sender = %s", (sender,)).fetchone()
    return sorted({scope for scope in (sender, service_sid, row[0] if row else None) if scope})


def add(
    conn: Connection,
    *,
    number: str,
    scope: str,
    source: Source,
    at: datetime | None = None,
    evidence: dict[str, Any] | None = None,
) -> bool:
    """Writes down a wish made at `at` (None: now). True if it is in force now and was not before.

    One of ours (api, cli) is not replaced by a word, because a START would lift it then.
    """
    _lock(conn, number)
    row = conn.execute(
        """
        insert into opt_outs as o (scope, number, source, evidence, at, lifted_at, lifted_by)
        select %(scope)s, %(number)s, %(source)s, %(evidence)s, wish.at, later.lifted_at, later.lifted_by
          from (select coalesce(%(at)s, clock_timestamp()) as at) wish
          left join lateral (
            select lifted_at, lifted_by from opt_outs
             where number = %(number)s and scope = %(scope)s and lifted_by = %(start)s and lifted_at > wish.at
               and %(source)s not in ('api', 'cli')
             order by lifted_at limit 1) later on true
        on conflict (number, scope) where lifted_at is null do update set
            at = greatest(o.at, excluded.at),
            evidence = coalesce(excluded.evidence, '{}') || coalesce(o.evidence, '{}'),
            source = case when o.source in ('api', 'cli') then o.source else excluded.source end
        returning o.xmax = 0 and o.lifted_at is null
        """,
        {
            "scope": scope, "number": number, "source": source, "at": at, "start": BY_START,
            "evidence": None if evidence is None else Jsonb(evidence),
        },
    ).fetchone()  # fmt: skip
    return bool(row and row[0])


def note_21610(conn: Connection, number: str, scope: str, at: datetime) -> bool:
    """Twilio says that `number` has opted out of `scope` (error 21610). `at`: when the text that told us had left.

    It comes as the answer to a send, or as the failure of one that a Messaging Service took on. True as for `add`.
    """
    return add(conn, number=number, scope=scope, source="21610", at=at)


def start(conn: Connection, *, number: str, scopes: Sequence[str], at: datetime, evidence: dict[str, Any]) -> bool:
    """A START said at `at`: lifts what was said before it, never what was entered by us. True if it lifted anything."""
    _lock(conn, number)
    rows = conn.execute(
        """
        update opt_outs set lifted_at = %(at)s, lifted_by = %(start)s
         where number = %(number)s and scope = any(%(scopes)s) and lifted_at is null and at < %(at)s
           and source not in ('api', 'cli')
        returning scope
        """,
        {"number": number, "scopes": list(scopes), "at": at, "start": BY_START},
    ).fetchall()
    for scope in {*scopes} - {row[0] for row in rows}:
        _leave_mark(conn, number, scope, at, evidence)
    return bool(rows)


def lift(conn: Connection, *, number: str, scope: str, by: str) -> StoredOptOut | None:
    """Lifts what is in force there, whatever its source. None if nothing is."""
    _lock(conn, number)
    with conn.cursor(row_factory=class_row(StoredOptOut)) as cursor:
        return cursor.execute(
            f"""
            update opt_outs set lifted_at = clock_timestamp(), lifted_by = %(by)s
             where number = %(number)s and scope = %(scope)s and lifted_at is null
            returning {_COLUMNS}
            """,
            {"number": number, "scope": scope, "by": by},
        ).fetchone()


def find(conn: Connection, *, number: str, scope: str) -> StoredOptOut | None:
    """The one in force, or None."""
    with conn.cursor(row_factory=class_row(StoredOptOut)) as cursor:
        return cursor.execute(
            f"select {_COLUMNS} from opt_outs where number = %s and scope = %s and lifted_at is null", (number, scope)
        ).fetchone()


def page(
    conn: Connection,
    *,
    limit: int,
    number: str | None = None,
    scope: str | None = None,
    is_lifted_too: bool = False,
    before: tuple[datetime, int] | None = None,
) -> list[StoredOptOut]:
    """The newest wishes, after the cursor (at, id). A START that had nothing to lift is none."""
    at, row_id = before or (None, None)
    with conn.cursor(row_factory=class_row(StoredOptOut)) as cursor:
        return cursor.execute(
            f"""
            select {_COLUMNS} from opt_outs
             where (%(number)s::text is null or number = %(number)s) and (%(scope)s::text is null or scope = %(scope)s)
               and (lifted_at is null or (%(lifted)s and lifted_at > at))
               and (%(at)s::timestamptz is null or (at, id) < (%(at)s, %(id)s))
             order by at desc, id desc limit %(limit)s
            """,
            {"number": number, "scope": scope, "lifted": is_lifted_too, "at": at, "id": row_id, "limit": limit},
        ).fetchall()


def _leave_mark(conn: Connection, number: str, scope: str, at: datetime, evidence: dict[str, Any]) -> None:
    """Lifted as soon as it was said: it says nothing but when the START was."""
    conn.execute(
        """
        insert into opt_outs (scope, number, source, evidence, at, lifted_at, lifted_by)
        values (%(scope)s, %(number)s, 'keyword', %(evidence)s, %(at)s, %(at)s, %(start)s)
        """,
        {"scope": scope, "number": number, "evidence": Jsonb(evidence), "at": at, "start": BY_START},
    )


def _lock(conn: Connection, number: str) -> None:
    """To commit: a STOP and a START of one number that are read at the same time must see each other."""
    conn.execute("select pg_advisory_xact_lock(hashtextextended('opt-outs|' || %s, 0))", (number,))
