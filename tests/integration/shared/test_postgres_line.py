"""A session with PostgreSQL, as the kernel keeps it."""

import os
import socket

import psycopg

from shared.runtime import open_db
from tests.integration.ingress.test_drain import settings


def test_a_server_that_vanishes_while_we_wait_for_its_answer_is_missed_within_half_a_minute(redis_url, database_url):
    """Nothing of ours is on its way then, so the user timeout alone would not end the wait."""
    with (
        open_db(settings(redis_url, database_url), size=1) as pool,
        pool.connection() as conn,
        socket.socket(fileno=os.dup(conn.fileno())) as line,
    ):
        assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        asks_after_s = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        gives_up_ms = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert asks_after_s + gives_up_ms / 1000 <= 30


def test_a_connection_that_the_server_has_ended_is_not_given_out(redis_url, database_url):
    with open_db(settings(redis_url, database_url), size=1) as pool:
        with pool.connection() as conn:
            ended = conn.info.backend_pid
        with psycopg.connect(database_url) as other:
            assert other.execute("select pg_terminate_backend(%s, 5000)", (ended,)).fetchone() == (True,)
        with pool.connection() as conn:
            assert conn.execute("select pg_backend_pid() <> %s", (ended,)).fetchone() == (True,)
