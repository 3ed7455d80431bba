"""Where calls go, in memory: what has changed comes within a second, and a start needs no store at all."""

import io
import json
import socket
from pathlib import Path
from threading import Event

import psycopg
import pytest
import redis as redis_py
import structlog
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from ingress import routing_copy
from ingress.routing import RoutingTable
from ingress.routing_copy import KEY, FileCopy, RedisCopy, head_of, packed
from shared import log
from shared.db import numbers
from shared.domain.routing import DEFAULT_GREETING, Number, Routing, forwards

BUSINESS, OTHER, OWNER = "+14155550100", "+14155550101", "+14155550199"
NOBODY = "postgresql://127.0.0.1:1/x?connect_timeout=1"


def until(fact, within_s=20.0):
    pause = Event()
    for _ in range(int(within_s / 0.02)):
        if found := fact():
            return found
        pause.wait(0.02)
    raise AssertionError("did not become true in time")


@pytest.fixture
def lines():
    out = io.StringIO()
    log.configure(service="ingress", version="1", out=out)
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    structlog.reset_defaults()


@pytest.fixture
def redis(redis_url):
    with redis_py.Redis.from_url(redis_url, socket_timeout=0.5) as client:
        yield client


@pytest.fixture
def conn(database_url):
    with psycopg.connect(database_url, autocommit=True) as opened:
        numbers.put(opened, Number(BUSINESS, "t", forwards(OWNER)))
        yield opened


@pytest.fixture
def start(database_url, redis, tmp_path):
    """A table as an ingress process has it; `database` is where it looks for PostgreSQL."""
    opened = []

    def table(database=database_url, file=tmp_path / "routing", client=redis, start_s=30.0):
        pool = ConnectionPool(database, min_size=1, max_size=2, open=True, reconnect_timeout=3.0)
        made = RoutingTable(pool, (FileCopy(Path(file)), RedisCopy(client)), start_s=start_s)
        opened.append((made, pool))
        return made

    yield table
    for made, pool in opened:
        made.close()
        pool.close(0.5)


def copy_of(*known, taken_us=1_764_000_000_000_000):
    return packed({each.phone_number: routing_copy.line(each) for each in known}, taken_us)[1]


def test_a_start_knows_every_number_before_it_takes_a_call(conn, start):
    table = start()
    assert (table.source, table.number(BUSINESS).tenant_id, len(table)) == ("postgresql", "t", 1)


def test_a_change_is_in_effect_and_in_both_copies(conn, start, redis, tmp_path):
    table = start()
    numbers.put(conn, Number(OTHER, "u", Routing(greeting="Hello")))
    until(lambda: table.number(OTHER).routing.greeting == "Hello")
    expected = {BUSINESS, OTHER}
    until(lambda: (copy := RedisCopy(redis).read()) and set(copy.numbers) == expected)
    until(lambda: (copy := FileCopy(tmp_path / "routing").read()) and set(copy.numbers) == expected)
    numbers.put(conn, Number(OTHER, "u", Routing(greeting="Bye")))
    until(lambda: table.number(OTHER).routing.greeting == "Bye")


def test_what_has_not_changed_is_not_written_again(conn, start, redis, tmp_path):
    first = start()
    until(lambda: redis.exists(KEY) and (tmp_path / "routing").exists())
    before = (redis.get(KEY), (tmp_path / "routing").stat().st_ino)
    start()  # a second process finds its own knowledge there already
    confirmed = first.age_s
    until(lambda: first.age_s < confirmed)  # at least one more round
    assert (redis.get(KEY), (tmp_path / "routing").stat().st_ino) == before


def test_a_start_without_postgresql_takes_the_newer_copy(start, redis, tmp_path, lines):
    FileCopy(tmp_path / "routing").write(copy_of(Number(BUSINESS, "old", forwards(OWNER))))
    redis.set(KEY, copy_of(Number(BUSINESS, "new", forwards(OWNER)), taken_us=1_764_000_000_000_001))
    table = start(NOBODY)
    assert (table.source, table.number(BUSINESS).tenant_id) == ("redis", "new")
    assert table.age_s > 1_000_000
    assert [line["source"] for line in lines() if line["event"] == "routing_copy_taken"] == ["redis"]


def test_a_torn_copy_is_left_alone_for_an_older_one(start, redis, tmp_path, lines):
    (tmp_path / "routing").write_bytes(copy_of(Number(BUSINESS, "torn"), taken_us=1_764_000_000_000_009)[:-4])
    redis.set(KEY, copy_of(Number(BUSINESS, "whole")))
    table = start(NOBODY)
    assert (table.source, table.number(BUSINESS).tenant_id) == ("redis", "whole")
    (ignored,) = [line for line in lines() if line["event"] == "routing_copy_ignored"]
    assert (ignored["source"], ignored["reason"]) == ("file", "cut off")


def test_without_any_store_every_caller_is_answered_by_voicemail(start, lines):
    table = start(NOBODY, client=redis_py.Redis(port=1, socket_timeout=0.5))
    assert (table.source, table.number(BUSINESS).routing.greeting) == ("nothing", DEFAULT_GREETING)
    assert "routing_unknown" in {line["event"] for line in lines()}


def test_no_start_waits_for_stores_that_hang(start, tmp_path):
    """Both take the connection and say nothing: the file is taken after the bound."""
    FileCopy(tmp_path / "routing").write(copy_of(Number(BUSINESS, "file", forwards(OWNER))))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        mute = redis_py.Redis(port=port, socket_timeout=0.2, socket_connect_timeout=0.2)
        table = start(f"postgresql://127.0.0.1:{port}/x", client=mute, start_s=0.5)
    assert (table.source, table.number(BUSINESS).tenant_id) == ("file", "file")


def test_postgresql_is_believed_when_it_is_back_even_if_its_clock_is_behind(conn, database_url, start, tmp_path):
    """A copy of the future has a number that PostgreSQL does not know: what PostgreSQL says counts."""
    future = 4_000_000_000_000_000
    FileCopy(tmp_path / "routing").write(copy_of(Number(OTHER, "copy"), taken_us=future))
    table = start()
    assert (table.source, table.number(OTHER).tenant_id, table.number(BUSINESS).tenant_id) == ("postgresql", None, "t")
    until(lambda: (copy := FileCopy(tmp_path / "routing").read()) and BUSINESS in copy.numbers)


def test_while_postgresql_is_away_what_another_process_learned_comes_by_redis(start, redis, tmp_path):
    redis.set(KEY, copy_of(Number(BUSINESS, "before")))
    table = start(NOBODY)
    assert table.number(BUSINESS).tenant_id == "before"
    redis.set(KEY, copy_of(Number(BUSINESS, "after"), taken_us=1_764_000_000_000_002))
    until(lambda: table.number(BUSINESS).tenant_id == "after")


def test_a_document_that_cannot_be_read_breaks_no_other_number(conn, start, redis):
    conn.execute(
        "insert into numbers (phone_number, tenant_id, routing) values (%s, 'u', %s)", (OTHER, Jsonb({"teleport": 1}))
    )
    table = start()
    assert table.number(OTHER).routing == Routing()
    assert table.number(BUSINESS).routing.targets
    until(lambda: redis.exists(KEY))
    assert head_of(redis.get(KEY)).taken_us > 0
