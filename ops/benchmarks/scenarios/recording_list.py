"""How soon is a page of recordings there, for a small tenant among a hundred thousand of others'?"""

import json
from collections.abc import Callable, Mapping
from typing import Final

import psycopg
import requests
from psycopg import Connection

from ops.benchmarks import keeping
from ops.benchmarks.field import Bench
from ops.benchmarks.listening import Ask, Heard, address_of, heard
from ops.benchmarks.numbers import percentile
from ops.benchmarks.report import Goal, Section, Table, goal
from ops.manage.keys import mint

ROWS, QUICK_ROWS = 100_000, 10_000
EACH, QUICK_EACH = 100, 8
MOST_MS: Final = 300.0  # p95: the promise
LIMIT: Final = 50
# Of each hundred recordings sixty are the large tenant's; every two-thousandth is the small one's; the rest is of 1,000.
LARGE, SMALL, NOBODY = "large", "small", "nobody"
_FILL: Final = (
    """
    insert into calls (call_sid, account_sid, tenant_id, status, started_at, ended_at)
    select 'CA' || md5('c' || n), %(account)s,
           case when n %% 2000 = 7 then 'small' when n %% 100 < 60 then 'large' else 'tenant-' || n %% 1000 end,
           'completed', now() - n * interval '1 minute', now() - n * interval '1 minute'
      from generate_series(1, %(rows)s) n
    """,
    """
    insert into recordings (recording_sid, call_sid, account_sid, state, duration_s, channels, object_key, content_type,
                            size_bytes, sha256, blocks, announced_at, available_at, fetched_at, verified_at, stored_at)
    select 'RE' || md5('r' || n), 'CA' || md5('c' || n), %(account)s, 'stored', 30, 1, 'recordings/' || n, 'audio/x-wav',
           480044, sha256(n::text::bytea), sha256(n::text::bytea), at, at, at, at, at
      from (select n, now() - n * interval '1 minute' as at from generate_series(1, %(rows)s) n) as made
    """,
    "analyze calls",
    "analyze recordings",
)  # fmt: skip


def measure(bench: Bench) -> Section:
    """A house whose books are full; nothing of its sound is asked for."""
    rows, each = (QUICK_ROWS, QUICK_EACH) if bench.asked.quick else (ROWS, EACH)
    with keeping.opened(bench) as home, psycopg.connect(bench.database_url) as conn:
        keys = {tenant: _key(conn, home.env["TS_ENV"], tenant) for tenant in (SMALL, LARGE, NOBODY)}
        fill(conn, rows, home.env["TWILIO_ACCOUNT_SID"])
        conn.commit()
        address, all_of = address_of(home.env["TS_URL"]), {tenant: _count(conn, tenant) for tenant in keys}
        asks = _asks(keys, home.api_key, {tenant: min(LIMIT, count) for tenant, count in all_of.items()})
        found = {what: heard(address, [ask], 1, each) for what, ask in asks.items()}
        deep = heard(address, [_behind(address, keys[LARGE])], 1, each)
    found["of the large tenant, behind 200 others"] = deep
    for what, one in found.items():
        keeping.say(f"{what}: p95 {percentile(sorted(one.last_ms), 95):.1f} ms")
    return Section(
        "list",
        f"A page of {LIMIT} recordings among {rows:,}",
        [Table(_COLUMNS, [_row(what, one) for what, one in found.items()])],
        _goals(found),
        [
            f"`GET /api/recordings?limit={LIMIT}` over one connection kept alive, by keys that are bound to a tenant and by "
            f"one that is not. Of {rows:,} recordings in as many calls a tenant has {all_of[SMALL]}, another "
            f"{all_of[LARGE]:,}, the rest are of a thousand others; the small one's are spread evenly among all. To the last "
            "byte; the number of recordings on each page is compared. An entry of `audit` is written for each.",
        ],
    )  # fmt: skip


_COLUMNS: Final = ("page", "answers", "p50 / p95 / p99 ms", "wrong")


def fill(conn: Connection, rows: int, account: str) -> None:
    """So many calls with a recording each, one a minute until now."""
    for statement in _FILL:
        conn.execute(statement, {"rows": rows, "account": account} if "%(" in statement else None)


def _key(conn: Connection, env: str, tenant: str) -> str:
    return mint(conn, env=env, client=f"bench-{tenant}", scopes=["recordings:read"], tenant_id=tenant).text


def _count(conn: Connection, tenant: str) -> int:
    row = conn.execute("select count(*) from calls where tenant_id = %s", (tenant,)).fetchone()
    return row[0] if row else 0


def _asks(keys: Mapping[str, str], everybody: str, counts: Mapping[str, int]) -> dict[str, Ask]:
    return {
        f"of the small tenant ({counts[SMALL]})": _page(keys[SMALL], counts[SMALL]),
        "of the small tenant, damaged ones (none)": _page(keys[SMALL], 0, "&damaged=true"),
        "of the large tenant": _page(keys[LARGE], counts[LARGE]),
        "of a tenant that has none": _page(keys[NOBODY], 0),
        "of the small tenant, by an unbound key": _page(everybody, counts[SMALL], f"&tenant_id={SMALL}"),
        "of everybody, by an unbound key": _page(everybody, LIMIT),
    }


def _page(key: str, count: int, rest: str = "") -> Ask:
    headers = {"Authorization": f"Bearer {key}"}
    return Ask(f"/api/recordings?limit={LIMIT}{rest}", _has(count), headers)


def _has(count: int) -> Callable[[int, bytes], bool]:
    return lambda status, body: status == 200 and len(json.loads(body)["data"]) == count


def _behind(address: tuple[str, int], key: str) -> Ask:
    """The large tenant's fifth page."""
    headers, path = {"Authorization": f"Bearer {key}"}, f"/api/recordings?limit={LIMIT}"
    cursor = ""
    for _ in range(4):
        told = requests.get(f"http://{address[0]}:{address[1]}{path}{cursor}", headers=headers, timeout=30).json()
        cursor = f"&cursor={told['next_cursor']}"
    return _page(key, LIMIT, cursor)


def _row(what: str, found: Heard) -> list[str]:
    ordered = sorted(found.last_ms)
    three = " / ".join(f"{percentile(ordered, p):.1f}" for p in (50, 95, 99))
    return [what, f"{len(ordered)}", three, f"{found.wrong.total()}"]


def _goals(found: Mapping[str, Heard]) -> list[Goal]:
    p95 = {what: percentile(sorted(one.last_ms), 95) for what, one in found.items()}
    slowest = max(p95, key=lambda what: p95[what])
    wrong = sum(one.wrong.total() for one in found.values())
    return [
        goal(f"p95 below {MOST_MS:g} ms, whoever asks", p95[slowest], f"{p95[slowest]:.1f} ms", p95[slowest] < MOST_MS),
        Goal("wrong pages: 0", f"{wrong}", wrong == 0),
    ]
