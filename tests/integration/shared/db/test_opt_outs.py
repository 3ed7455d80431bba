"""Opt-outs in PostgreSQL: whichever of two words is read first, the later one counts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from threading import Thread

import psycopg
import pytest
from psycopg import Connection

from shared.db import opt_outs

NUMBER, SENDER, SERVICE = "+12125550142", "+14155550100", "MG" + "1" * 32
NINE = datetime(2026, 3, 4, 9, tzinfo=UTC)


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def said(conn: Connection, word: str, minute: int, scope: str = SENDER) -> bool:
    at = NINE + timedelta(minutes=minute)
    if word == "START":
        return opt_outs.start(conn, number=NUMBER, scopes=[scope], at=at, evidence={"word": word})
    return opt_outs.add(conn, number=NUMBER, scope=scope, source="21610" if word == "21610" else "keyword", at=at)


def is_out(conn: Connection, scope: str = SENDER) -> bool:
    return opt_outs.find(conn, number=NUMBER, scope=scope) is not None


LIVES = [
    ([("STOP", 1), ("START", 2)], False), ([("START", 1), ("STOP", 2)], True), ([("STOP", 1), ("START", 2), ("STOP", 3)], True),
    ([("STOP", 1), ("STOP", 2), ("START", 3)], False), ([("STOP", 1), ("START", 2), ("21610", 3)], True),
    ([("21610", 1), ("START", 2), ("START", 3)], False), ([("STOP", 1), ("START", 1)], True),
]  # fmt: skip


@pytest.mark.parametrize(("life", "ends_out"), LIVES)
def test_the_later_word_counts_in_every_order_and_doubled(conn: Connection, life, ends_out):
    for order in permutations(life):
        conn.execute("truncate opt_outs")
        for word, minute in (*order, *order):
            said(conn, word, minute)
        assert is_out(conn) is ends_out, order


def test_what_a_start_lifts_was_a_wish_and_what_was_new_says_so(conn: Connection):
    assert said(conn, "STOP", 1)
    assert not said(conn, "STOP", 2)
    assert said(conn, "START", 3)
    assert not said(conn, "START", 4)
    assert [(row.lifted_by, row.at) for row in opt_outs.page(conn, limit=9, is_lifted_too=True)] == [
        ("START", NINE + timedelta(minutes=2))
    ]


@pytest.mark.parametrize("source", ["api", "cli"])
@pytest.mark.parametrize("is_first", [True, False])
def test_no_start_lifts_what_we_entered(conn: Connection, source, is_first):
    steps = [
        lambda: said(conn, "STOP", 1),
        lambda: opt_outs.add(conn, number=NUMBER, scope=SENDER, source=source, at=NINE),
    ]
    for step in steps if is_first else steps[::-1]:
        step()
    assert not said(conn, "START", 9)
    assert is_out(conn)
    lifted = opt_outs.lift(conn, number=NUMBER, scope=SENDER, by="cli")
    assert lifted is not None
    assert (lifted.source, lifted.lifted_by) == (source, "cli")
    assert opt_outs.lift(conn, number=NUMBER, scope=SENDER, by="cli") is None


def test_a_word_counts_where_it_was_said_and_in_the_service_of_that_number(conn: Connection):
    assert opt_outs.scopes_of(conn, SENDER, None) == [SENDER]
    conn.execute("insert into senders (sender, kind, service_sid) values (%s, 'long-code', %s)", (SENDER, SERVICE))
    assert opt_outs.scopes_of(conn, SENDER, None) == [SENDER, SERVICE]
    assert opt_outs.scopes_of(conn, SENDER, "MG" + "2" * 32) == [SENDER, SERVICE, "MG" + "2" * 32]


def test_a_stop_and_a_start_read_at_the_same_time_see_each_other(conn: Connection, database_url: str):
    with psycopg.connect(database_url) as other:
        said(other, "START", 2)  # not committed yet
        late = Thread(target=said, args=(conn, "STOP", 1))
        late.start()
        wait = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        with psycopg.connect(database_url, autocommit=True) as watcher:
            while watcher.execute(wait).fetchone() != (1,) and late.is_alive():
                pass
        other.commit()
    late.join()
    assert not is_out(conn)
