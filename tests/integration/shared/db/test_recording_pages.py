"""Pages of recordings: whichever way they are looked up, they are what a look at every row would find."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from shared.db import recording_overview

ACCOUNT = "AC" + "0" * 32
# (whose the call is, whose its parent is): a leg of nobody's number is of whom its call is, else it is whose number it has.
OWNERS = [
    (tenant, parent)
    for tenant, parent in product(("rare", "often", "often", "often", None), (None, "rare", "often"))
    for _ in range(3)
]
FILTERS: list[dict[str, Any]] = [
    {}, {"state": "stored"}, {"state": "available"}, {"damaged": True}, {"call_sid": "CA0"},
    {"tenant_id": "rare"}, {"tenant_id": "often", "state": "stored"},
]  # fmt: skip


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    with psycopg.connect(database_url) as conn:
        for place, (tenant, parent) in enumerate(OWNERS):
            if parent:
                _call(conn, f"CAp{place}", parent, None)
            _call(conn, f"CA{place}", tenant, f"CAp{place}" if parent else None)
            _recording(conn, place)
        yield conn


def _call(conn: Connection, sid: str, tenant: str | None, parent: str | None) -> None:
    conn.execute(
        "insert into calls (call_sid, account_sid, tenant_id, parent_call_sid, status, started_at)"
        " values (%s, %s, %s, %s, 'completed', now())",
        (sid, ACCOUNT, tenant, parent),
    )


def _recording(conn: Connection, place: int) -> None:
    """Three of each minute, every second one stored, every eighth damaged."""
    conn.execute(
        """
        insert into recordings (recording_sid, call_sid, account_sid, state, announced_at, stored_at, object_key, size_bytes,
                                sha256, damage, damaged_at)
        select 'RE' || %(n)s, 'CA' || %(n)s, %(account)s, case when %(n)s %% 2 = 0 then 'stored' else 'available' end,
               timestamptz '2026-11-01' + %(n)s / 3 * interval '1 minute', now(), 'key ' || %(n)s, 1, sha256('x'),
               case when %(n)s %% 8 = 0 then 'missing' end, case when %(n)s %% 8 = 0 then now() end
        """,
        {"n": place, "account": ACCOUNT},
    )


def _expected(owner: str | None, filters: dict[str, Any]) -> list[str]:
    def is_wanted(place: int, tenant: str | None) -> bool:
        state = "available" if place % 2 else "stored"
        return (
            owner in (None, tenant)
            and filters.get("tenant_id", tenant) == tenant
            and filters.get("state", state) == state
            and filters.get("damaged", place % 8 == 0) == (place % 8 == 0)
            and filters.get("call_sid", f"CA{place}") == f"CA{place}"
        )

    found = [place for place, (tenant, parent) in enumerate(OWNERS) if is_wanted(place, tenant or parent)]
    return [f"RE{place}" for place in sorted(found, key=lambda place: (place // 3, f"RE{place}"), reverse=True)]


@pytest.mark.parametrize("among", [1, 7, 2000])
@pytest.mark.parametrize("limit", [1, 4, 100])
@pytest.mark.parametrize("owner", [None, "rare", "often", "nobody", ""])
def test_pages_hold_each_wanted_recording_once_and_in_order(
    conn: Connection, monkeypatch: pytest.MonkeyPatch, owner: str | None, limit: int, among: int
):
    monkeypatch.setattr(recording_overview, "_AMONG", among)
    for filters in FILTERS:
        found, after = [], None
        while rows := recording_overview.page(conn, filters | {"owner": owner}, limit=limit, after=after):
            assert len(rows) <= limit
            found += [row.recording_sid for row in rows]
            after = (rows[-1].announced_at, rows[-1].recording_sid)
        assert found == _expected(owner, filters), filters


def test_a_tenant_of_few_among_many_is_found_beyond_those_that_are_looked_through(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(recording_overview, "_AMONG", 1)
    page = recording_overview.page(conn, {"owner": "rare"}, limit=100, after=None)
    assert [row.recording_sid for row in page] == _expected("rare", {})
    assert {row.tenant_id for row in page} == {"rare"}
