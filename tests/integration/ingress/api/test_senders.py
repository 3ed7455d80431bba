"""Senders through the API: rates, caps, pools and pauses, set and seen."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared import pace
from shared.db import senders
from shared.pace import Ask, Bucket
from shared.runtime import Runtime
from tests.integration.outgoing import kept

from .conftest import ACCOUNT_SID, Api, new_key

NUMBER, SECOND, TOLL_FREE, SHORT = "+14155550100", "+14155550101", "+18885550100", "12345"
SERVICE = "MG" + "0a" * 16
PATH = "/api/senders/%2B14155550100"
HOUR = timedelta(hours=1)


def put(api: Api, sender: str, **wanted: Any) -> TestResponse:
    return api._ask("PUT", f"/api/senders/{sender.replace('+', '%2B')}", json=wanted)


def pause(api: Api, sender: str = NUMBER, minutes: int = 60, reason: str = "new carrier") -> TestResponse:
    path = f"/api/senders/{sender.replace('+', '%2B')}/pause"
    return api.post(path, json={"minutes": minutes, "reason": reason})


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def put_to_sleep(rt: Runtime, reason: str, pace_key: str = NUMBER) -> int:
    """A text that a worker has put off for an hour, as it does where a pause meets it."""
    with rt.db.connection() as conn:
        job = kept(conn, pace_key=pace_key, from_number=pace_key).promised
        conn.execute(
            """
            update jobs set awake = false, hint_at = 'infinity', next_at = now() + interval '1 hour', last_error = %s
             where id = %s
            """,
            (reason, job.id),
        )
    return job.id


def awake(rt: Runtime) -> set[int]:
    with rt.db.connection() as conn:
        rows = conn.execute("select id from jobs where awake and next_at <= now()").fetchall()
    return {row[0] for row in rows}


def test_what_is_set_is_shown_and_what_is_left_out_is_as_the_kind_allows(api: Api):
    made = put(api, NUMBER, tenant_id="t-1", service_sid=SERVICE, segments_per_s=2.5, segments_per_day=2000)
    assert made.status_code == 200
    shown = made.get_json()
    assert (shown["sender"], shown["kind"], shown["tenant_id"], shown["service_sid"]) == (
        NUMBER, "long-code", "t-1", SERVICE,
    )  # fmt: skip
    assert (shown["segments_per_s"], shown["rate_from"], shown["segments_per_day"]) == (2.5, "sender", 2000)
    assert api.get(PATH).get_json() == shown
    bare = put(api, NUMBER).get_json()
    assert (bare["tenant_id"], bare["segments_per_s"], bare["rate_from"], bare["segments_per_day"]) == (
        None, 1.0, "kind", None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sender", "kind", "rate"),
    [(NUMBER, "long-code", 1.0), ("+447700900123", "long-code", 10.0), (TOLL_FREE, "toll-free", 3.0),
     (SHORT, "short-code", 100.0), ("Acme Ltd", "alphanumeric", 10.0), (SERVICE, "service", 1.0)],
)  # fmt: skip
def test_a_sender_that_was_never_set_is_shown_as_its_kind_allows(api: Api, sender: str, kind: str, rate: float):
    shown = api.get(f"/api/senders/{sender.replace('+', '%2B')}").get_json()
    assert (shown["sender"], shown["kind"], shown["segments_per_s"], shown["rate_from"]) == (sender, kind, rate, "kind")
    assert shown["updated_at"] is None


def test_the_list_has_those_that_were_set_and_those_at_which_texts_wait(api: Api, rt: Runtime):
    put(api, SECOND, tenant_id="t-1", service_sid=SERVICE)
    put(api, SERVICE, segments_per_s=5)
    put_to_sleep(rt, "scheduled")
    with rt.db.connection() as conn:
        for cost in (1, 3):
            kept(conn, pace_key=NUMBER, cost=cost)
    listed = {row["sender"]: row for row in api.get("/api/senders").get_json()["data"]}
    assert [*listed] == [NUMBER, SECOND, SERVICE]
    waits = {name: listed[NUMBER][name] for name in ("texts_waiting", "segments_waiting", "texts_asleep")}
    assert waits == {"texts_waiting": 2, "segments_waiting": 4, "texts_asleep": 1}
    assert (listed[SECOND]["texts_waiting"], listed[SECOND]["next_send_at"]) == (0, None)
    for by in ("tenant_id=t-1", f"service_sid={SERVICE}"):
        assert [row["sender"] for row in api.get(f"/api/senders?{by}").get_json()["data"]] == [SECOND]


def test_the_list_is_read_page_by_page(api: Api):
    for n in range(5):
        put(api, f"1234{n}")
    first = api.get("/api/senders?limit=3").get_json()
    second = api.get(f"/api/senders?limit=3&cursor={first['next_cursor']}").get_json()
    assert [row["sender"] for row in first["data"] + second["data"]] == [f"1234{n}" for n in range(5)]
    assert second["has_more"] is False


def test_the_next_time_is_that_of_the_bucket_and_of_no_pause(api: Api, rt: Runtime):
    with rt.db.connection() as conn:
        kept(conn, pace_key=NUMBER)
    began = datetime.now(UTC)
    assert moment(api.get(PATH).get_json()["next_send_at"]) < datetime.now(UTC) + timedelta(seconds=1)
    slow = Bucket(NUMBER, 0.001)  # the next segment in 1,000 s
    assert pace.take(rt.redis, [Ask("r1", 1, 1, [slow])], began) == [None]
    at = moment(api.get(PATH).get_json()["next_send_at"])
    assert began + timedelta(seconds=900) < at < datetime.now(UTC) + timedelta(seconds=1100)
    paused = pause(api).get_json()
    assert paused["next_send_at"] == paused["paused_until"]
    with rt.db.connection() as conn:
        senders.pause_account(conn, ACCOUNT_SID, seconds=7200, reason="20003")
    shown = api.get(PATH).get_json()
    assert shown["next_send_at"] == shown["account_paused_until"] > paused["paused_until"]


def test_a_pause_is_shown_and_gives_way_to_the_next_one_and_to_an_end(api: Api):
    shown = pause(api).get_json()
    assert HOUR - timedelta(minutes=1) < moment(shown["paused_until"]) - datetime.now(UTC) <= HOUR
    assert shown["pause_reason"] == "new carrier"
    shorter = pause(api, minutes=5, reason="nearly done").get_json()
    assert moment(shorter["paused_until"]) < datetime.now(UTC) + timedelta(minutes=6)
    assert shorter["pause_reason"] == "nearly done"
    assert put(api, NUMBER, segments_per_s=2).get_json()["pause_reason"] == "nearly done"
    first, again = api.post(PATH + "/resume"), api.post(PATH + "/resume")
    assert (first.status_code, first.get_json()["paused_until"], first.get_json()["pause_reason"]) == (200, None, None)
    assert again.get_json() == first.get_json()
    assert again.get_json()["segments_per_s"] == 2.0


def test_a_pause_that_is_over_is_not_shown(api: Api, rt: Runtime):
    pause(api)
    with rt.db.connection() as conn:
        conn.execute("update senders set paused_until = now() - interval '1 second'")
    shown = api.get(PATH).get_json()
    assert (shown["paused_until"], shown["pause_reason"]) == (None, None)


def test_a_numbers_answer_tells_of_the_pause_of_its_service(api: Api):
    put(api, NUMBER, service_sid=SERVICE)
    until = pause(api, SERVICE).get_json()["paused_until"]
    shown = api.get(PATH).get_json()
    assert (shown["paused_until"], shown["service_paused_until"]) == (None, until)


def test_a_resumed_sender_wakes_what_its_pause_has_put_to_sleep_and_nothing_else(api: Api, rt: Runtime):
    pause(api)
    met = {put_to_sleep(rt, "new carrier") for _ in range(3)}
    for reason, key in (("scheduled", NUMBER), ("too_many_alike", NUMBER), ("new carrier", SECOND)):
        put_to_sleep(rt, reason, key)
    assert awake(rt) == set()
    shown = api.post(PATH + "/resume").get_json()
    assert awake(rt) == met
    assert (shown["texts_waiting"], shown["texts_asleep"]) == (3, 2)


def test_a_resumed_service_wakes_the_texts_of_its_numbers_under_whichever_reason_they_sleep(api: Api, rt: Runtime):
    put(api, NUMBER, service_sid=SERVICE)
    pause(api, NUMBER, reason="its own")
    with rt.db.connection() as conn:
        conn.execute("update senders set paused_until = now() - interval '1 second'")
    pause(api, SERVICE, reason="the service's")
    met = {put_to_sleep(rt, "its own"), put_to_sleep(rt, "the service's"), put_to_sleep(rt, "the service's", SERVICE)}
    put_to_sleep(rt, "the service's", SECOND)
    put_to_sleep(rt, "scheduled")
    assert api.post(f"/api/senders/{SERVICE}/resume").status_code == 200
    assert awake(rt) == met


def test_whatever_pauses_a_sender_that_is_paused_its_texts_wake_with_it(api: Api, rt: Runtime):
    pause(api, reason="by hand")
    by_hand = put_to_sleep(rt, "by hand")
    with rt.db.connection() as conn:
        senders.pause(conn, NUMBER, "long-code", seconds=86_400, reason="twilio 30007")
    assert api.get(PATH).get_json()["pause_reason"] == "by hand"
    pause(api, reason="by another hand")
    assert awake(rt) == {by_hand}
    later = put_to_sleep(rt, "by another hand")
    api.post(PATH + "/resume")
    assert awake(rt) == {by_hand, later}


def test_a_resumed_account_wakes_what_its_pause_has_put_to_sleep(rt: Runtime):
    met = {put_to_sleep(rt, "account paused"), put_to_sleep(rt, "account paused", SECOND)}
    put_to_sleep(rt, "scheduled")
    with rt.db.connection() as conn:
        senders.pause_account(conn, ACCOUNT_SID, seconds=600, reason="20003")
        assert [row.account_sid for row in senders.account_pauses(conn)] == [ACCOUNT_SID]
        assert senders.resume_account(conn, ACCOUNT_SID)
        assert not senders.resume_account(conn, ACCOUNT_SID)
        assert senders.account_pauses(conn) == []
    assert awake(rt) == met


@pytest.mark.parametrize("wanted", [
    {"segments_per_s": 0}, {"segments_per_s": -1}, {"segments_per_s": 0.0004}, {"segments_per_s": 1e9},
    {"segments_per_s": "fast"}, {"segments_per_s": True}, {"segments_per_day": 0}, {"segments_per_day": 1.5},
    {"segments_per_day": 10**12}, {"service_sid": "MG1"}, {"service_sid": NUMBER}, {"tenant_id": ""},
    {"tenant_id": "t" * 65}, {"kind": "toll-free"}, {"segments_per_sec": 1}, {"paused_until": None},
])  # fmt: skip
def test_what_cannot_be_meant_of_a_sender_is_refused(api: Api, wanted: dict[str, Any]):
    refused = put(api, NUMBER, **wanted)
    assert (refused.status_code, refused.mimetype) == (422, "application/problem+json")
    assert refused.get_json()["errors"][0]["pointer"] == f"#/{next(iter(wanted))}"
    assert api.get("/api/senders").get_json()["data"] == []


def test_a_service_belongs_to_no_service(api: Api):
    refused = put(api, SERVICE, service_sid=SERVICE)
    assert (refused.status_code, refused.get_json()["errors"][0]["pointer"]) == (422, "#/service_sid")


@pytest.mark.parametrize("wanted", [
    {}, {"minutes": 5}, {"reason": "why"}, {"minutes": 0, "reason": "why"}, {"minutes": 10**9, "reason": "why"},
    {"minutes": 1.5, "reason": "why"}, {"minutes": 5, "reason": ""}, {"minutes": 5, "reason": "why", "until": "noon"},
])  # fmt: skip
def test_a_pause_that_cannot_be_meant_is_refused(api: Api, wanted: dict[str, Any]):
    assert api.post(PATH + "/pause", json=wanted).status_code == 422
    assert api.get(PATH).get_json()["paused_until"] is None


@pytest.mark.parametrize("name", ["12", "%2B1415", "MG" + "0A" * 16, "an overlong name", "a%00b", "caf%C3%A9"])
def test_what_is_no_sender_is_not_found(api: Api, name: str):
    path = f"/api/senders/{name}"
    for answer in (api.get(path), api._ask("PUT", path, json={}), api.post(path + "/resume"),
                   api.post(path + "/pause", json={"minutes": 5, "reason": "why"})):  # fmt: skip
        assert answer.status_code == 404


def test_reading_and_changing_are_two_scopes(api: Api, rt: Runtime):
    reader = Api(api.client, new_key(rt, scopes={"sms:read"}).text)
    assert reader.get("/api/senders").status_code == 200
    assert reader.get(PATH).status_code == 200
    for answer in (put(reader, NUMBER), pause(reader), reader.post(PATH + "/resume")):
        assert (answer.status_code, answer.get_json()["scope"]) == (403, "admin")
    admin = Api(api.client, new_key(rt, scopes={"admin"}).text)
    assert admin.get("/api/senders").get_json()["scope"] == "sms:read"
