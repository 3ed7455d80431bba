"""A session with PostgreSQL, as the kernel keeps it."""

import os
import socket

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
