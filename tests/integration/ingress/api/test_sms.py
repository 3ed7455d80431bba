"""Texts through the API, on real PostgreSQL and Redis."""

import json
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any
from uuid import UUID

import pytest
from redis import Redis

from shared import tasks
from shared.db import messages, numbers
from shared.domain.routing import Number
from shared.runtime import Runtime

from .conftest import ACCOUNT_SID, BUSINESS, CUSTOMER, TENANT, Api, application, conforms, new_key

TEXT = {"to": CUSTOMER, "from": BUSINESS, "body": "See you at nine"}


def rows(rt: Runtime, query: Any, *values: Any) -> list[Any]:
    with rt.db.connection() as conn:
        return conn.execute(query, values).fetchall()


def hinted(rt: Runtime, queue: str) -> list[int]:
    """The jobs that the messages on `queue` name; of a bell: what has been let go."""
    messages_: Any = rt.redis.lrange(queue, 0, -1)
    if any(json.loads(message)["headers"]["task"] == tasks.SEND for message in messages_):
        return [row[0] for row in rows(rt, "select id from jobs where hint_at < 'infinity' order by id")]
    return [json.loads(b64decode(json.loads(message)["body"]))[0][0] for message in messages_]


def test_a_text_is_accepted_stored_promised_and_hinted_at(api: Api, rt: Runtime):
    answer = api.post("/api/sms/send", json=TEXT | {"tenantId": TENANT})
    assert answer.status_code == 202
    text = answer.get_json()
    assert answer.headers["Location"] == f"/api/sms/{text['id']}"
    assert (text["status"], text["message_sid"], text["direction"]) == ("queued", None, "outbound")
    assert (text["to"], text["from"], text["body"]) == (CUSTOMER, BUSINESS, "See you at nine")
    assert (text["tenant_id"], text["client"], text["idempotency_key"]) == (TENANT, "crm", None)
    [(job_id, kind)] = rows(rt, "select id, kind from jobs where ref = %s", text["id"])
    assert kind == "sms.send"
    assert hinted(rt, "sms") == [job_id]


def test_a_text_is_accepted_while_redis_is_away_and_the_dispatcher_finds_it(rt: Runtime):
    from dataclasses import replace

    without_redis = replace(rt, redis=Redis(port=1, socket_connect_timeout=0.2))
    api = Api(application(without_redis).test_client(), new_key(rt).text)
    assert api.post("/api/sms/send", json=TEXT).status_code == 202
    [(state,)] = rows(rt, "select state from jobs")
    assert state == "due"


def test_a_text_without_a_sender_goes_out_from_the_tenants_number(api: Api, rt: Runtime):
    with rt.db.connection() as conn:
        numbers.put(conn, Number(BUSINESS, TENANT))
    answer = api.post("/api/sms/send", json={"to": CUSTOMER, "body": "Hi", "tenant_id": TENANT})
    assert answer.get_json()["from"] == BUSINESS


def test_a_text_from_a_known_number_belongs_to_its_tenant(api: Api, rt: Runtime):
    with rt.db.connection() as conn:
        numbers.put(conn, Number(BUSINESS, TENANT))
    assert api.post("/api/sms/send", json=TEXT).get_json()["tenant_id"] == TENANT


@pytest.mark.parametrize("tenant", [{}, {"tenant_id": "nobody"}])
def test_a_text_without_any_sender_is_refused(api: Api, rt: Runtime, tenant: dict[str, str]):
    answer = api.post("/api/sms/send", json={"to": CUSTOMER, "body": "Hi"} | tenant)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["code"] == "no_sender"
    assert rows(rt, "select 1 from messages") == []


def test_the_version_in_the_path_changes_nothing(api: Api):
    text = api.post("/api/v1/sms/send", json=TEXT)
    assert text.status_code == 202
    shown = api.get(f"/api/v1/sms/{text.get_json()['id']}").get_json()
    assert shown == shown | text.get_json()


def test_every_character_arrives_as_it_was_sent(api: Api):
    body = "Grüße 👩‍👩‍👧‍👦 \u2028 \\u0000 €\n'; drop table messages;--"
    sent = api.post("/api/sms/send", json=TEXT | {"body": body}).get_json()
    assert api.get(f"/api/sms/{sent['id']}").get_json()["body"] == body


def test_media_is_kept_for_twilio_to_fetch(api: Api, rt: Runtime):
    urls = ["https://cdn.example.com/a.png", "https://cdn.example.com/b.png"]
    sent = api.post("/api/sms/send", json=TEXT | {"media_urls": urls}).get_json()
    assert sent["media_urls"] == urls
    assert rows(rt, "select media from messages") == [([{"url": url} for url in urls],)]


@pytest.mark.parametrize(
    ("status", "kwargs"),
    [
        (400, {"data": b"{", "content_type": "application/json"}),
        (413, {"data": b"[" + b" " * 70_000 + b"]", "content_type": "application/json"}),
        (415, {"data": b"to=1"}),
        (422, {"json": {}}),
    ],
)
def test_what_is_wrong_with_a_request_decides_the_status(api: Api, status: int, kwargs: dict[str, Any]):
    assert api.post("/api/sms/send", **kwargs).status_code == status


# --- the same request again ---


def test_the_same_key_gives_the_first_answer_again_and_sends_once(api: Api, rt: Runtime):
    first = api.post("/api/sms/send", json=TEXT, headers={"Idempotency-Key": "k-1"})
    again = api.post("/api/v1/sms/send", json=TEXT, headers={"Idempotency-Key": '"k-1"'})
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert rows(rt, "select count(*) from messages") == [(1,)]
    assert len(hinted(rt, "sms")) == 1


def test_the_same_key_with_another_body_is_refused(api: Api, rt: Runtime):
    api.post("/api/sms/send", json=TEXT, headers={"Idempotency-Key": "k-1"})
    other = api.post("/api/sms/send", json=TEXT | {"body": "Other"}, headers={"Idempotency-Key": "k-1"})
    assert (other.status_code, other.get_json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert rows(rt, "select count(*) from messages") == [(1,)]


def test_two_clients_may_use_the_same_key(api: Api, rt: Runtime):
    other = Api(api.client, new_key(rt, client="billing").text)
    for each in (api, other):
        answer = each.post("/api/sms/send", json=TEXT, headers={"Idempotency-Key": "k-1"})
        assert "Idempotent-Replayed" not in answer.headers
    assert rows(rt, "select count(*) from messages") == [(2,)]


def test_a_refused_request_leaves_its_key_free(api: Api):
    headers = {"Idempotency-Key": "k-1"}
    assert api.post("/api/sms/send", json={"to": "x"}, headers=headers).status_code == 422
    assert api.post("/api/sms/send", json={"to": CUSTOMER, "body": "Hi"}, headers=headers).status_code == 422
    assert api.post("/api/sms/send", json=TEXT, headers=headers).status_code == 202


def test_an_unusable_key_is_told(api: Api):
    answer = api.post("/api/sms/send", json=TEXT, headers={"Idempotency-Key": "x" * 256})
    assert (answer.status_code, answer.get_json()["type"]) == (400, "/problems/idempotency-key-invalid")


def test_a_second_request_is_told_to_come_back_while_the_first_is_running(api: Api, rt: Runtime):
    api.post("/api/sms/send", json=TEXT, headers={"Idempotency-Key": "k-1"})
    rows(rt, "update idempotency set status = null returning 1")
    second = api.post("/api/sms/send", json=TEXT, headers={"Idempotency-Key": "k-1"})
    assert (second.status_code, second.headers["Retry-After"]) == (409, "1")


def test_a_claim_whose_process_died_before_the_effect_is_taken_over(api: Api, rt: Runtime):
    rows(
        rt,
        """
        insert into idempotency (client, method, path, key, fingerprint, created_at)
        values ('crm', 'POST', '/api/sms/send', 'k-1', 'x', now() - interval '61 seconds') returning 1
        """,
    )
    answer = api.post("/api/sms/send", json=TEXT, headers={"Idempotency-Key": "k-1"})
    assert answer.status_code == 202
    assert rows(rt, "select count(*) from messages") == [(1,)]


def test_a_key_whose_request_is_under_way_is_waited_for_and_given_the_first_answer(api: Api, rt: Runtime):
    first = api.post("/api/sms/send", json=TEXT, headers={"Idempotency-Key": "k-1"})
    with rt.db.connection() as conn, ThreadPoolExecutor(1) as pool:
        conn.execute("update idempotency set key = 'k-2'")
        second = pool.submit(api.post, "/api/sms/send", json=TEXT, headers={"Idempotency-Key": "k-2"})
        wait_until_blocked(rt)
        conn.commit()
        answer = second.result()
    assert (answer.status_code, answer.get_json()["id"]) == (202, first.get_json()["id"])
    assert rows(rt, "select count(*) from messages") == [(1,)]


def test_a_key_whose_request_hangs_is_told_to_come_back(api: Api, rt: Runtime):
    api.post("/api/sms/send", json=TEXT, headers={"Idempotency-Key": "k-1"})
    with rt.db.connection() as conn:
        conn.execute("update idempotency set key = 'k-2'")
        answer = api.post("/api/sms/send", json=TEXT, headers={"Idempotency-Key": "k-2"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (409, "1")
    assert rows(rt, "select count(*) from messages") == [(1,)]


def wait_until_blocked(rt: Runtime) -> None:
    for _ in range(200):
        if rows(rt, "select count(*) from pg_stat_activity where wait_event_type = 'Lock'") != [(0,)]:
            return
        Event().wait(0.01)
    raise AssertionError("nobody waits")


def test_a_key_that_is_forgotten_after_a_day_still_sends_no_text_twice(api: Api, rt: Runtime):
    first = api.post("/api/sms/send", json=TEXT, headers={"Idempotency-Key": "k-1"})
    rows(rt, "update idempotency set created_at = now() - interval '25 hours' returning 1")
    again = api.post("/api/sms/send", json=TEXT, headers={"Idempotency-Key": "k-1"})
    assert again.get_json()["id"] == first.get_json()["id"]
    rows(rt, "update idempotency set created_at = now() - interval '25 hours' returning 1")
    other = api.post("/api/sms/send", json=TEXT | {"body": "Other"}, headers={"Idempotency-Key": "k-1"})
    assert (other.status_code, other.get_json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert rows(rt, "select count(*) from jobs") == [(1,)]


def test_many_at_once_with_one_key_send_one_text(api: Api, rt: Runtime):
    statuses: list[int] = []

    def ask(client: Api) -> None:
        statuses.append(client.post("/api/sms/send", json=TEXT, headers={"Idempotency-Key": "k-1"}).status_code)

    # One process makes its routes once: several threads that do so at once have met a fault of this Python.
    threads = [Thread(target=ask, args=(Api(application(rt).test_client(), api.key),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == 6
    assert set(statuses) <= {202, 409}
    assert 202 in statuses
    assert rows(rt, "select count(*) from messages") == [(1,)]


# --- waiting for Twilio's word ---


def hand_over(rt: Runtime, message_id: str) -> None:
    with rt.db.connection() as conn:
        messages.mark_sending(conn, UUID(message_id))
        messages.mark_handed(
            conn, UUID(message_id), message_sid="SM" + "2" * 32, account_sid=ACCOUNT_SID, status="queued"
        )


def a_worker(rt: Runtime) -> Thread:
    """Hands the first text to Twilio that it is hinted at."""

    def work() -> None:
        if rt.redis.brpop(["sms"], timeout=10):
            [(ref,)] = rows(rt, "select ref from jobs")
            hand_over(rt, ref)

    thread = Thread(target=work)
    thread.start()
    return thread


def test_who_prefers_to_wait_gets_twilios_sid(api: Api, rt: Runtime):
    worker = a_worker(rt)
    answer = api.post("/api/sms/send", json=TEXT, headers={"Prefer": "wait=5", "Idempotency-Key": "k-1"})
    worker.join()
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "wait=5")
    assert answer.get_json()["message_sid"] == "SM" + "2" * 32
    again = api.post("/api/sms/send", json=TEXT, headers={"Idempotency-Key": "k-1"})
    assert again.data == answer.data


def test_who_waits_in_vain_gets_the_text_as_it_stands(api: Api):
    answer = api.post("/api/sms/send", json=TEXT, headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.get_json()["message_sid"]) == (202, None)
    assert answer.headers["Preference-Applied"] == "wait=1"


# --- looking texts up ---


def test_a_text_is_found_by_our_id_and_by_twilios(api: Api, rt: Runtime):
    sent = api.post("/api/sms/send", json=TEXT).get_json()
    hand_over(rt, sent["id"])
    by_id = api.get(f"/api/sms/{sent['id']}").get_json()
    assert by_id["message_sid"] == "SM" + "2" * 32
    assert api.get(f"/api/sms/{by_id['message_sid']}").get_json() == by_id


@pytest.mark.parametrize(
    "message_id", ["7b0f6f3e-0000-4c1e-9d56-0a4f4d1f0001", "SM" + "0" * 32, "nothing", "%00", "'", "x" * 500]
)
def test_a_text_that_is_not_there_is_404(api: Api, message_id: str):
    answer = api.get(f"/api/sms/{message_id}")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_a_known_path_with_another_method_is_405_and_says_which_one_would_do(api: Api):
    answer = api.client.get("/api/sms/send", headers={"Authorization": f"Bearer {api.key}"})
    assert (answer.status_code, answer.mimetype) == (405, "application/problem+json")
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_texts_are_listed_newest_first_page_by_page(api: Api):
    sent = [api.post("/api/sms/send", json=TEXT | {"body": str(n)}).get_json()["body"] for n in range(5)]
    listed, path = [], "/api/sms?limit=2"
    while path:
        page = api.get(path)
        listed += [text["body"] for text in page.get_json()["data"]]
        assert page.get_json()["has_more"] is ("Link" in page.headers)
        path = page.headers["Link"].partition(">")[0][1:] if "Link" in page.headers else ""
    assert listed == sent[::-1]


def test_a_list_may_be_of_one_client(api: Api, rt: Runtime):
    Api(api.client, new_key(rt, client="billing").text).post("/api/sms/send", json=TEXT)
    api.post("/api/sms/send", json=TEXT, headers={"Idempotency-Key": "k-1"})
    [text] = api.get("/api/sms?client=crm").get_json()["data"]
    assert (text["client"], text["idempotency_key"]) == ("crm", "k-1")
    assert api.get("/api/sms?client=nobody").get_json() == {"data": [], "has_more": False, "next_cursor": None}


def test_a_forged_cursor_is_refused(api: Api):
    assert api.get("/api/sms?cursor=AAAA").status_code == 422


def test_answers_are_for_nobodys_cache(api: Api):
    assert api.get("/api/sms").headers["Cache-Control"] == "private, no-store"


# --- the sibling services' door ---


def ask_internal(api: Api, document: Any, **headers: str) -> Any:
    answer = api.client.post("/internal/sms/send", json=document, headers=headers)
    conforms(answer)
    return answer


def test_a_sibling_service_gets_an_answer_in_its_own_words(api: Api, rt: Runtime):
    answer = ask_internal(
        api, TEXT | {"tenantId": TENANT, "conversationId": "c-1"}, **{"X-Service-Key": "the-platforms-service-key"}
    )
    told = answer.get_json()
    assert answer.status_code == 202
    assert (told["success"], told["messageSid"], told["status"]) == (True, None, "queued")
    assert rows(rt, "select id::text, client, tenant_id from messages") == [(told["id"], "platform", TENANT)]
    assert len(hinted(rt, "sms")) == 1


def test_a_sibling_service_may_wait_for_the_sid(api: Api, rt: Runtime):
    worker = a_worker(rt)
    answer = ask_internal(api, TEXT, **{"X-Service-Key": "the-platforms-service-key", "Prefer": "wait=5"})
    worker.join()
    assert answer.get_json()["messageSid"] == "SM" + "2" * 32


@pytest.mark.parametrize("key", ["", "wrong", "ä"])
def test_without_the_service_key_nothing_is_sent(api: Api, rt: Runtime, key: str):
    answer = ask_internal(api, TEXT, **({"X-Service-Key": key} if key else {}))
    assert answer.status_code == 401
    assert answer.get_json() == {
        "success": False, "error": {"code": "UNAUTHORIZED", "message": "X-Service-Key is missing or wrong."},
    }  # fmt: skip
    assert rows(rt, "select 1 from messages") == []


def test_where_no_service_key_is_set_the_empty_one_does_not_open(rt: Runtime):
    client = application(rt, service_key="").test_client()
    assert client.post("/internal/sms/send", json=TEXT, headers={"X-Service-Key": ""}).status_code == 401


def test_a_sibling_service_reads_its_faults_in_the_platforms_shape(api: Api):
    answer = ask_internal(api, {"to": "1"}, **{"X-Service-Key": "the-platforms-service-key"})
    assert (answer.status_code, answer.get_json()["success"]) == (422, False)
    assert "#/to" in answer.get_json()["error"]["message"]
