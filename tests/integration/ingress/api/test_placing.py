"""Calls that we are asked to place: kept with the decision before the answer, refused with the reason."""

from datetime import UTC, datetime
from threading import Thread
from typing import Any
from uuid import UUID

import pytest

from shared.db import numbers, opt_outs, placed_calls
from shared.domain.routing import Number, RecordingPolicy, Routing
from shared.runtime import Runtime

from .conftest import BUSINESS, CUSTOMER, TENANT, Api, a_call, user_token

OTHER, OWNER, SID = "+14155550101", "+14155550199", "CA" + "5" * 32
CALL = {"to": CUSTOMER, "from": BUSINESS, "say": "Hello"}
CONNECT = {"to": CUSTOMER, "from": BUSINESS, "connect_to": OWNER}


@pytest.fixture(autouse=True)
def ours(rt: Runtime) -> None:
    with rt.db.connection() as conn:
        numbers.put(conn, Number(BUSINESS, TENANT))
        numbers.put(conn, Number(OTHER, "other"))


def rows(rt: Runtime) -> list[Any]:
    with rt.db.connection() as conn:
        return conn.execute("select state, error_reason from placed_calls order by created_at").fetchall()


def promised(rt: Runtime) -> list[Any]:
    with rt.db.connection() as conn:
        return conn.execute("select kind, ref, state from jobs").fetchall()


def plan_of(rt: Runtime) -> dict[str, Any]:
    with rt.db.connection() as conn:
        return conn.execute("select plan from placed_calls").fetchone()[0]  # type: ignore[index]


def test_a_call_is_kept_and_promised_before_it_is_answered(api: Api, rt: Runtime):
    answer = api.post("/api/calls", json=CALL)
    shown = answer.get_json()
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/api/calls/{shown['id']}")
    assert (shown["state"], shown["tenant_id"], shown["purpose"], shown["client"]) == (
        "queued", TENANT, "conversation", "crm",
    )  # fmt: skip
    assert shown["plan"] == {
        "connect_to": None, "say": "Hello", "ring_s": 30, "record": False, "machine_detection": False,
    }  # fmt: skip
    assert shown["decision"]["verdict"] == "allowed"
    assert promised(rt) == [("call.place", shown["id"], "due")]
    assert rt.redis.llen("calls") == 1


def test_before_twilio_has_it_a_call_is_shown_by_its_id(api: Api, rt: Runtime):
    call_id = api.post("/api/calls", json=CALL).get_json()["id"]
    shown = api.get(f"/api/calls/{call_id}").get_json()
    assert (shown["id"], shown["call_sid"], shown["status"], shown["direction"]) == (
        call_id, None, "queued", "outbound-api",
    )  # fmt: skip
    assert shown["placed"]["state"] == "queued"
    assert api.get(f"/api/calls/{call_id}", headers=user_token()).status_code == 200
    assert api.get(f"/api/calls/{call_id}", headers=user_token("other")).status_code == 404


def placed(rt: Runtime, call_id: str) -> None:
    a_call(rt, call_sid=SID, from_number=BUSINESS, to_number=CUSTOMER, direction="outbound-api", status="ringing")
    with rt.db.connection() as conn:
        assert placed_calls.note_sid(conn, UUID(call_id), SID)


def test_once_twilio_has_it_the_same_id_shows_the_call_itself(api: Api, rt: Runtime):
    call_id = api.post("/api/calls", json=CALL).get_json()["id"]
    placed(rt, call_id)
    for name in (call_id, SID):
        shown = api.get(f"/api/calls/{name}").get_json()
        assert (shown["id"], shown["call_sid"], shown["status"], shown["placed"]["state"]) == (
            call_id, SID, "ringing", "placed",
        )  # fmt: skip
    assert api.post(f"/api/calls/{call_id}/end").status_code == 202
    assert promised(rt)[-1] == ("call.end", SID, "due")


def test_who_prefers_to_wait_learns_its_sid(api: Api, rt: Runtime):
    def work() -> None:
        if rt.redis.brpop(["calls"], timeout=10):
            with rt.db.connection() as conn:
                [(call_id,)] = conn.execute("select id::text from placed_calls").fetchall()
            placed(rt, call_id)

    worker = Thread(target=work)
    worker.start()
    answer = api.post("/api/calls", json=CALL, headers={"Prefer": "wait=5"})
    worker.join()
    assert (answer.status_code, answer.get_json()["call_sid"]) == (202, SID)


def test_a_call_that_has_not_left_is_called_off_at_once(api: Api, rt: Runtime):
    call_id = api.post("/api/calls", json=CALL).get_json()["id"]
    for _ in range(2):
        answer = api.post(f"/api/calls/{call_id}/end")
        assert (answer.status_code, answer.get_json()["ended"], answer.get_json()["status"]) == (200, True, "canceled")
    assert [kind for kind, _, _ in promised(rt)] == ["call.place"]


def test_a_call_whose_request_is_under_way_is_ended_when_its_sid_is_known(api: Api, rt: Runtime):
    call_id = api.post("/api/calls", json=CALL).get_json()["id"]
    with rt.db.connection() as conn:
        assert placed_calls.begin(conn, UUID(call_id), {})
    answer = api.post(f"/api/calls/{call_id}/end")
    assert (answer.status_code, answer.get_json()["ending"]) == (202, True)
    assert promised(rt)[-1] == ("call.end", call_id, "due")


@pytest.mark.parametrize("path", ["redirect", "recording/start"])
def test_what_twilio_does_not_have_is_not_controlled(api: Api, path: str):
    call_id = api.post("/api/calls", json=CALL).get_json()["id"]
    assert api.post(f"/api/calls/{call_id}/{path}", json={"say": "x"} if path == "redirect" else {}).status_code == 409


def test_the_same_key_is_one_call_and_another_body_under_it_is_refused(api: Api, rt: Runtime):
    key = {"Idempotency-Key": "k-1"}
    first, again = (api.post("/api/calls", json=CALL, headers=key) for _ in range(2))
    assert (first.data, again.headers["Idempotent-Replayed"]) == (again.data, "true")
    assert api.post("/api/calls", json=CALL | {"say": "Bye"}, headers=key).status_code == 422
    assert len(rows(rt)) == 1


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"to": "0155"}, "#/to"), ({"to": BUSINESS}, "#/to"), ({"from": OTHER, "tenant_id": TENANT}, "#/from"),
        ({"from": "+14155550777"}, "#/from"), ({"say": None}, "#/connect_to"), ({"ring_s": 4}, "#/ring_s"),
        ({"ring_s": 601}, "#/ring_s"), ({"record": True}, "#/record"), ({"connect_to": CUSTOMER}, "#/to"),
        ({"purpose": "fun"}, "#/purpose"), ({"validity_s": 0}, "#/validity_s"), ({"say": "a" + "&" * 1499}, "#/say"),
        ({"callback": "https://x"}, "#/callback"), ({"connect_to": "+19005550123"}, "#/connect_to"), ({"say": "..."}, "#/say"),
        ({"connect_to": BUSINESS}, "#/connect_to"),
    ],
)  # fmt: skip
def test_what_a_client_can_mend_is_named_and_nothing_is_kept(api: Api, rt: Runtime, change: Any, where: str):
    answer = api.post("/api/calls", json=CALL | change)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, where)
    assert (rows(rt), promised(rt)) == ([], [])


def test_a_sip_address_over_tls_is_rung_as_one(api: Api, rt: Runtime):
    assert api.post("/api/calls", json=CALL | {"connect_to": "sips:ann@example.com"}).status_code == 202
    assert ">sips:ann@example.com</Sip>" in plan_of(rt)["twiml"]


def test_without_from_it_comes_from_the_tenants_own_number(api: Api):
    asked = {"to": CUSTOMER, "say": "Hello", "tenant_id": TENANT}
    assert api.post("/api/calls", json=asked).get_json()["from"] == BUSINESS
    assert api.post("/api/calls", json=asked | {"tenant_id": "nobody"}).status_code == 422


def test_a_stop_to_a_text_forbids_calls_too(api: Api, rt: Runtime):
    with rt.db.connection() as conn:
        opt_outs.add(conn, number=CUSTOMER, scope=BUSINESS, source="keyword", at=datetime.now(UTC))
    answer = api.post("/api/calls", json=CALL, headers={"Idempotency-Key": "k"})
    refusal = answer.get_json()
    assert (answer.status_code, refusal["type"]) == (422, "/problems/not-permitted")
    assert [rule["rule"] for rule in refusal["rules"] if rule["verdict"] == "refused"] == ["opt-out"]
    assert (rows(rt), promised(rt)) == ([("refused", "not_permitted")], [])
    shown = api.get(f"/api/calls/{refusal['call_id']}").get_json()
    assert (shown["status"], shown["placed"]["decision"]["verdict"]) == ("failed", "refused")
    assert api.post(f"/api/calls/{refusal['call_id']}/end").get_json()["ended"]


def test_the_fourth_marketing_call_of_a_day_is_told_when_it_could_be_asked_for(api: Api, rt: Runtime):
    floridian = "+13055550142"
    with rt.db.connection() as conn:
        for _ in range(3):
            conn.execute(
                "insert into placed_calls (client, tenant_id, from_number, to_number, purpose, plan, state, call_sid,"
                " placing_since, expires_at) values ('crm', %s, %s, %s, 'marketing', '{}', 'placed',"
                " gen_random_uuid()::text, now(), now())",
                (TENANT, BUSINESS, floridian),
            )
    answer = api.post("/api/calls", json=CALL | {"to": floridian, "purpose": "marketing"})
    refusal = answer.get_json()
    verdicts = {rule["rule"]: rule["verdict"] for rule in refusal["rules"]}
    assert (answer.status_code, verdicts["frequency"], verdicts["consent.marketing"]) == (422, "held", "refused")


def test_what_is_recorded_needs_a_ground_which_goes_with_the_call(api: Api, rt: Runtime):
    answer = api.post("/api/calls", json=CONNECT | {"record": True, "consent": "obtained"})
    assert answer.status_code == 202
    plan = plan_of(rt)
    assert (plan["consent"]["consent"], plan["consent"]["rule"]["asserted_by"]) == ("asserted", "crm")
    assert "record-from-answer-dual" in plan["twiml"]
    placed(rt, answer.get_json()["id"])
    shown = api.get(f"/api/calls/{SID}").get_json()
    assert (shown["recording_wanted"], shown["consent"]["state"]) == (True, "asserted")


def test_a_notice_comes_first_where_the_law_asks_for_one(api: Api, rt: Runtime):
    assert api.post("/api/calls", json=CONNECT | {"record": True, "say": "Hello"}).status_code == 202
    document = plan_of(rt)["twiml"]
    assert document.index("This call may be recorded.") < document.index("Hello") < document.index("<Dial")
    assert plan_of(rt)["consent"]["consent"] == "announced"


def test_a_number_whose_people_press_a_key_first_records_no_call_that_it_places(api: Api, rt: Runtime):
    with rt.db.connection() as conn:
        numbers.put(conn, Number(BUSINESS, TENANT, Routing(recording=RecordingPolicy(consent="press"))))
    answer = api.post("/api/calls", json=CONNECT | {"record": True})
    assert (answer.status_code, answer.get_json()["type"]) == (409, "/problems/consent-required")
    assert rows(rt) == []
