"""How soon is a recording heard, alone and by eight at once, and what do twenty on bad lines cost the ingress?"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import requests

from ops.benchmarks import keeping, machine
from ops.benchmarks.field import Bench
from ops.benchmarks.keeping import Keeping, Kept
from ops.benchmarks.listening import Ask, Heard, SlowReader, address_of, heard, slow_reader
from ops.benchmarks.numbers import percentile
from ops.benchmarks.report import Goal, Section, Table, goal
from ops.benchmarks.scenarios.store import CAPS_MB, cpu

AT_ONCE: Final = (1, 8)
EACH, QUICK_EACH = 200, 16  # asked for of a kind, by all listeners together
MOST_MS: Final = 300.0  # p95: the promise
SMALL_S: Final = 65  # of one channel: 1.04 MB, one block
LARGE_S: Final = 157  # of two: 5.0 MB
SMALL, LARGE = 8, 4
READERS: Final = 20
HELD_S, QUICK_HELD_S = 6.0, 2.0
# Half of an ingress process's threads may be held by listeners: with these, twenty find a seat even in one process.
ROOMY_THREADS: Final = 40
WITHIN_S: Final = 60.0
_SIP_EVERY_S: Final = 0.2
_RANGE: Final = (1024 * 1024 - 32_768, 1024 * 1024 + 32_768)  # across two blocks: both are read and compared
_DIRECT: Final = "1 MB from the store itself"


@dataclass(frozen=True)
class Slow:
    """Readers who held on to their answer for a while. Memory of the ingress in MB of PSS."""

    threads: int
    seated: int
    wrong: int
    rest_mb: float
    held_mb: float
    peak_mb: float
    beside: Heard
    """Metadata, asked for meanwhile."""


def measure(bench: Bench) -> Section:
    """Two houses: as shipped, and one whose ingress has threads enough for twenty slow readers."""
    threads = (8, ROOMY_THREADS)
    with keeping.opened(bench) as home:
        rows = _stored(home)
        first = machine.moment({**home.house.pids(), "bench": machine.own_pid()})
        found = _all_heard(home, rows)
        window = machine.between(first, machine.moment({**home.house.pids(), "bench": machine.own_pid()}))
        slow = [_slow(home, rows[SMALL:], threads[0])]
    with keeping.opened(bench, TS_WEB_THREADS=str(ROOMY_THREADS)) as home:
        slow.append(_slow(home, _stored(home)[SMALL:], threads[1]))
    asked = sum(len(one.last_ms) for one in found.values())
    return Section(
        "listen",
        "Listening",
        [Table(_COLUMNS, [_row(kind, listeners, one) for (kind, listeners), one in found.items()]),
         cpu(window, asked, "an answer"), _slow_table(slow)],
        _goals(found, slow),
        [
            "By API key over connections kept alive. First: until the first byte of the body is with the listener (of the "
            "head, where the answer is a link); last: until all of it is. The listeners are threads of one Python program on "
            "the same two cores.",
            "What was heard is compared afterwards: sound by SHA-256 with the row's digest, a range byte by byte with the "
            "store's object, metadata by its sha256. Wrong answers are not in the times.",
            "The whole MB is one block, which is read and compared before its first byte leaves; the range of 64 kB lies in "
            "two blocks, so that 2 MiB are read for it. Each read of ours asks the S3 stand-in over a new connection.",
            f"**{_DIRECT}**: by the link, without us. That is what S3's stand-in costs, and is in ours too.",
            "Busy: all seats of that process were taken (half of its threads; 503 with Retry-After). Asked again after 50 ms "
            "on a new connection; the time counts from there.",
            f"Slow readers: {READERS} with the smallest receive buffer there is, who take 4 kB five times a second of 5 MB, "
            "and in the end all the rest, which is compared. As shipped, 2 processes with 8 threads have 8 seats; who gets "
            f"none is told so at once. With TS_WEB_THREADS={ROOMY_THREADS} all are seated. Beside: metadata asked for "
            "meanwhile, by one.",
        ],
    )  # fmt: skip


_COLUMNS: Final = (
    "what", "listeners", "answers", "first byte p50 / p95 / p99 ms", "last byte p50 / p95 / p99 ms", "MB/s of one", "busy",
    "wrong",
)  # fmt: skip


def _stored(home: Keeping) -> list[Kept]:
    """Recordings of 1 MB, and behind them those of 5 MB."""
    small = home.bring(SMALL, duration_s=SMALL_S)
    large = home.bring(LARGE, duration_s=LARGE_S, channels=2)
    if not home.wait_until_stored(small + large, WITHIN_S):
        raise RuntimeError("the recordings do not come")
    rows = {row.recording_sid: row for row in home.kept(small + large)}
    return [rows[sid] for sid in small + large]


def _all_heard(home: Keeping, rows: Sequence[Kept]) -> dict[tuple[str, int], Heard]:
    total = QUICK_EACH if home.house.bench.asked.quick else EACH
    ours, store = address_of(home.env["TS_URL"]), address_of(home.env["TS_S3_ENDPOINT_URL"])
    asks, found = kinds(home, rows), {}
    for kind, those in asks.items():
        for listeners in AT_ONCE:
            address = store if kind == _DIRECT else ours
            found[kind, listeners] = heard(address, those, listeners, max(2, total // listeners))
        keeping.say(f"{kind}: p95 {percentile(sorted(found[kind, 8].first_ms), 95):.0f} ms")
    return found


def kinds(home: Keeping, rows: Sequence[Kept]) -> Mapping[str, Sequence[Ask]]:
    """What is asked for, by name; every answer can be told from a wrong one."""
    small, large = rows[:SMALL], rows[SMALL:]
    headers = {"Authorization": f"Bearer {home.api_key}", "X-Purpose": "bench"}
    start, stop = _RANGE
    part = headers | {"Range": f"bytes={start}-{stop - 1}"}
    return {
        "metadata": [Ask(_path(row), _is_metadata(row), headers) for row in small],
        "1 MB": [Ask(_path(row, "?media=1"), _is_sound(row), headers) for row in small],
        "5 MB": [Ask(_path(row, "?media=1"), _is_sound(row), headers) for row in large],
        "a range of 64 kB": [Ask(_path(row, "?media=1"), _is_part(home.sound(row)[start:stop]), part) for row in large],
        "a link": [
            Ask(_path(row, "?media=1&delivery=link"), lambda status, _: status == 307, headers) for row in small
        ],
        "the waveform": [Ask(_path(row, "/waveform"), _is_picture, headers) for row in small],
        _DIRECT: [Ask(_link(home, row), _is_sound(row)) for row in small],
    }


def _path(row: Kept, rest: str = "") -> str:
    return f"/api/recordings/{row.recording_sid}{rest}"


def _is_sound(row: Kept) -> Callable[[int, bytes], bool]:
    return lambda status, body: status == 200 and hashlib.sha256(body).digest() == row.sha256


def _is_part(wanted: bytes) -> Callable[[int, bytes], bool]:
    return lambda status, body: status == 206 and body == wanted


def _is_metadata(row: Kept) -> Callable[[int, bytes], bool]:
    wanted = row.sha256.hex() if row.sha256 else None
    return lambda status, body: status == 200 and json.loads(body)["sha256"] == wanted


def _is_picture(status: int, body: bytes) -> bool:
    return status == 200 and body.lstrip().startswith(b"<svg")


def _link(home: Keeping, row: Kept) -> str:
    """The path of the store's link, as the ingress gives it."""
    url = f"{home.env['TS_URL']}{_path(row, '?media=1&delivery=link')}"
    answer = requests.get(url, headers={"Authorization": f"Bearer {home.api_key}"}, allow_redirects=False, timeout=10)
    return answer.headers["Location"].removeprefix(home.env["TS_S3_ENDPOINT_URL"])


def _slow(home: Keeping, rows: Sequence[Kept], threads: int) -> Slow:
    """Everybody holds on for a while, and then wants the rest."""
    address, headers = address_of(home.env["TS_URL"]), {"Authorization": f"Bearer {home.api_key}"}
    heard(address, [Ask(_path(row, "?media=1"), _is_sound(row), headers) for row in rows], 8, 4)  # every thread has run
    pids = home.house.pids()["ingress"]
    rest_mb = machine.memory_mb(pids)[0]
    machine.forget_peaks(pids)
    asks = [Ask(_path(rows[place % len(rows)], "?media=1"), _is_sound(rows[place % len(rows)]), headers)
            for place in range(READERS)]  # fmt: skip
    readers = [slow_reader(address, ask) for ask in asks]
    seated = [(reader, ask) for reader, ask in zip(readers, asks, strict=True) if reader.status == 200]
    held_mb, beside = _held(home, [reader for reader, _ in seated], _metadata(rows, headers))
    peak_mb = machine.peak_mb(pids)
    wrong = sum(not ask.is_right(reader.status, reader.finish()) for reader, ask in seated)
    keeping.say(f"{threads} threads: {len(seated)} seated, {rest_mb:.0f} -> {held_mb:.0f} MB, {wrong} wrong")
    return Slow(threads, len(seated), wrong, rest_mb, held_mb, peak_mb, beside)


def _metadata(rows: Sequence[Kept], headers: dict[str, str]) -> list[Ask]:
    return [Ask(_path(row), _is_metadata(row), headers) for row in rows]


def _held(home: Keeping, readers: Sequence[SlowReader], asks: Sequence[Ask]) -> tuple[float, Heard]:
    """The most memory of the ingress meanwhile, and how soon others are answered."""
    until = time.monotonic() + (QUICK_HELD_S if home.house.bench.asked.quick else HELD_S)
    most_mb, beside = 0.0, Heard()
    while time.monotonic() < until:
        for reader in readers:
            reader.sip()
        beside.add(heard(address_of(home.env["TS_URL"]), asks, 1, len(asks)))
        most_mb = max(most_mb, machine.memory_mb(home.house.pids()["ingress"])[0])
        time.sleep(_SIP_EVERY_S)
    return most_mb, beside


def _three(took_ms: Sequence[float]) -> str:
    return " / ".join(f"{percentile(sorted(took_ms), p):.1f}" for p in (50, 95, 99)) if took_ms else "-"


def _row(kind: str, listeners: int, found: Heard) -> list[str]:
    total_s = sum(found.last_ms) / 1e3
    wrong = ", ".join(f"{count} of {status}" for status, count in sorted(found.wrong.items()))
    return [
        kind, f"{listeners}", f"{len(found.last_ms):,}", _three(found.first_ms), _three(found.last_ms),
        f"{found.size_bytes / 1e6 / total_s:.0f}" if found.size_bytes / max(1, len(found.last_ms)) > 50_000 else "-",
        f"{found.busy}", wrong or "0",
    ]  # fmt: skip


def _slow_table(slow: Sequence[Slow]) -> Table:
    columns = (
        "threads of a process", "slow readers", "seated", "refused", "ingress PSS before MB", "while they hold MB",
        "MB for each", "peak MB", "cap MB", "metadata beside p50 / p95 / p99 ms", "wrong",
    )  # fmt: skip
    return Table(columns, [_slow_row(one) for one in slow])


def _slow_row(one: Slow) -> list[str]:
    return [
        f"{one.threads}", f"{READERS}", f"{one.seated}", f"{READERS - one.seated}", f"{one.rest_mb:.0f}",
        f"{one.held_mb:.0f}", f"{(one.held_mb - one.rest_mb) / max(1, one.seated):.1f}", f"{one.peak_mb:.0f}",
        f"{CAPS_MB['ingress']}", _three(one.beside.last_ms), f"{one.wrong}",
    ]  # fmt: skip


def _goals(found: Mapping[tuple[str, int], Heard], slow: Sequence[Slow]) -> list[Goal]:
    ours = {key: one for key, one in found.items() if key[0] != _DIRECT}
    wrong = sum(one.wrong.total() for one in ours.values()) + sum(one.wrong for one in slow)
    held = max(one.held_mb if one.seated == READERS else 0.0 for one in slow)
    return [
        *(_within(ours, listeners, byte) for listeners in AT_ONCE for byte in ("first", "last")),
        Goal("answers with other bytes: 0", f"{wrong}", wrong == 0),
        goal(f"ingress with {READERS} slow readers at most {CAPS_MB['ingress']} MB", held, f"{held:.0f} MB",
             held <= CAPS_MB["ingress"]),
    ]  # fmt: skip


def _within(found: Mapping[tuple[str, int], Heard], listeners: int, byte: str) -> Goal:
    """The slowest kind counts."""
    p95 = {
        kind: percentile(sorted(one.first_ms if byte == "first" else one.last_ms), 95)
        for (kind, count), one in found.items() if count == listeners
    }  # fmt: skip
    slowest = max(p95, key=lambda kind: p95[kind])
    at = f"{listeners} listener{'s' * (listeners > 1)}, {byte} byte"
    return goal(f"{at}: p95 below {MOST_MS:g} ms, whatever is asked for", p95[slowest],
                f"{p95[slowest]:.1f} ms ({slowest})", p95[slowest] < MOST_MS)  # fmt: skip
