"""Calls through the API: looking one up, ending one."""

import json
from base64 import b64decode
from threading import Thread
from typing import Any

import pytest

from shared.db import recordings
from shared.runtime import Runtime

from .conftest import ACCOUNT_SID, BUSINESS, CALL_SID, CUSTOMER, Api, a_call


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
