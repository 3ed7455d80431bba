"""Calls through the API: listing them, looking one up, ending one."""

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import psycopg
import pytest

from shared.db import call_consents, call_controls, call_steps, recordings
from shared.runtime import Runtime

from .conftest import ACCOUNT_SID, BUSINESS, CALL_SID, CUSTOMER, Api, a_call, user_token


def promised(rt: Runtime) -> list[Any]:
    with rt.db.connection() as conn:
        return conn.execute("select kind, ref, state from jobs").fetchall()


def test_a_call_is_found_by_our_id_and_by_its_sid(api: Api, rt: Runtime):
    call = a_call(rt)
    shown = api.get(f"/api/calls/{CALL_SID}").get_json()
    assert (shown["id"], shown["call_sid"], shown["status"]) == (str(call.id), CALL_SID, "in-progress")
    assert (shown["from"], shown["to"], shown["recordings"]) == (CUSTOMER, BUSINESS, [])
    assert api.get(f"/api/calls/{call.id}").get_json() == shown


def test_a_call_comes_with_its_recordings(api: Api, rt: Runtime):
    a_call(rt)
    with rt.db.connection() as conn:
        recordings.announce(
            conn, recording_sid="RE" + "3" * 32, call_sid=CALL_SID, account_sid=ACCOUNT_SID, state="available",
            duration_s=7, channels=2,
        )  # fmt: skip
    [recording] = api.get(f"/api/calls/{CALL_SID}").get_json()["recordings"]
    assert (recording["recording_sid"], recording["state"], recording["media_url"]) == (
        "RE" + "3" * 32, "available", None,
    )  # fmt: skip


@pytest.mark.parametrize("call_id", ["7b0f6f3e-0000-4c1e-9d56-0a4f4d1f0001", "CA" + "9" * 32, "incoming", "%00"])
def test_a_call_that_is_not_there_is_404(api: Api, call_id: str):
    assert api.get(f"/api/calls/{call_id}").status_code == 404
    assert api.post(f"/api/calls/{call_id}/end").status_code == 404


def test_ending_a_live_call_is_promised_and_hinted_at(api: Api, rt: Runtime):
    a_call(rt)
    answer = api.post(f"/api/calls/{CALL_SID}/end")
    assert answer.status_code == 202
    assert (answer.get_json()["ending"], answer.get_json()["status"]) == (True, "in-progress")
    assert promised(rt) == [("call.end", CALL_SID, "due")]
    [message] = rt.redis.lrange("calls", 0, -1)  # type: ignore[misc]
    assert len(json.loads(b64decode(json.loads(message)["body"]))[0]) == 1


def test_asking_twice_promises_once(api: Api, rt: Runtime):
    call = a_call(rt)
    for path in (f"/api/calls/{CALL_SID}/end", f"/api/calls/{call.id}/end"):
        assert api.post(path, json={}).status_code == 202
    assert len(promised(rt)) == 1


@pytest.mark.parametrize("status", ["completed", "busy", "no-answer", "failed", "canceled"])
def test_a_call_that_is_over_stays_over(api: Api, rt: Runtime, status: str):
    a_call(rt, status=status)
    answer = api.post(f"/api/calls/{CALL_SID}/end")
    assert (answer.status_code, answer.get_json()["ended"]) == (200, True)
    assert promised(rt) == []


def test_who_prefers_to_wait_learns_that_it_is_over(api: Api, rt: Runtime):
    a_call(rt)

    def hang_up() -> None:
        if rt.redis.brpop(["calls"], timeout=10):
            a_call(rt, status="completed")

    worker = Thread(target=hang_up)
    worker.start()
    answer = api.post(f"/api/calls/{CALL_SID}/end", headers={"Prefer": "wait=5"})
    worker.join()
    assert (answer.status_code, answer.get_json()["ended"]) == (200, True)
    assert answer.headers["Preference-Applied"] == "wait=5"


def test_who_waits_in_vain_learns_that_it_is_ending(api: Api, rt: Runtime):
    a_call(rt)
    answer = api.post(f"/api/calls/{CALL_SID}/end", headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.get_json()["ending"]) == (202, True)


def test_the_same_key_gives_the_first_answer_again(api: Api, rt: Runtime):
    a_call(rt)
    first = api.post(f"/api/calls/{CALL_SID}/end", headers={"Idempotency-Key": "k-1"})
    a_call(rt, status="completed")
    again = api.post(f"/api/calls/{CALL_SID}/end", headers={"Idempotency-Key": "k-1"})
    assert (again.status_code, again.data) == (202, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_body_that_asks_for_something_is_refused(api: Api, rt: Runtime):
    a_call(rt)
    assert api.post(f"/api/calls/{CALL_SID}/end", json={"reason": "spam"}).status_code == 422
    assert promised(rt) == []


# Lists, and one call with all that belongs to it. -----------------------------------------------------------------------

LEG = "CA" + "2" * 32


def some_calls(rt: Runtime, count: int = 5) -> list[str]:
    """So many calls, the newest first."""
    return [a_call(rt, call_sid=f"CA{number:032}").call_sid for number in range(count)][::-1]


def listed(api: Api, query: str = "", **kwargs: Any) -> list[str]:
    return [call["call_sid"] for call in api.get(f"/api/calls{query}", **kwargs).get_json()["data"]]


def test_calls_are_listed_newest_first_page_by_page(api: Api, rt: Runtime):
    expected, seen, path = some_calls(rt), [], "/api/calls?limit=2"
    while path:
        page = api.get(path).get_json()
        seen += [call["call_sid"] for call in page["data"]]
        path = f"/api/calls?limit=2&cursor={page['next_cursor']}" if page["has_more"] else ""
    assert seen == expected


def test_calls_that_began_at_the_same_moment_are_each_on_one_page(api: Api, rt: Runtime):
    some_calls(rt, 7)
    with rt.db.connection() as conn:
        conn.execute("update calls set started_at = '2026-03-04T17:00:00Z'")
    first = api.get("/api/calls?limit=3").get_json()
    rest = api.get(f"/api/calls?limit=200&cursor={first['next_cursor']}").get_json()
    sids = [call["call_sid"] for call in (*first["data"], *rest["data"])]
    assert len(sids) == len(set(sids)) == 7


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("tenant_id=" + "7b0f6f3e-2f0a-4c1e-9d56-0a4f4d1f0001", True), ("tenant_id=other", False),
        ("from=%2B12125550142", True), ("from=%2B1", False), ("to=%2B14155550100", True), ("to=%2B1", False),
        ("status=in-progress", True), ("status=busy", False), ("direction=inbound", True),
        ("direction=outbound-api", False), ("decision=missed", False), ("started_after=2026-01-01T00:00:00Z", True),
        ("started_before=2026-01-01T00:00:00Z", False), ("parent=CA" + "1" * 32, False),
    ],
)  # fmt: skip
def test_each_filter_finds_what_it_says(api: Api, rt: Runtime, query: str, is_found: bool):
    a_call(rt)
    assert listed(api, f"?{query}") == ([CALL_SID] if is_found else [])


def test_the_legs_of_a_call_are_found_by_it_and_shown_with_it(api: Api, rt: Runtime):
    a_call(rt)
    a_call(rt, call_sid=LEG, parent_call_sid=CALL_SID, direction="outbound-dial", to_number="+14155550199")
    assert listed(api, f"?parent={CALL_SID}") == [LEG]
    whole = api.get(f"/api/calls/{CALL_SID}").get_json()
    assert [(leg["call_sid"], leg["to"]) for leg in whole["legs"]] == [(LEG, "+14155550199")]
    assert api.get(f"/api/calls/{LEG}").get_json()["legs"] == []


def test_a_call_comes_with_its_timeline_its_wishes_and_its_consent(api: Api, rt: Runtime):
    a_call(rt)
    a_call(rt, call_sid=LEG, parent_call_sid=CALL_SID)
    at = datetime(2026, 3, 4, 17, tzinfo=UTC)
    with rt.db.connection() as conn:
        call_steps.add(conn, LEG, "status", name="ringing", at=at + timedelta(seconds=2), sequence=1)
        call_steps.add(conn, CALL_SID, "incoming", at=at)
        call_steps.add(conn, LEG, "status", name="ringing", at=at + timedelta(seconds=1))
        call_controls.ask(conn, CALL_SID, "redirect", {"kind": "say", "say": "x", "twiml": "<R/>"}, client="crm")
        call_consents.assert_given(conn, CALL_SID, {"asserted_by": "crm"})
    whole = api.get(f"/api/calls/{CALL_SID}").get_json()
    assert [(step["call_sid"], step["step"], step["name"]) for step in whole["timeline"]] == [
        (CALL_SID, "incoming", ""), (LEG, "status", "ringing"),
    ]  # fmt: skip
    assert whole["timeline"][1]["at"] == "2026-03-04T17:00:01.000000Z"
    [control] = whole["controls"]
    assert (control["action"], control["state"], control["args"]) == (
        "redirect", "requested", {"kind": "say", "say": "x"},
    )  # fmt: skip
    assert whole["consent"] == {"way": "asserted", "state": "asserted", "rule": {"asserted_by": "crm"}}


def test_a_tenants_people_see_its_calls_and_their_legs_and_no_others(api: Api, rt: Runtime):
    a_call(rt)
    a_call(rt, call_sid=LEG, parent_call_sid=CALL_SID, tenant_id=None)
    a_call(rt, call_sid="CA" + "3" * 32, tenant_id="other")
    a_call(rt, call_sid="CA" + "4" * 32, tenant_id=None)
    mine, others = user_token(), user_token("other")
    assert listed(api, headers=mine) == [CALL_SID]
    assert listed(api, headers=others) == ["CA" + "3" * 32]
    assert api.get("/api/calls?tenant_id=other", headers=mine).status_code == 404
    assert [api.get(f"/api/calls/{sid}", headers=mine).status_code for sid in (CALL_SID, LEG)] == [200, 200]
    assert [api.get(f"/api/calls/{sid}", headers=others).status_code for sid in (CALL_SID, LEG)] == [404, 404]
    assert api.get("/api/calls/CA" + "4" * 32, headers=mine).status_code == 404
    assert api.post(f"/api/calls/{CALL_SID}/end", headers=mine).status_code == 401


def test_a_page_asks_one_question_however_long_it_is(api: Api, rt: Runtime, monkeypatch: pytest.MonkeyPatch):
    some_calls(rt, 30)
    api.get("/api/calls")  # the key is known from now on
    asked: list[Any] = []
    execute = psycopg.Cursor.execute
    monkeypatch.setattr(
        psycopg.Cursor, "execute", lambda self, q, *a, **k: asked.append(q) or execute(self, q, *a, **k)
    )
    assert len(listed(api)) == 30
    assert len(asked) == 1
