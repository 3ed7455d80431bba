"""What the figures of recordings are made of: caps, peaks of memory, listeners who compare, times of rows."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from ruamel.yaml import YAML

from ops.benchmarks import keeping, machine
from ops.benchmarks.keeping import Kept
from ops.benchmarks.line import Address
from ops.benchmarks.listening import Ask, address_of, heard, slow_reader
from ops.benchmarks.scenarios.store import CAPS_MB, verified_goals

ROOT = Path(__file__).parents[3]
SOUND = bytes(range(256)) * 400  # 100 kB


def test_the_caps_are_those_of_the_containers():
    services = YAML(typ="safe").load(ROOT / "docker-compose.yml")["services"]
    limits = {name: services[name]["deploy"]["resources"]["limits"]["memory"] for name in CAPS_MB}
    assert {name: int(limit.removesuffix("M")) for name, limit in limits.items()} == CAPS_MB


def test_a_peak_of_memory_is_kept_until_it_is_forgotten():
    script = "for size in (60, 20): b = bytearray(size * 1_000_000); del b; print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdin
        child.stdout.readline()
        assert machine.peak_mb([child.pid]) > 57
        machine.forget_peaks([child.pid])
        rest = machine.peak_mb([child.pid])
        assert rest < 57
        child.stdin.write(b"\n")
        child.stdin.flush()
        child.stdout.readline()
        assert rest + 15 < machine.peak_mb([child.pid]) < 57
        child.stdin.write(b"\n")
    assert machine.peak_mb([child.pid]) == 0
    machine.forget_peaks([child.pid])


def kept(available: float | None, verified: float | None, stored: float | None = None) -> Kept:
    return Kept("RE1", "stored", "key", 1, b"", available, verified, stored)


def test_times_are_of_rows_that_have_come_so_far():
    assert (kept(1.0, 3.5, 4.0).took_s("verified"), kept(1.0, 3.5, 4.0).took_s("stored")) == (2.5, 3.0)
    assert (kept(1.0, None).took_s("verified"), kept(None, 2.0).took_s("verified")) == (None, None)
    assert keeping.p95_s([kept(1.0, 1.0 + n) for n in range(1, 101)] + [kept(1.0, None)], "verified") == 95.0
    assert keeping.p95_s([], "verified") == 0.0
    assert keeping.spread_s([0.5, 0.25]) == "0.25 / 0.50 / 0.50"
    assert keeping.spread_s([]) == "-"


def test_the_promise_and_the_wish_are_judged_apart():
    assert [goal.is_met for goal in verified_goals([kept(0.5, 6.5)])] == [True, False]
    assert [goal.is_met for goal in verified_goals([kept(0.5, 31.0)])] == [False, False]
    assert [goal.is_met for goal in verified_goals([])] == [None, None]


class Teller(BaseHTTPRequestHandler):
    """Tells the sound, a wrong one, or that it is busy as often as `busy` says."""

    protocol_version = "HTTP/1.1"
    busy = 0

    def do_GET(self) -> None:
        body = SOUND if self.path == "/right" else SOUND[:-1] + b"x"
        status = 200
        if self.path == "/busy" and Teller.busy:
            Teller.busy, body, status = Teller.busy - 1, b"busy", 503
        elif self.path == "/busy":
            body = SOUND
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def teller() -> Iterator[Address]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Teller)
    Thread(target=server.serve_forever, daemon=True).start()
    yield "127.0.0.1", server.server_port
    server.shutdown()
    server.server_close()


def ask(path: str) -> Ask:
    return Ask(path, lambda status, body: status == 200 and body == SOUND, {"X-A": "b"})


def test_listeners_time_what_is_right_and_count_what_is_not(teller: Address):
    found = heard(teller, [ask("/right"), ask("/wrong")], 2, 4)
    assert found.wrong == Counter({200: found.wrong.total()})
    assert len(found.last_ms) + found.wrong.total() == 8
    assert found.wrong.total() > 0
    assert len(found.first_ms) == len(found.last_ms) > 0
    assert all(0 < first <= last for first, last in zip(found.first_ms, found.last_ms, strict=True))
    assert found.size_bytes == len(found.last_ms) * len(SOUND)


def test_a_listener_who_finds_no_seat_asks_again(teller: Address):
    Teller.busy = 2
    found = heard(teller, [ask("/busy")], 1, 3)
    assert (found.busy, len(found.last_ms), found.wrong.total()) == (2, 3, 0)


def test_a_slow_reader_sips_and_then_has_all_of_it(teller: Address):
    reader = slow_reader(teller, ask("/right"))
    had = len(reader.body)
    reader.sip()
    assert (reader.status, reader.length) == (200, len(SOUND))
    assert had < len(reader.body) < len(SOUND)
    assert reader.finish() == SOUND


def test_an_address_is_read_from_a_url():
    assert address_of("http://127.0.0.1:4000") == ("127.0.0.1", 4000)
