"""Who has agreed to be texted by which tenant about what. A row is never changed but to revoke it: it is the proof."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.db.ids import as_uuid
from shared.domain.law import ConsentKind, Purpose

_COLUMNS: LiteralString = """
    id, tenant_id, number, purpose, kind, source, evidence, granted_at, expires_at, revoked_at, revoked_by
"""


@dataclass(frozen=True, slots=True)
class StoredConsent:
    """One agreement. It counts until `expires_at` (None: no end) while `revoked_at` is None."""

    id: UUID
    tenant_id: str
    number: str
    purpose: Purpose
    kind: ConsentKind
    source: str
    evidence: dict[str, Any] | None
    granted_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None


def grant(
    conn: Connection,
    *,
    tenant_id: str,
    number: str,
    purpose: Purpose,
    kind: ConsentKind,
    source: str,
    evidence: dict[str, Any] | None = None,
    granted_at: datetime | None = None,
    expires_at: datetime | None = None,
) -> StoredConsent:
    """Stores an agreement given at `granted_at` (None: now); it takes the place of the one in force."""
    said = {
        "tenant_id": tenant_id, "number": number, "purpose": purpose, "kind": kind, "source": source,
        "evidence": None if evidence is None else Jsonb(evidence), "granted_at": granted_at, "expires_at": expires_at,
    }  # fmt: skip
    # To commit: two at once would both find nothing to replace.
    conn.execute("select pg_advisory_xact_lock(hashtextextended('consents|' || %s, 0))", (number,))
    conn.execute(
        """
        update consents set revoked_at = now(), revoked_by = 'replaced'
         where number = %(number)s and tenant_id = %(tenant_id)s and purpose = %(purpose)s and revoked_at is null
        """,
        said,
    )
    with conn.cursor(row_factory=class_row(StoredConsent)) as cursor:
        row = cursor.execute(
            f"""
            insert into consents (tenant_id, number, purpose, kind, source, evidence, granted_at, expires_at)
            values (%(tenant_id)s, %(number)s, %(purpose)s, %(kind)s, %(source)s, %(evidence)s,
                    coalesce(%(granted_at)s, now()), %(expires_at)s)
            returning {_COLUMNS}
            """,
            said,
        ).fetchone()
    assert row is not None  # an insert returns its row
    return row


def withdraw(conn: Connection, consent_id: str, *, by: str) -> StoredConsent | None:
    """The consent, which does not count from now on. One revoked before stays as it was. None: there is none."""
    conn.execute(
        "update consents set revoked_at = now(), revoked_by = %(by)s where id = %(id)s and revoked_at is null",
        {"id": as_uuid(consent_id), "by": by},
    )
    return find(conn, consent_id)


def find(conn: Connection, consent_id: str) -> StoredConsent | None:
    """By its id."""
    with conn.cursor(row_factory=class_row(StoredConsent)) as cursor:
        return cursor.execute(f"select {_COLUMNS} from consents where id = %s", (as_uuid(consent_id),)).fetchone()


def page(
    conn: Connection,
    *,
    limit: int,
    number: str | None = None,
    tenant_id: str | None = None,
    before: tuple[datetime, UUID] | None = None,
) -> list[StoredConsent]:
    """The newest, revoked ones too, after the cursor (granted_at, id)."""
    at, row_id = before or (None, None)
    with conn.cursor(row_factory=class_row(StoredConsent)) as cursor:
        return cursor.execute(
            f"""
            select {_COLUMNS} from consents
             where (%(number)s::text is null or number = %(number)s)
               and (%(tenant)s::text is null or tenant_id = %(tenant)s)
               and (%(at)s::timestamptz is null or (granted_at, id) < (%(at)s, %(id)s))
             order by granted_at desc, id desc limit %(limit)s
            """,
            {"number": number, "tenant": tenant_id, "at": at, "id": row_id, "limit": limit},
        ).fetchall()
