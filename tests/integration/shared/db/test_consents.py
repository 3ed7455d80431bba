"""Consents and suppressions in PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection

from shared.db import consents, suppressions

NUMBER, NINE = "+12125550142", datetime(2026, 3, 4, 9, tzinfo=UTC)
GIVEN: dict[str, Any] = {
    "tenant_id": "t-1",
    "number": NUMBER,
    "purpose": "marketing",
    "kind": "written",
    "source": "form 7",
}


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def test_a_newer_consent_takes_the_place_of_the_older_which_stays_as_proof(conn: Connection):
    older = consents.grant(conn, **GIVEN)
    newer = consents.grant(conn, **(GIVEN | {"kind": "express"}))
    other = consents.grant(conn, **(GIVEN | {"purpose": "transactional"}))
    in_force = [row.id for row in consents.page(conn, limit=9, number=NUMBER) if row.revoked_at is None]
    assert {*in_force} == {newer.id, other.id}
    stored = consents.find(conn, str(older.id))
    assert stored is not None
    assert (stored.revoked_by, stored.kind) == ("replaced", "written")


def test_a_consent_is_withdrawn_once(conn: Connection):
    made = consents.grant(conn, **GIVEN)
    first = consents.withdraw(conn, str(made.id), by="api:crm")
    assert first is not None
    assert first.revoked_by == "api:crm"
    assert consents.withdraw(conn, str(made.id), by="cli") == first
    assert consents.withdraw(conn, str(uuid4()), by="cli") is None
    assert consents.withdraw(conn, "no id", by="cli") is None


def test_a_page_begins_behind_the_one_before(conn: Connection):
    made = [consents.grant(conn, **(GIVEN | {"number": f"+1212555014{n}", "granted_at": NINE})).id for n in range(5)]
    seen, before = [], None
    while rows := consents.page(conn, limit=2, tenant_id="t-1", before=before):
        seen += [row.id for row in rows]
        before = (rows[-1].granted_at, rows[-1].id)
    assert sorted(seen) == sorted(made)


@pytest.mark.parametrize(("first", "second", "stands"), [
    (None, NINE, None), (NINE, None, None), (NINE, NINE + timedelta(hours=1), NINE + timedelta(hours=1)),
    (NINE + timedelta(hours=1), NINE, NINE + timedelta(hours=1)),
])  # fmt: skip
def test_the_longer_suppression_stands(conn: Connection, first, second, stands):
    suppressions.put(conn, NUMBER, reason="unreachable", twilio_code=30003, until=first)
    suppressions.put(conn, NUMBER, reason="landline", twilio_code=30006, until=second)
    assert conn.execute("select until from suppressions").fetchall() == [(stands,)]
    assert suppressions.lift(conn, NUMBER)
    assert not suppressions.lift(conn, NUMBER)
