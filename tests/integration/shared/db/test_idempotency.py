"""The store of first answers: who owns a key, and for how long."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from psycopg import Connection

from shared.db import idempotency
from shared.db.idempotency import ABANDONED_S, KEPT_S, Place

PLACE = Place("crm", "POST", "/api/sms/send", "k-1")


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def aged(conn: Connection, seconds: float) -> None:
    conn.execute("update idempotency set created_at = created_at - %s", (timedelta(seconds=seconds),))


def test_a_key_has_one_owner(conn: Connection):
    assert idempotency.claim(conn, PLACE, b"print")
    assert idempotency.claim(conn, PLACE, b"print") is None


def test_a_running_request_is_overtaken_only_when_it_is_abandoned(conn: Connection):
    idempotency.claim(conn, PLACE, b"print")
    aged(conn, ABANDONED_S - 5)
    assert idempotency.claim(conn, PLACE, b"print") is None
    aged(conn, 10)
    assert idempotency.claim(conn, PLACE, b"print")


def test_who_was_overtaken_can_neither_answer_nor_release(conn: Connection):
    first = idempotency.claim(conn, PLACE, b"print")
    assert first
    aged(conn, ABANDONED_S + 5)
    second = idempotency.claim(conn, PLACE, b"print")
    assert second
    assert not idempotency.keep(conn, PLACE, first, status=202, headers={}, body="{}")
    assert not idempotency.release(conn, PLACE, first)
    assert idempotency.keep(conn, PLACE, second, status=202, headers={"Location": "/x"}, body="{}")


def test_an_answer_is_kept_a_day_and_no_longer(conn: Connection):
    fence = idempotency.claim(conn, PLACE, b"print")
    assert fence
    idempotency.keep(conn, PLACE, fence, status=202, headers={}, body="{}")
    aged(conn, KEPT_S - 5)
    assert idempotency.claim(conn, PLACE, b"print") is None
    assert idempotency.forget_old(conn) == 0
    aged(conn, 10)
    assert idempotency.forget_old(conn) == 1
    assert idempotency.find(conn, PLACE) is None


def test_an_answer_is_not_released(conn: Connection):
    fence = idempotency.claim(conn, PLACE, b"print")
    assert fence
    idempotency.keep(conn, PLACE, fence, status=202, headers={"Location": "/x"}, body='{"a": "ä"}')
    assert not idempotency.release(conn, PLACE, fence)
    kept = idempotency.find(conn, PLACE)
    assert kept is not None
    assert (kept.status, kept.headers, kept.body) == (202, {"Location": "/x"}, '{"a": "ä"}')


def test_a_released_key_is_free(conn: Connection):
    fence = idempotency.claim(conn, PLACE, b"print")
    assert fence
    assert idempotency.release(conn, PLACE, fence)
    assert idempotency.claim(conn, PLACE, b"other")
