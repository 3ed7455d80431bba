"""Probes: a worker counts only when its own process has announced itself."""

import os
import socket
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
import redis

from ops.stack import ports, probes


def test_nobody_listening_is_told_with_the_url():
    url = f"http://127.0.0.1:{ports.free_port()}/readyz"
    assert url in probes.http_ok(url)


@pytest.mark.parametrize(("status", "is_ready"), [(200, True), (204, True), (302, False), (503, False)])
def test_only_2xx_is_ready(status: int, is_ready: bool):
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.handle_request).start()
        assert (probes.http_ok(f"http://127.0.0.1:{server.server_port}/") == "") is is_ready


def test_a_worker_is_ready_when_its_process_has_announced_itself(redis_url: str):
    key = f"ts:alive:events@{socket.gethostname()}"
    assert "not announced" in probes.worker_alive(redis_url, "events", os.getpid())
    with redis.Redis.from_url(redis_url) as client, subprocess.Popen(["sleep", "600"]) as descendant:
        client.set(key, os.getpid())
        assert probes.worker_alive(redis_url, "events", os.getpid()) == ""
        client.set(key, descendant.pid)
        assert probes.worker_alive(redis_url, "events", os.getpid()) == ""
        client.set(key, os.getpid())
        assert "another process" in probes.worker_alive(redis_url, "events", descendant.pid)
        descendant.kill()


def test_redis_being_away_is_told():
    assert "Redis does not answer" in probes.worker_alive(f"redis://127.0.0.1:{ports.free_port()}/0", "events", 1)
