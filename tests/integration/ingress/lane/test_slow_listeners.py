"""Listeners who read slowly, or not at all, or hang up: over real sockets, the real gunicorn and a real bucket."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from ingress.limits import ANSWER_S
from shared.db import api_keys, audit, recordings
from shared.domain import api_key
from shared.domain.sound import BLOCK_BYTES, Digest
from shared.settings import load
from shared.store.s3 import S3Store
from tests.integration.ingress.lane.conftest import ACCOUNT, Client, Server, a_server, children, until

RE, KEY = "RE" + "3" * 32, "recordings/_/2026/01/01/RE3.wav"
# More than the sockets on the way hold, and than a worker may grow by.
BLOCKS = 48
SOUND = b"".join(bytes([number]) * BLOCK_BYTES for number in range(BLOCKS))
GROWTH_BYTES = 16 * BLOCK_BYTES
PING = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass
class House:
    """One worker with two threads, so that there is one seat for slow answers, and a long recording in its bucket."""

    server: Server
    database_url: str
    key: str
    s3_port: int

    def listener(self, more: bytes = b"") -> Client:
        """Somebody who has asked for the sound."""
        client = self.server.client()
        client.send(self.request(more))
        return client

    def request(self, more: bytes = b"") -> bytes:
        return (
            f"GET /api/recordings/{RE}?media=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {self.key}\r\n".encode()
            + (more + b"\r\n")
        )

    @property
    def worker(self) -> int:
        (pid,) = children(self.server)
        return pid

    def peak_bytes(self) -> int:
        """The most memory that the worker has ever had."""
        (line,) = [line for line in self._proc("status").splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024

    def to_store(self) -> int:
        """Connections of the worker to the bucket that are open."""
        held = set()
        for file in Path(f"/proc/{self.worker}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                held.add(str(file.readlink()))
        rows = [line.split() for line in self._proc("net/tcp").splitlines()[1:]]
        return sum(
            1 for row in rows
            if int(row[2].rpartition(":")[2], 16) == self.s3_port and f"socket:[{row[9]}]" in held
        )  # fmt: skip

    def heard(self) -> list[tuple[str, dict[str, Any]]]:
        with psycopg.connect(self.database_url) as conn:
            return [(row.action, row.detail) for row in audit.of_subject(conn, RE)]

    def _proc(self, name: str) -> str:
        return Path(f"/proc/{self.worker}/{name}").read_text()


@pytest.fixture
def house(redis_url: str, database_url: str, tmp_path: Path, s3: Any) -> Iterator[House]:
    given = {
        "TS_S3_ENDPOINT_URL": s3.endpoint_url, "TS_S3_BUCKET": s3.name, "TS_S3_ACCESS_KEY_ID": s3.access_key_id,
        "TS_S3_SECRET_ACCESS_KEY": s3.secret_access_key,
    }  # fmt: skip
    server = a_server(redis_url, database_url, tmp_path)
    server.settings = given
    needed = {
        "TS_PUBLIC_URL": "https://x.example", "TS_REDIS_URL": redis_url, "TS_DATABASE_URL": database_url,
        "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": "t",
    }  # fmt: skip
    digest = Digest()
    digest.update(SOUND)
    sound = digest.sound("audio/wav")
    S3Store(load(needed | given)).put(KEY, BytesIO(SOUND), sound)
    key = api_key.assemble("test", "a" * 8, "b" * 30)
    with psycopg.connect(database_url) as conn:
        recordings.announce(conn, recording_sid=RE, call_sid="", account_sid=ACCOUNT, state="available")
        recordings.mark_stored(conn, RE, object_key=KEY, sound=sound)
        api_keys.insert(conn, key, client="crm", scopes=["recordings:read"], expires_at=None)
    yield House(server.start(), database_url, key.text, urlsplit(s3.endpoint_url).port or 0)
    server.stop()


def heard_whole(house: House) -> bool:
    """Whether somebody gets all of it now; not while somebody else has the only seat."""
    client = house.listener()
    try:
        answer = client.answer()
        assert answer.status in (200, 503)
        return answer.status == 200 and answer.body == SOUND
    finally:
        client.close()


def test_a_listener_who_stops_reading_costs_little_memory_and_one_seat(house: House):
    """And nobody else waits; hung up, the seat and the connection to the store are free at once."""
    assert heard_whole(house)  # whatever a worker loads for the first one is loaded
    before = house.peak_bytes()
    slow = house.listener(b"Range: bytes=5-\r\n")
    assert slow.sock.recv(4096).startswith(b"HTTP/1.1 206")
    until(lambda: house.to_store() == 1)
    busy = house.listener()
    answer = busy.answer()
    assert (answer.status, "retry-after" in answer.headers) == (503, True)
    assert house.server.client().ask(PING).status == 200
    slow.close()
    until(lambda: heard_whole(house))
    until(lambda: house.to_store() == 0)
    assert house.peak_bytes() - before < GROWTH_BYTES
    heard = [detail for action, detail in house.heard() if action == "recording.heard" and detail["part"] == "range"]
    assert heard == [{"part": "range", "first": 5, "last": len(SOUND) - 1}]


def test_a_listener_who_reads_nothing_and_stays_is_left_after_a_while(house: House):
    deaf = house.listener()
    until(lambda: house.to_store() == 1)
    until(lambda: heard_whole(house), within_s=4 * ANSWER_S)
    until(lambda: house.to_store() == 0)
    assert deaf.sock.recv(4096).startswith(b"HTTP/1.1 200")
    with pytest.raises(ConnectionError):  # nobody takes what came for the whole
        deaf.answer()
    deaf.close()


def test_listeners_who_hang_up_at_once_leave_nothing_behind(house: House):
    """Twenty of them, before a byte has come and in the midst of it."""
    for number in range(20):
        client = house.listener()
        if number % 2:
            client.sock.recv(100)
        client.close()
    until(lambda: heard_whole(house))
    until(lambda: house.to_store() == 0)
    assert house.server.client().ask(PING).status == 200
    assert "request_failed" not in house.server.log()
