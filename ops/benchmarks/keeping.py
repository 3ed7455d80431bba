"""A house that keeps recordings: the simulator brings them, of calls that we know; what came of each is read and heard."""

import hashlib
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import requests
from psycopg.rows import class_row

from ops.benchmarks import calling
from ops.benchmarks.calling import Calling
from ops.benchmarks.field import Bench
from ops.benchmarks.house import wait_for
from ops.benchmarks.numbers import percentile
from ops.manage.keys import mint
from ops.stack import s3

TENANT: Final = calling.TENANT
WORKERS: Final = ("events", "sms", "calls", "recordings", "notify", "beat")
DOUBLES: Final = ("simulator", "standins", "s3")
# Until Twilio has a recording ready. The calls of those that are brought are written down meanwhile.
READY_S: Final = 2.0
_AT_ONCE: Final = 4  # of those who read everything back
_LOOK_EVERY_S: Final = 0.2


@dataclass(frozen=True)
class Kept:
    """One recording's row. Times are seconds since 1970, None for a state that it has not reached."""

    recording_sid: str
    state: str
    object_key: str | None
    size_bytes: int | None
    sha256: bytes | None
    available_s: float | None
    verified_s: float | None
    stored_s: float | None

    def took_s(self, state: str) -> float | None:
        """From `available` to `verified` or `stored`."""
        until = self.verified_s if state == "verified" else self.stored_s
        return until - self.available_s if until is not None and self.available_s is not None else None


@dataclass(frozen=True)
class Keeping:
    """The house, ready. `api_key` hears everything."""

    house: Calling
    api_key: str

    @property
    def env(self) -> Mapping[str, str]:
        """The house's variables."""
        return self.house.env

    def bring(self, count: int, *, duration_s: int, channels: int = 1) -> list[str]:
        """So many recordings at once, of calls of our tenant; their SIDs. Each is told of when it is ready."""
        said = {"count": count, "duration_s": duration_s, "channels": channels, "callback": self._callback}
        answer = requests.post(f"{self.env['TS_SIMULATOR_URL']}/sim/recordings", json=said, timeout=60)
        answer.raise_for_status()
        sids: list[str] = answer.json()["data"]
        self._write_down(sids)
        return sids

    def kept(self, sids: Sequence[str]) -> list[Kept]:
        """The rows of these, as far as there are any."""
        with psycopg.connect(self.house.bench.database_url) as conn, conn.cursor(row_factory=class_row(Kept)) as rows:
            return rows.execute(_ROWS, ([*sids],)).fetchall()

    def wait_until_stored(self, sids: Sequence[str], within_s: float) -> bool:
        """Whether all of them are, in time."""
        return wait_for(lambda: self._stored(sids) == len(sids), within_s)

    def wrong(self, rows: Sequence[Kept]) -> list[str]:
        """SIDs of those whose object in the store has another SHA-256 than the row says, or than Twilio's own sound has."""
        with ThreadPoolExecutor(_AT_ONCE) as readers:
            found = readers.map(self._is_right, rows)
            return [row.recording_sid for row, is_right in zip(rows, found, strict=True) if not is_right]

    def sound(self, row: Kept) -> bytes:
        """What the store has, asked for by nothing of ours."""
        at = f"{self.env['TS_S3_ENDPOINT_URL']}/{s3.BUCKET}/{row.object_key}"
        answer = requests.get(at, headers={"Authorization": "AWS bench:bench"}, timeout=60)
        answer.raise_for_status()
        return answer.content

    @property
    def _callback(self) -> str:
        return f"{self.env['TS_PUBLIC_URL']}/api/webhooks/recording"

    @property
    def _account_url(self) -> str:
        return f"{self.env['TS_SIMULATOR_URL']}/2010-04-01/Accounts/{self.env['TWILIO_ACCOUNT_SID']}"

    @property
    def _auth(self) -> tuple[str, str]:
        return self.env["TWILIO_ACCOUNT_SID"], self.env["TWILIO_AUTH_TOKEN"]

    def _write_down(self, sids: Sequence[str]) -> None:
        """Their calls, as the webhooks of calls that are over have left them."""
        call_sids = [self._told(sid)["call_sid"] for sid in sids]
        with psycopg.connect(self.house.bench.database_url) as conn, conn.cursor() as cursor:
            cursor.executemany(_CALL, [(sid, self.env["TWILIO_ACCOUNT_SID"], TENANT) for sid in call_sids])

    def _told(self, sid: str) -> dict[str, Any]:
        answer = requests.get(f"{self._account_url}/Recordings/{sid}.json", auth=self._auth, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def _stored(self, sids: Sequence[str]) -> int:
        time.sleep(_LOOK_EVERY_S)
        return sum(row.stored_s is not None for row in self.kept(sids))

    def _is_right(self, row: Kept) -> bool:
        told = self._told(row.recording_sid)
        url = f"{self._account_url}/Recordings/{row.recording_sid}.wav?RequestedChannels={told['channels']}"
        theirs = requests.get(url, auth=self._auth, timeout=60)
        theirs.raise_for_status()
        digests = {hashlib.sha256(content).digest() for content in (self.sound(row), theirs.content)}
        return digests == {row.sha256}


_ROWS: Final = """
    select recording_sid, state, object_key, size_bytes, sha256, extract(epoch from available_at)::float as available_s,
           extract(epoch from verified_at)::float as verified_s, extract(epoch from stored_at)::float as stored_s
      from recordings where recording_sid = any(%s) order by recording_sid
"""
_CALL: Final = """
    insert into calls (call_sid, account_sid, tenant_id, status, started_at, ended_at)
    values (%s, %s, %s, 'completed', now() - interval '5 minutes', now()) on conflict do nothing
"""


@contextmanager
def opened(bench: Bench, **more: str) -> Iterator[Keeping]:
    """Everything, with an empty store; `more` are variables of the house. Raises supervisor.GaveUp."""
    with calling.opened(bench, 0, 1.0, **more) as house:
        said = {"recording_ready_s": READY_S}
        requests.post(f"{house.env['TS_SIMULATOR_URL']}/sim/settings", json=said, timeout=5).raise_for_status()
        with psycopg.connect(bench.database_url) as conn:
            client = f"bench-{secrets.token_hex(4)}"
            key = mint(conn, env=house.env["TS_ENV"], client=client, scopes=["recordings:read"])
        yield Keeping(house, key.text)


def spread_s(took_s: Sequence[float]) -> str:
    """p50 / p95 / longest."""
    ordered = sorted(took_s)
    return " / ".join(f"{percentile(ordered, p):.2f}" for p in (50, 95, 100)) if ordered else "-"


def p95_s(rows: Sequence[Kept], state: str) -> float:
    """Of those that have come so far; 0.0 when none has."""
    return percentile(sorted(took for row in rows if (took := row.took_s(state)) is not None), 95)


def say(line: str) -> None:
    """For whoever watches."""
    print(f"  {line}", file=sys.stderr, flush=True)
