"""The counts of an hour against rows of every kind, counted once more by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.db import hourly
from shared.db.hourly import Counts
from shared.domain.status import DECISION_RANK, MESSAGE_RANK, SEND_RANK

HOUR = datetime(2026, 5, 1, 9, tzinfo=UTC)
TENANTS = st.sampled_from(["a", "b", None])
# Around both ends of the hour, to the microsecond.
TIMES = st.sampled_from(
    [HOUR - timedelta(microseconds=1), HOUR, HOUR + timedelta(minutes=31), HOUR + timedelta(minutes=59, seconds=59.999999),
     HOUR + timedelta(hours=1)]
)  # fmt: skip
CALLS = st.fixed_dictionaries({
    "kind": st.just("call"), "tenant_id": TENANTS, "at": TIMES,
    "direction": st.sampled_from(["inbound", "inbound", "outbound-api", "outbound-dial"]), "is_leg": st.booleans(),
    "decision": st.sampled_from([*DECISION_RANK, None]), "is_asked": st.booleans(),
    "duration_s": st.none() | st.integers(0, 5_000),
})  # fmt: skip
TEXTS = st.fixed_dictionaries({
    "kind": st.just("text"), "tenant_id": TENANTS, "at": TIMES, "is_ours": st.booleans(),
    "status": st.sampled_from([*MESSAGE_RANK, None]), "send_state": st.sampled_from([*SEND_RANK]),
    "segments": st.none() | st.integers(1, 9),
})  # fmt: skip
RECORDINGS = st.fixed_dictionaries({
    "kind": st.just("recording"), "tenant_id": TENANTS, "at": TIMES, "has_call": st.booleans(), "is_stored": st.booleans(),
})  # fmt: skip


@pytest.fixture(scope="module")
def conn(module_database_url):
    with psycopg.connect(module_database_url) as opened:
        opened.execute("set time zone 'Asia/Kathmandu'")  # an hour is UTC's whatever the session's zone is
        opened.commit()
        yield opened


def put(conn, table: str, **row: Any) -> None:
    columns, places = ", ".join(row), ", ".join(["%s"] * len(row))
    conn.execute(f"insert into {table} ({columns}) values ({places})", list(row.values()))


def put_call(conn, nth: int, it: dict[str, Any]) -> None:
    put(conn, "calls", call_sid=f"CA{nth}", account_sid="AC", tenant_id=it["tenant_id"], direction=it["direction"],
        parent_call_sid="CAx" if it["is_leg"] else None, status="completed", duration_s=it["duration_s"],
        decision=it["decision"], decided_at=it["at"] if it["decision"] else None, started_at=it["at"],
        text_back=("wanted" if it["is_asked"] else "own") if it["decision"] == "missed" else None)  # fmt: skip


def put_text(conn, nth: int, it: dict[str, Any]) -> None:
    ours = it["is_ours"]
    put(conn, "messages", message_sid=f"SM{nth}", tenant_id=it["tenant_id"], direction="outbound" if ours else "inbound",
        to_number="+1", status=it["status"] if ours else "received", send_state=it["send_state"] if ours else None,
        segments=it["segments"], created_at=it["at"])  # fmt: skip


def put_recording(conn, nth: int, it: dict[str, Any]) -> None:
    if it["has_call"]:  # which itself is of another hour
        put(conn, "calls", call_sid=f"CAr{nth}", account_sid="AC", tenant_id=it["tenant_id"], status="completed",
            started_at=HOUR - timedelta(days=1))  # fmt: skip
    stored = {"object_key": f"k{nth}", "sha256": b"0" * 32, "size_bytes": 1, "stored_at": it["at"] + timedelta(hours=3)}
    put(conn, "recordings", recording_sid=f"RE{nth}", call_sid=f"CAr{nth}", account_sid="AC", announced_at=it["at"],
        state="stored" if it["is_stored"] else "announced", **(stored if it["is_stored"] else {}))  # fmt: skip


PUT = {"call": put_call, "text": put_text, "recording": put_recording}


def by_hand(rows: list[dict[str, Any]]) -> dict[str | None, Counts]:
    """Row for row, with no idea of SQL."""
    found: dict[str | None, dict[str, int]] = {}
    for it in rows:
        if not HOUR <= it["at"] < HOUR + timedelta(hours=1):
            continue
        words = {"call": call_words, "text": text_words, "recording": recording_words}[it["kind"]](it)
        tenant = it["tenant_id"] if it.get("has_call", True) else None
        for word, many in words.items():
            found.setdefault(tenant, {}).setdefault(word, 0)
            found[tenant][word] += many
    return {tenant: Counts(tenant_id=tenant, **words) for tenant, words in found.items()}


def call_words(it: dict[str, Any]) -> dict[str, int]:
    if it["is_leg"] or it["direction"] == "outbound-dial":
        return {}
    words = {"duration_s": it["duration_s"] or 0}
    if it["direction"] == "outbound-api":
        return words | {"calls_placed": 1}
    is_asked = it["decision"] == "missed" and it["is_asked"]
    return words | {"calls": 1, it["decision"] or "undecided": 1} | ({"text_backs": 1} if is_asked else {})


def text_words(it: dict[str, Any]) -> dict[str, int]:
    if not it["is_ours"]:
        return {"texts_received": 1}
    end = {"read": "delivered"}.get(it["status"], it["status"])
    if it["status"] is None:
        end = it["send_state"]
    if end not in ("delivered", "undelivered", "failed", "canceled", "refused"):
        end = "open"
    sent = {"texts_sent": 1} if it["send_state"] == "handed" else {}
    return {"texts": 1, f"texts_{end}": 1, "segments": it["segments"] or 0} | sent


def recording_words(it: dict[str, Any]) -> dict[str, int]:
    return {"recordings": 1} if it["is_stored"] else {}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CALLS | TEXTS | RECORDINGS, max_size=25))
def test_the_counts_are_those_of_the_rows(conn, rows):
    for nth, it in enumerate(rows):
        PUT[it["kind"]](conn, nth, it)
    found = hourly.counts(conn, HOUR)
    conn.rollback()
    assert {each.tenant_id: each for each in found} == by_hand(rows)
    for each in found:
        assert each.calls == each.answered + each.missed + each.screened + each.undecided
        assert each.texts == (each.texts_delivered + each.texts_undelivered + each.texts_failed + each.texts_canceled
                              + each.texts_refused + each.texts_open)  # fmt: skip


@pytest.mark.parametrize(
    ("delivered", "lost", "rate"), [(0, 0, None), (3, 0, 1.0), (0, 2, 0.0), (2, 1, 0.6667), (17, 1, 0.9444)]
)
def test_the_delivery_rate_is_of_texts_whose_end_is_known(delivered, lost, rate):
    counted = Counts(tenant_id=None, texts_delivered=delivered, texts_undelivered=lost, texts_open=9, texts_refused=4)
    assert counted.delivery_rate == rate


def test_an_hour_is_found_by_the_indexes_of_time(conn):
    conn.execute(
        "insert into calls (call_sid, account_sid, status, started_at)"
        " select 'CA' || n, 'AC', 'ringing', %s::timestamptz - n * interval '1 minute' from generate_series(1, 20000) n",
        (HOUR,),
    )
    conn.execute(
        "insert into messages (message_sid, direction, to_number, status, created_at)"
        " select 'SM' || n, 'inbound', '+1', 'received', %s::timestamptz - n * interval '1 minute'"
        " from generate_series(1, 20000) n",
        (HOUR,),
    )
    conn.execute(
        "insert into recordings (recording_sid, account_sid, state, announced_at)"
        " select 'RE' || n, 'AC', 'announced', %s::timestamptz - n * interval '1 minute' from generate_series(1, 20000) n",
        (HOUR,),
    )
    conn.execute("analyze calls, messages, recordings")
    plan = "\n".join(row[0] for row in conn.execute("explain " + hourly.COUNTS, hourly.bounds(HOUR)).fetchall())
    conn.rollback()
    for index in ("calls_by_time", "messages_by_time", "recordings_by_time"):
        assert index in plan, plan
