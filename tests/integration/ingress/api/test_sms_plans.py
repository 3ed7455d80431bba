"""What a text is for, when it may go and whether it may: asked for, decided, told, called off and settled by a person."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.db import departures, messages, numbers, opt_outs, senders
from shared.db.senders import Sender
from shared.domain.routing import Number
from shared.runtime import Runtime

from .conftest import BUSINESS, CUSTOMER, TENANT, Api
from .test_sms import TEXT, ask_internal, hand_over, hinted, rows

SERVICE = "MG" + "0a" * 16
SECOND = "+14155550101"
KEY = {"X-Service-Key": "the-platforms-service-key"}


def one(rt: Runtime, query: Any, *values: Any) -> Any:
    ((value,),) = rows(rt, query, *values)
    return value


def opted_out(rt: Runtime) -> None:
    with rt.db.connection() as conn:
        opt_outs.add(conn, scope="*", number=CUSTOMER, source="api")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


# --- lanes, schedules, validity ---


@pytest.mark.parametrize(
    ("purpose", "lane", "validity_s"),
    [({}, 1, 14_400), ({"purpose": "conversation"}, 0, 3_600), ({"purpose": "transactional"}, 1, 14_400)],
)
def test_the_purpose_decides_the_lane_and_how_long_a_text_is_worth_sending(
    api: Api, rt: Runtime, purpose: dict[str, str], lane: int, validity_s: int
):
    text = api.post("/api/sms/send", json=TEXT | purpose).get_json()
    assert text["lane"] == lane
    valid_s = (moment(text["expires_at"]) - moment(text["created_at"])).total_seconds()
    assert abs(valid_s - validity_s) < 30
    assert rows(rt, "select pace_key, lane, owner, cost from jobs") == [(BUSINESS, lane, "crm", 1)]


def test_a_sibling_services_text_is_part_of_a_conversation_if_it_does_not_say_otherwise(api: Api, rt: Runtime):
    ask_internal(api, TEXT, **KEY)
    ask_internal(api, TEXT | {"purpose": "transactional", "validityPeriod": 60}, **KEY)
    assert rows(rt, "select purpose, lane from messages order by lane") == [("conversation", 0), ("transactional", 1)]


def test_a_scheduled_text_sleeps_until_its_time_and_is_valid_from_then_on(api: Api, rt: Runtime):
    at = datetime.now(UTC) + timedelta(days=2)
    text = api.post("/api/sms/send", json=TEXT | {"sendAt": at.isoformat(), "validityS": 60}).get_json()
    assert moment(text["send_at"]) == at
    assert moment(text["estimated_send_at"]) == at
    assert moment(text["expires_at"]) == at + timedelta(seconds=60)
    assert rows(rt, "select next_at, awake from jobs") == [(at, False)]
    assert hinted(rt, "sms") == []


def test_a_time_that_is_past_means_now(api: Api, rt: Runtime):
    text = api.post("/api/sms/send", json=TEXT | {"send_at": "2020-01-01T00:00:00+01:00"})
    assert text.status_code == 202
    assert one(rt, "select awake from jobs")


@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [
        ("send_at", "2026-01-01T00:00:00", "#/send_at"),
        ("send_at", "2099-01-01T00:00:00Z", "#/send_at"),
        ("validity_s", 0, "#/validity_s"),
        ("validity_s", 1.5, "#/validity_s"),
        ("purpose", "spam", "#/purpose"),
        ("on_unknown", "hope", "#/on_unknown"),
        ("messaging_service_sid", SERVICE, "#/messaging_service_sid"),
        ("messaging_service_sid", "MG1", "#/messaging_service_sid"),
        ("sent_at", "2026-01-01T00:00:00Z", "#/sent_at"),
    ],
)
def test_what_will_not_do_is_told_by_its_place(api: Api, rt: Runtime, field: str, value: Any, pointer: str):
    answer = api.post("/api/sms/send", json=TEXT | {field: value})
    assert answer.status_code == 422
    assert pointer in [fault["pointer"] for fault in answer.get_json()["errors"]]
    assert rows(rt, "select 1 from messages") == []


def test_a_text_from_a_service_has_no_number_until_twilio_chooses_one(api: Api, rt: Runtime):
    text = api.post(
        "/api/sms/send", json={"to": CUSTOMER, "body": "Hi", "messagingServiceSid": SERVICE, "tenantId": TENANT}
    ).get_json()
    assert (text["from"], text["messaging_service_sid"], text["tenant_id"]) == (None, SERVICE, TENANT)
    assert one(rt, "select pace_key from jobs") == SERVICE


def test_a_person_keeps_getting_texts_from_the_same_number_of_a_tenant(api: Api, rt: Runtime):
    with rt.db.connection() as conn:
        for number in (BUSINESS, SECOND):
            numbers.put(conn, Number(number, TENANT))
    asked = {"to": CUSTOMER, "body": "Hi", "tenant_id": TENANT}
    assert len({api.post("/api/sms/send", json=asked).get_json()["from"] for _ in range(4)}) == 1


def test_look_alikes_are_replaced_for_who_asks_for_it(api: Api):
    curly = TEXT | {"body": "It’s “nine”"}
    plain = api.post("/api/sms/send", json=curly | {"smartEncoding": True}).get_json()
    assert (plain["body"], plain["encoding"]) == ('It\'s "nine"', "GSM-7")
    asis = api.post("/api/sms/send", json=curly).get_json()
    assert (asis["body"], asis["encoding"], asis["planned_segments"]) == (curly["body"], "UCS-2", 1)


def test_a_replaced_text_is_known_again_by_its_key(api: Api, rt: Runtime):
    curly = TEXT | {"body": "It’s nine", "smart_encoding": True}
    first = api.post("/api/sms/send", json=curly, headers={"Idempotency-Key": "k-1"}).get_json()
    rows(rt, "update idempotency set created_at = now() - interval '25 hours' returning 1")
    again = api.post("/api/sms/send", json=curly, headers={"Idempotency-Key": "k-1"})
    assert (again.status_code, again.get_json()["id"]) == (202, first["id"])


# --- what is not permitted, and what would be too late ---


def test_a_text_that_a_rule_forbids_is_kept_with_the_decision_and_refused(api: Api, rt: Runtime):
    opted_out(rt)
    answer = api.post("/api/sms/send", json=TEXT)
    assert (answer.status_code, answer.get_json()["type"]) == (422, "/problems/not-permitted")
    assert "opt-out" in answer.get_json()["detail"]
    text = api.get(f"/api/sms/{answer.get_json()['message_id']}").get_json()
    assert (text["status"], text["send_state"], text["error_reason"]) == ("failed", "refused", "not_permitted")
    assert text["decision"]["verdict"] == "refused"
    assert {rule["rule"]: rule["verdict"] for rule in text["decision"]["rules"]}["opt-out"] == "refused"
    assert [step["step"] for step in text["steps"]] == ["refused"]
    assert rows(rt, "select 1 from jobs") == []


def test_the_same_refusal_is_given_again_for_the_same_key(api: Api, rt: Runtime):
    opted_out(rt)
    first, again = (api.post("/api/sms/send", json=TEXT, headers={"Idempotency-Key": "k-1"}) for _ in range(2))
    assert (again.status_code, again.data, again.mimetype) == (422, first.data, "application/problem+json")
    assert again.headers["Idempotent-Replayed"] == "true"
    rows(rt, "update idempotency set created_at = now() - interval '25 hours' returning 1")
    later = api.post("/api/sms/send", json=TEXT, headers={"Idempotency-Key": "k-1"})
    assert (later.status_code, later.get_json()["message_id"]) == (422, first.get_json()["message_id"])
    assert one(rt, "select count(*) from messages") == 1


def test_a_sibling_service_is_told_of_a_refusal_in_its_own_words(api: Api, rt: Runtime):
    opted_out(rt)
    answer = ask_internal(api, TEXT, **KEY)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (422, "NOT_PERMITTED")
    assert one(rt, "select send_state from messages") == "refused"


def a_backlog(rt: Runtime, segments: int) -> None:
    """So many segments wait at BUSINESS, in the first lane."""
    rows(
        rt,
        """
        insert into jobs (kind, ref, pace_key, lane, owner, turn, cost)
        values ('sms.send', gen_random_uuid()::text, %s, 0, 'x', 1, %s) returning 1
        """,
        BUSINESS, segments,
    )  # fmt: skip


def test_a_text_that_would_leave_too_late_is_refused_and_its_key_stays_free(api: Api, rt: Runtime):
    a_backlog(rt, 100)
    headers = {"Idempotency-Key": "k-1"}
    answer = api.post("/api/sms/send", json=TEXT | {"validity_s": 60}, headers=headers)
    assert (answer.status_code, answer.get_json()["type"]) == (422, "/problems/queue-too-long")
    assert moment(answer.get_json()["estimated_send_at"]) > moment(answer.get_json()["expires_at"])
    assert rows(rt, "select 1 from messages") == []
    assert api.post("/api/sms/send", json=TEXT | {"validity_s": 600}, headers=headers).status_code == 202


def test_the_estimate_counts_what_waits_at_the_pace_of_the_sender(api: Api, rt: Runtime):
    a_backlog(rt, 100)
    with rt.db.connection() as conn:
        senders.put(conn, Sender(BUSINESS, "long-code", segments_per_s=10.0))
    text = api.post("/api/sms/send", json=TEXT).get_json()
    waits_s = (moment(text["estimated_send_at"]) - moment(text["created_at"])).total_seconds()
    assert 9 < waits_s < 11


# --- looking texts up ---


def test_a_text_tells_its_steps_and_our_attempts(api: Api, rt: Runtime):
    sent = api.post("/api/sms/send", json=TEXT).get_json()
    hand_over(rt, sent["id"])
    text = api.get(f"/api/sms/{sent['id']}").get_json()
    assert [(step["step"], step["status"]) for step in text["steps"]] == [("accepted", None), ("status", "queued")]
    assert text["attempts"]["count"] == 0
    assert (text["send_state"], text["is_conflicted"], text["price"]) == ("handed", False, None)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("to=%2B12125550142", 2), ("to=%2B12125550143", 0), ("from=%2B14155550100", 2), ("purpose=conversation", 1),
        ("status=canceled", 1), ("status=queued", 1), ("send_state=canceled", 1), ("direction=inbound", 0),
        (f"tenant_id={TENANT}", 1), ("error_code=30003", 0), ("created_after=2020-01-01T00:00:00Z", 2),
        ("created_before=2020-01-01T00:00:00Z", 0), ("bulk_id=7b0f6f3e-2f0a-4c1e-9d56-0a4f4d1f0001", 0),
    ],
)  # fmt: skip
def test_a_list_is_of_what_was_looked_for(api: Api, query: str, found: int):
    api.post("/api/sms/send", json=TEXT | {"purpose": "conversation"})
    other = api.post("/api/sms/send", json=TEXT | {"tenant_id": TENANT}).get_json()
    api.post(f"/api/sms/{other['id']}/cancel")
    assert len(api.get(f"/api/sms?{query}").get_json()["data"]) == found


def test_the_pages_of_a_list_keep_its_filters(api: Api):
    for purpose in ("conversation", "transactional") * 3:
        api.post("/api/sms/send", json=TEXT | {"purpose": purpose})
    since = "2020-01-01T00%3A00%3A00%2B00%3A00"
    path, seen = f"/api/sms?purpose=conversation&from=%2B14155550100&created_after={since}&limit=2", []
    while path:
        page = api.get(path)
        seen += [text["purpose"] for text in page.get_json()["data"]]
        path = page.headers["Link"].partition(">")[0][1:] if "Link" in page.headers else ""
    assert seen == ["conversation"] * 3


def test_a_cursor_is_no_cursor_of_another_filter(api: Api):
    for _ in range(2):
        api.post("/api/sms/send", json=TEXT)
    cursor = api.get("/api/sms?limit=1&purpose=transactional").get_json()["next_cursor"]
    assert api.get(f"/api/sms?limit=1&purpose=conversation&cursor={cursor}").status_code == 422


# --- calling off, and settling ---


def test_what_has_not_left_is_called_off_once_and_for_all(api: Api, rt: Runtime):
    sent = api.post("/api/sms/send", json=TEXT).get_json()
    answer, again = (api.post(f"/api/sms/{sent['id']}/cancel") for _ in range(2))
    assert (answer.status_code, answer.get_json()["status"]) == (200, "canceled")
    assert (again.status_code, again.get_json()) == (200, answer.get_json())
    assert [step["step"] for step in answer.get_json()["steps"]] == ["accepted", "canceled"]
    assert rows(rt, "select state, last_error from jobs") == [("done", "canceled")]


def test_what_is_on_its_way_cannot_be_called_off(api: Api, rt: Runtime):
    sent = api.post("/api/sms/send", json=TEXT).get_json()
    with rt.db.connection() as conn:
        departures.begin(conn, [(message_id(sent), [], None)])
    answer = api.post(f"/api/sms/{sent['id']}/cancel")
    assert (answer.status_code, answer.get_json()["send_state"]) == (409, "sending")
    assert one(rt, "select state from jobs") == "due"


def test_what_does_not_exist_cannot_be_called_off(api: Api):
    assert api.post("/api/sms/7b0f6f3e-0000-4c1e-9d56-0a4f4d1f0001/cancel").status_code == 404


def message_id(sent: dict[str, Any]) -> Any:
    from uuid import UUID

    return UUID(sent["id"])


def parked(api: Api, rt: Runtime) -> str:
    sent = api.post("/api/sms/send", json=TEXT).get_json()
    with rt.db.connection() as conn:
        departures.begin(conn, [(message_id(sent), [], None)])
        messages.mark_parked(conn, message_id(sent), "no answer")
    rows(rt, "update jobs set state = 'failed', finished_at = now() returning 1")
    return sent["id"]


def test_calling_off_under_a_key_is_told_again(api: Api, rt: Runtime):
    path = f"/api/sms/{api.post('/api/sms/send', json=TEXT).get_json()['id']}/cancel"
    first, again = (api.post(path, headers={"Idempotency-Key": "off-1"}) for _ in range(2))
    assert (again.status_code, again.data, again.headers["Idempotent-Replayed"]) == (200, first.data, "true")
    assert api.post(path, json={"why": "x"}).get_json()["errors"][0]["pointer"] == "#/why"


def test_a_person_lets_a_parked_text_be_sent_again(api: Api, rt: Runtime):
    text_id = parked(api, rt)
    answer = api.post(f"/api/sms/{text_id}/resolve", json={"action": "resend"})
    assert (answer.status_code, answer.get_json()["send_state"]) == (200, "queued")
    assert answer.get_json()["steps"][-1]["detail"] == {"resolved_by": "crm"}
    assert rows(rt, "select state, attempts from jobs") == [("due", 0)]


def test_a_person_lets_a_parked_text_be(api: Api, rt: Runtime):
    text_id = parked(api, rt)
    answer = api.post(f"/api/sms/{text_id}/resolve", json={"action": "cancel"})
    assert (answer.status_code, answer.get_json()["status"]) == (200, "canceled")
    again = api.post(f"/api/sms/{text_id}/resolve", json={"action": "resend"})
    assert (again.status_code, again.get_json()["send_state"]) == (409, "canceled")


# --- previews ---


def test_a_preview_tells_what_a_text_would_cost_and_keeps_nothing(api: Api, rt: Runtime):
    with rt.db.connection() as conn:
        numbers.put(conn, Number(BUSINESS, TENANT))
    told = api.post(
        "/api/sms/preview", json={"to": CUSTOMER, "tenant_id": TENANT, "body": "See you at nine – I’ll wait"}
    ).get_json()
    assert (told["encoding"], told["segments"], told["segment_characters"]) == ("UCS-2", 1, [27])
    assert [(each["code"], each["positions"]) for each in told["forcing"]] == [("U+2013", [16]), ("U+2019", [19])]
    assert told["smart"] == {"body": "See you at nine - I'll wait", "segments_saved": 0}
    assert (told["sender"]["sender"], told["sender"]["segments_per_s"]) == (BUSINESS, 1.0)
    assert (told["price_class"], told["recipient"]["region"]) == ("sms-domestic", "US")
    assert (told["decision"]["verdict"], told["would_be_refused"]) == ("allowed", None)
    for table in ("messages", "jobs", "sticky_senders"):
        assert rows(rt, f"select 1 from {table}") == []


def test_a_preview_tells_why_a_text_would_be_refused(api: Api, rt: Runtime):
    opted_out(rt)
    told = api.post("/api/sms/preview", json=TEXT).get_json()
    assert (told["decision"]["verdict"], told["would_be_refused"]) == ("refused", "not_permitted")


def test_a_preview_of_words_alone_needs_nobody(api: Api):
    told = api.post("/api/sms/preview", json={"body": "Hi " * 100}).get_json()
    assert (told["segments"], told["encoding"], told["sender"]) == (2, "GSM-7", None)
