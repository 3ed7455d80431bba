"""The facts of one text, read from PostgreSQL in one query, and what is decided by them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from shared import data, permissions
from shared.db import consents, messages, numbers, opt_outs, suppressions
from shared.domain import law
from shared.domain.permission import Decision
from shared.domain.routing import Number

LAW = law.read(data.read("law_us"))
TO, FROM, SIBLING, SERVICE, TENANT = "+13055550142", "+14155550100", "+14155550101", "MG" + "1" * 32, "t-1"
NOON, DAY = datetime(2026, 3, 4, 17, tzinfo=UTC), timedelta(days=1)
GIVEN: dict[str, Any] = {"tenant_id": TENANT, "number": TO, "purpose": "marketing", "kind": "written", "source": "form"}


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def ask(conn: Connection, **more: Any) -> Decision:
    asked: dict[str, Any] = {"to": TO, "from_": FROM, "service_sid": None, "tenant_id": TENANT, "purpose": "transactional",
                             "now": NOON}  # fmt: skip
    return permissions.ask(conn, LAW, **{**asked, **more})


def verdict(decision: Decision, rule: str) -> str:
    return next(found.verdict for found in decision.rules if found.id == rule)


def in_service(conn: Connection, *senders: str) -> None:
    for sender in senders:
        conn.execute("insert into senders (sender, kind, service_sid) values (%s, 'long-code', %s)", (sender, SERVICE))


def stops(conn: Connection, scope: str) -> None:
    assert opt_outs.add(conn, number=TO, scope=scope, source="keyword", at=NOON)


@pytest.mark.parametrize("scope", ["*", f"tenant:{TENANT}", FROM])
def test_an_opt_out_counts_in_each_of_its_scopes(conn: Connection, scope: str):
    assert ask(conn).verdict == "allowed"
    stops(conn, scope)
    assert ask(conn).verdict == "refused"
    assert ask(conn, to="+13055550143").verdict == "allowed"
    assert opt_outs.lift(conn, number=TO, scope=scope, by="cli")
    assert ask(conn).verdict == "allowed"


@pytest.mark.parametrize("scope", [SIBLING, "tenant:t-2", SERVICE])
def test_an_opt_out_of_somebody_else_does_not_count(conn: Connection, scope: str):
    stops(conn, scope)
    assert ask(conn).verdict == "allowed"


@pytest.mark.parametrize("scope", [FROM, SIBLING, SERVICE])
@pytest.mark.parametrize("way", [{}, {"service_sid": SERVICE}, {"from_": "", "service_sid": SERVICE}])
def test_an_opt_out_at_one_number_of_a_service_counts_for_all_of_it(conn: Connection, scope: str, way: dict[str, Any]):
    in_service(conn, FROM, SIBLING)
    stops(conn, scope)
    assert ask(conn, **way).verdict == "refused"


def test_a_suppressed_number_is_refused_until_the_time_is_over(conn: Connection):
    suppressions.put(conn, TO, reason="unreachable", until=NOON + DAY)
    assert verdict(ask(conn), "suppressed") == "refused"
    assert ask(conn, now=NOON + DAY).verdict == "allowed"


def test_a_number_of_ours_is_refused(conn: Connection):
    assert ask(conn, to=FROM).verdict == "refused"
    numbers.put(conn, Number(TO, TENANT))
    assert verdict(ask(conn), "own-number") == "refused"


def test_marketing_finds_the_consent_of_its_tenant_while_it_is_in_force(conn: Connection):
    assert ask(conn, purpose="marketing").verdict == "refused"
    given = consents.grant(conn, **GIVEN, granted_at=NOON - DAY, expires_at=NOON + DAY)
    decision = ask(conn, purpose="marketing")
    assert (decision.verdict, decision.consent_id) == ("allowed", given.id)
    for other in (
        {"tenant_id": "t-2"},
        {"tenant_id": None},
        {"to": "+13055550143"},
        {"now": NOON + DAY},
        {"now": NOON - 2 * DAY},
    ):
        assert verdict(ask(conn, purpose="marketing", **other), "consent.marketing") == "refused"
    assert consents.withdraw(conn, str(given.id), by="cli")
    assert ask(conn, purpose="marketing").verdict == "refused"


def sent(
    conn: Connection, at: datetime, tenant_id: str | None = TENANT, purpose: str = "marketing", state: str = "sending"
) -> Any:
    message = messages.insert_outbound(
        conn,
        client="test",
        idempotency_key=None,
        tenant_id=tenant_id,
        from_number=FROM,
        to_number=TO,
        body="x",
        media=[],
    )
    conn.execute(
        "update messages set purpose = %s, send_state = %s, sending_since = %s where id = %s",
        (purpose, state, at, message.id),
    )
    return message.id


def test_the_texts_of_a_day_are_counted_but_not_the_one_in_question(conn: Connection):
    consents.grant(conn, **GIVEN, granted_at=NOON - DAY)
    ids = [sent(conn, NOON - timedelta(hours=hours)) for hours in (3, 2, 1)]
    for more in ({"state": "refused"}, {"tenant_id": "t-2"}, {"purpose": "transactional"}):
        sent(conn, NOON, **more)
    held = ask(conn, purpose="marketing")
    assert (held.verdict, held.held_until) == ("held", datetime(2026, 3, 5, 14, tzinfo=UTC))
    assert ask(conn, purpose="marketing", message_id=ids[0]).verdict == "allowed"


@pytest.mark.parametrize("way", ["text", "call"])
def test_a_text_or_call_of_the_recipient_makes_the_answer_a_reply(conn: Connection, way: str):
    strict = law.Law(
        **{name: getattr(LAW, name) for name in LAW.__slots__} | {"is_transactional_consent_required": True}
    )
    asked: dict[str, Any] = {
        "to": TO,
        "from_": FROM,
        "service_sid": None,
        "tenant_id": TENANT,
        "purpose": "conversation",
    }
    assert permissions.ask(conn, strict, **asked).verdict == "refused"
    if way == "text":
        messages.insert_inbound(
            conn, message_sid="SM" + "1" * 32, account_sid="AC", tenant_id=TENANT, from_number=TO, to_number=SIBLING, body="hi",
            media=[], segments=1,
        )  # fmt: skip
    else:
        conn.execute(
            """
            insert into calls (call_sid, account_sid, from_number, to_number, status, started_at)
            values ('CA1', 'AC', %s, %s, 'ringing', now())
            """,
            (TO, FROM),
        )
    assert permissions.ask(conn, strict, **asked).verdict == "allowed"
    assert permissions.ask(conn, strict, **asked | {"tenant_id": "t-2", "from_": "+14155550199"}).verdict == "refused"


def test_the_table_of_senders_knows_their_kind_better_than_their_looks(conn: Connection):
    assert ask(conn, from_="Acme").verdict == "refused"
    conn.execute("insert into senders (sender, kind) values ('72345', 'short-code'), ('12ab', 'alphanumeric')")
    assert ask(conn, from_="72345").verdict == "allowed"
    assert verdict(ask(conn, from_="12ab"), "alphanumeric-us") == "refused"
