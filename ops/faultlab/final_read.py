"""Reads what is there in the end, with SQL and requests of its own, and waits until there is nothing more to come."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, LiteralString, cast

import psycopg
import requests
from redis import Redis
from redis.exceptions import RedisError

from ops.faultlab.found import Found, Notice, Row, SetAside, ToldAsCall
from ops.faultlab.history import Try
from ops.faultlab.house import CONSUMERS, House
from ops.faultlab.keys import key_of

# Not the looks whether something has come that is there by now: whether a call's decision rises, or a recording lacks.
DUE: Final[LiteralString] = """
    select kind, attempts, last_error from jobs
     where state = 'due' and not (kind = 'recording.expect' and attempts = 0)
       and not (kind = 'call.settle' and exists (select from calls where call_sid = ref and decision is not null))
"""


def owed_by_real(house: House, *, queue: str = "") -> Callable[[], str]:
    """A question for `Keeper.wait`: what acknowledged events and promised work are still under way; "" for nothing.

    `queue` is a list in Redis through which others ask: then the journal, which has none of that, is not waited for.
    """

    def owed() -> str:
        try:
            with Redis.from_url(house.env["TS_REDIS_URL"], socket_timeout=2) as redis:
                waiting = redis.hlen("ts:inbox")
                queued, taken = (cast("int", redis.llen(queue)), redis.hlen("unacked")) if queue else (0, 0)
            with psycopg.connect(house.env["TS_DATABASE_URL"], connect_timeout=2) as conn:
                jobs = conn.execute(
                    f"select kind, count(*), max(attempts), max(last_error) from ({DUE}) as due group by kind"
                ).fetchall()
        except (RedisError, psycopg.Error) as fault:
            return f"a store does not answer ({type(fault).__name__})"
        segments = [path for folder in house.journals for path in folder.glob("*.seg")] if not queue else []
        parts = [f"{queued} jobs of the queue"] if queued else []
        parts += [f"{taken} messages of Celery's in somebody's hands"] if taken else []
        parts += [f"{waiting} events in the inbox"] if waiting else []
        parts += [f"{len(segments)} segments of the journal"] if segments else []
        parts += [f"{count} jobs {kind} (attempts {most}, {error})" for kind, count, most, error in jobs]
        return ", ".join(parts)

    return owed


def owed_by_naive(house: House) -> Callable[[], str]:
    """The same of the naive service: its queue, and what its worker has taken and not acknowledged."""

    def owed() -> str:
        try:
            with Redis.from_url(house.env["TS_REDIS_URL"], socket_timeout=2) as redis:
                queued, unacked = redis.llen("celery"), redis.hlen("unacked")
        except RedisError as fault:
            return f"Redis does not answer ({type(fault).__name__})"
        return f"{queued} queued, {unacked} unacknowledged" if queued or unacked else ""

    return owed


def read_naive(house: House, owed: str) -> Found:
    """Rows only: the naive service has nothing else. What it still owes is lost anyway, or was never promised."""
    with psycopg.connect(house.env["TS_DATABASE_URL"]) as conn:
        return Found(_rows(conn), owed=owed)


def read_real(house: House, owed: str) -> Found:
    """Everything that can be asked."""
    standins = house.env["TS_STANDINS_URL"]
    with psycopg.connect(house.env["TS_DATABASE_URL"]) as conn:
        aside = conn.execute("select event_id, record, reason from set_aside").fetchall()
        return Found(
            _rows(conn),
            [SetAside(id_, bytes(record).decode(errors="replace"), reason) for id_, record, reason in aside],
            [notice for name in CONSUMERS for notice in _notices(standins, name)],
            dict(conn.execute("select message_sid, status from messages where message_sid is not null").fetchall()),
            dict(conn.execute("select call_sid, status from calls").fetchall()),
            _as_call(standins),
            owed,
        )


def simulator_tries(path: Path) -> list[Try]:
    """What the simulator itself has posted: the callbacks of texts that the service sent during the run."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [_as_try(json.loads(line)) for line in lines]


def _as_try(entry: Mapping[str, Any]) -> Try:
    """In this house the simulator only reports on texts that arrive: their key needs the SID and the status."""
    if entry["kind"] != "message-status":
        raise ValueError(f"the simulator has posted a {entry['kind']}: the checker has no rule for it")
    facts = {"MessageSid": entry["sid"], "MessageStatus": entry["status"]}
    return Try(
        -entry["op"], entry["attempt"], "msg-status", key_of("msg-status", facts, ""), entry["token"],
        entry["body_sha256"], entry["sent_ns"], entry["done_ns"], entry["outcome"], entry["http_status"],
        bool(entry["tamper"]), "", facts,
    )  # fmt: skip


def _rows(conn: psycopg.Connection) -> list[Row]:
    return [Row(key, sha) for key, sha in conn.execute("select key, encode(body_sha256, 'hex') from events")]


def _notices(standins: str, name: str) -> list[Notice]:
    received = requests.get(f"{standins}/standin/subscriber/{name}", timeout=30).json()["received"]
    return [
        Notice(name, it["id"], it["type"], _sid(it["data"]), it["attempts"], 1 + it["changes"], it["verified"])
        for it in received
    ]


def _sid(data: Any) -> str:
    return str(data.get("message_sid") or data.get("call_sid")) if isinstance(data, dict) else ""


def _as_call(standins: str) -> dict[str, ToldAsCall]:
    calls = requests.get(f"{standins}/standin/as-call/state", timeout=30).json()["calls"]
    return {sid: ToldAsCall(call["incoming_count"], call["missed_count"]) for sid, call in calls.items()}
