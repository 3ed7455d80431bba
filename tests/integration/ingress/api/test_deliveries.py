"""Deliveries, dead letters and replays through the API: seen, told again, called off, and by whom."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.db import endpoints, notifications, relay
from shared.db.endpoints import Endpoint
from shared.db.notifications import Notice
from shared.db.relay import Attempt
from shared.runtime import Runtime

from .conftest import TENANT, Api, new_key

pytestmark = pytest.mark.made_up_notices

HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)
RANGE = {"since": (HOUR_AGO - timedelta(hours=1)).isoformat(), "until": (HOUR_AGO + timedelta(minutes=30)).isoformat()}


def subscribe(rt: Runtime, id_: str = "crm", tenant: str | None = None, adapter: Any = "standard") -> None:
    with rt.db.connection() as conn:
        endpoints.put(conn, Endpoint(id_, f"https://{id_}.example.com", adapter, "whsec_c2VjcmV0", [], tenant, True))


def happen(
    rt: Runtime, count: int = 1, *, type_: str = "call.status", tenant: str = TENANT, first: int = 0
) -> list[str]:
    notices = [
        Notice(type=type_, subject=f"s{n}", tenant_id=tenant, order_key=f"k{n}", data={"n": n, "word": "über"})
        for n in range(first, first + count)
    ]
    with rt.db.connection() as conn:
        notifications.notify_all(conn, notices)
        conn.execute("update notifications set created_at = %s where subject = any(%s)",
                     (HOUR_AGO, [notice.subject for notice in notices]))  # fmt: skip
    return [str(notice.id) for notice in notices]


def die(rt: Runtime) -> list[int]:
    """Everything that waits has been given up."""
    with rt.db.connection() as conn:
        ids = [row[0] for row in conn.execute("select id from deliveries where outcome is null order by id")]
        relay.record(conn, [
            Attempt(delivery_id=id_, nth=1, at=HOUR_AGO, duration_ms=12, http_status=500, error="http_500", answer="down")
            for id_ in ids
        ])  # fmt: skip
        notifications.finish(conn, ids, outcome="failed")
        conn.execute("update jobs set state = 'failed', finished_at = now() where state = 'due'")
    return ids


def bound(rt: Runtime, api: Api, tenant: str) -> Api:
    key = new_key(rt, client="theirs")
    with rt.db.connection() as conn:
        conn.execute("update api_keys set tenant_id = %s where id = %s", (tenant, key.key_id))
    return Api(api.client, key.text)


def delete(api: Api, path: str) -> Any:
    return api._ask("DELETE", path)


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["type"]


class TestDeliveries:
    def test_they_are_listed_newest_first_by_filter_and_page(self, api: Api, rt: Runtime):
        subscribe(rt)
        happen(rt, 3)
        dead = die(rt)
        happen(rt, 2, type_="sms.sent", first=10)
        found = api.get("/api/deliveries").get_json()["data"]
        assert [one["subject"] for one in found] == ["s11", "s10", "s2", "s1", "s0"]
        first = api.get("/api/deliveries?state=failed&limit=2")
        assert [one["id"] for one in first.get_json()["data"]] == dead[:0:-1]
        rest = api.get(first.headers["Link"].split(">")[0][1:]).get_json()
        assert ([one["id"] for one in rest["data"]], rest["has_more"]) == (dead[:1], False)
        for filters, count in (
            ("state=waiting", 2), ("type=sms.sent", 2), ("subject=s1", 1), ("endpoint_id=other", 0),
            ("state=failed&tenant_id=somebody", 0), (f"notification_id={found[0]['notification_id']}", 1),
            ("since=2999-01-01T00:00:00Z", 0), ("until=2999-01-01T00:00:00Z", 5), ("state=delivered", 0),
        ):  # fmt: skip
            assert len(api.get(f"/api/deliveries?{filters}").get_json()["data"]) == count, filters

    def test_one_is_shown_with_the_text_that_is_sent_and_its_attempts(self, api: Api, rt: Runtime):
        subscribe(rt)
        (notification_id,) = happen(rt)
        (dead,) = die(rt)
        shown = api.get(f"/api/deliveries/{dead}").get_json()
        assert (shown["state"], shown["reason"], shown["attempts"], shown["next_at"]) == ("failed", "http_500", 1, None)
        body = {"type": "call.status", "timestamp": HOUR_AGO.isoformat(), "data": {"n": 0, "word": "über"}}
        assert shown["body"] == json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        (made,) = shown["attempts_made"]
        assert (made["nth"], made["duration_ms"], made["http_status"], made["answer"]) == (1, 12, 500, "down")
        assert api.get(f"/api/notifications/{notification_id}").get_json()["body"] == shown["body"]
        (listed,) = api.get(f"/api/notifications/{notification_id}/deliveries").get_json()["data"]
        assert listed["id"] == dead
        (attempt,) = api.get(f"/api/notifications/{notification_id}/attempts").get_json()["data"]
        assert (attempt["endpoint_id"], attempt["delivery_id"], attempt["error"]) == ("crm", dead, "http_500")

    def test_one_that_waits_says_for_what(self, api: Api, rt: Runtime):
        subscribe(rt)
        with rt.db.connection() as conn:
            for n in range(2):
                notifications.notify(conn, "call.status", subject=f"s{n}", tenant_id=TENANT, order_key="k", data={})
        newer, older = api.get("/api/deliveries").get_json()["data"]
        assert (older["is_behind"], newer["is_behind"]) == (False, True)
        assert older["next_at"] is not None

    def test_a_sibling_of_the_platform_is_shown_its_own_words(self, api: Api, rt: Runtime):
        subscribe(rt, "as-call", adapter="as-call-service")
        data = {"call_sid": "CA1", "from": "+12125550142", "to": "+14155550100", "direction": "inbound",
                "tenant_id": TENANT, "started_at": "2026-01-01T00:00:00Z"}  # fmt: skip
        with rt.db.connection() as conn:
            notifications.notify(conn, "call.incoming", subject="CA1", tenant_id=TENANT, order_key="k", data=data)
            notifications.notify(conn, "call.status", subject="CA1", tenant_id=TENANT, order_key="k", data=data)
        newer, older = api.get("/api/deliveries").get_json()["data"]
        assert json.loads(api.get(f"/api/deliveries/{older['id']}").get_json()["body"])["callSid"] == "CA1"
        assert api.get(f"/api/deliveries/{newer['id']}").get_json()["body"] is None

    @pytest.mark.parametrize(
        "path",
        [
            "/api/deliveries/1",
            f"/api/deliveries/{2**70}",
            "/api/notifications/" + "0" * 36,
            "/api/notifications/6d0f2e62-68a4-4f64-8d2b-6d3a6d4a2f11/attempts",
            "/api/replays/1",
            f"/api/replays/{2**70}",
        ],
    )
    def test_what_is_not_there_is_404(self, api: Api, path: str):
        assert api.get(path).status_code == 404


class TestRedrive:
    def test_one_waits_again_and_the_same_again_changes_nothing(self, api: Api, rt: Runtime):
        subscribe(rt)
        happen(rt)
        (dead,) = die(rt)
        for _ in range(2):
            shown = api.post(f"/api/deliveries/{dead}/redrive").get_json()
            assert (shown["state"], shown["is_behind"], shown["attempts"]) == ("waiting", False, 1)
        with rt.db.connection() as conn:
            jobs = conn.execute("select state, attempts, group_key from jobs").fetchall()
            audited = conn.execute("select action, actor, subject from audit").fetchall()
        assert jobs == [("due", 0, "crm")]
        assert audited == [("delivery.redriven", "api:crm", f"delivery:{dead}")]

    def test_what_arrived_is_none(self, api: Api, rt: Runtime):
        subscribe(rt)
        happen(rt)
        with rt.db.connection() as conn:
            ((id_,),) = conn.execute("update deliveries set outcome = 'delivered' returning id").fetchall()
        refused = api.post(f"/api/deliveries/{id_}/redrive")
        assert problem(refused) == (409, "/problems/wrong-state")
        assert refused.get_json()["state"] == "delivered"

    def test_an_endpoint_that_is_told_nothing_is_refused_with_what_to_do(self, api: Api, rt: Runtime):
        subscribe(rt)
        happen(rt)
        (dead,) = die(rt)
        with rt.db.connection() as conn:
            endpoints.disable(conn, "crm", "failing")
        for refused in (
            api.post(f"/api/deliveries/{dead}/redrive"),
            api.post("/api/deliveries/redrive", json={"endpoint_id": "crm", "dry_run": False}),
            api.post("/api/endpoints/crm/replays", json=RANGE),
        ):
            assert problem(refused) == (409, "/problems/endpoint-closed")
            assert "enable it" in refused.get_json()["detail"]
        looked = api.post("/api/deliveries/redrive", json={"endpoint_id": "crm"}).get_json()
        assert (looked["matching"], looked["left"], looked["refused"][0]["count"]) == (1, 0, 1)

    def test_by_filter_a_dry_run_first_then_some_at_a_time(self, api: Api, rt: Runtime):
        subscribe(rt)
        happen(rt, 3)
        happen(rt, 2, type_="sms.sent", first=10)
        dead = die(rt)
        asked = {"endpoint_id": "crm", "type": "call.status", "reason": "http_500", **RANGE}
        dry = api.post("/api/deliveries/redrive", json=asked).get_json()
        assert (dry["dry_run"], dry["matching"], dry["redriven"], dry["left"]) == (True, 3, 0, 3)
        assert dry["counts"] == [{"endpoint_id": "crm", "type": "call.status", "reason": "http_500", "count": 3}]
        assert dry["sample"] == dead[:3]
        assert len(api.get("/api/deliveries?state=waiting").get_json()["data"]) == 0
        done = api.post("/api/deliveries/redrive", json=asked | {"dry_run": False, "limit": 2}).get_json()
        assert (done["redriven"], done["left"]) == (2, 1)
        again = api.post("/api/deliveries/redrive", json=asked | {"dry_run": False}).get_json()
        assert (again["matching"], again["redriven"], again["left"]) == (1, 1, 0)
        assert {one["type"] for one in api.get("/api/deliveries?state=failed").get_json()["data"]} == {"sms.sent"}

    def test_the_same_key_gets_the_same_answer(self, api: Api, rt: Runtime):
        subscribe(rt)
        happen(rt)
        die(rt)
        asked = {"endpoint_id": "crm", "dry_run": False}
        one, two = (
            api.post("/api/deliveries/redrive", json=asked, headers={"Idempotency-Key": "r-1"}) for _ in range(2)
        )
        assert one.get_json() == two.get_json()
        assert two.headers["Idempotent-Replayed"] == "true"

    @pytest.mark.parametrize(
        "body", [{}, {"dry_run": False}, {"endpoint_id": "crm", "limit": 501}, {"type": "x"}, {"what": 1}]
    )
    def test_a_filter_is_needed(self, api: Api, rt: Runtime, body: dict[str, Any]):
        subscribe(rt)
        assert api.post("/api/deliveries/redrive", json=body).status_code == 422


class TestReplays:
    def test_looked_at_begun_watched_and_called_off(self, api: Api, rt: Runtime):
        happen(rt, 4)
        subscribe(rt)
        plan = api.post("/api/endpoints/crm/replays", json=RANGE | {"rate_per_s": 2}).get_json()
        assert plan == {"endpoint_id": "crm", "matching": 4, "is_exact": True, "takes_s": 2.0}
        begun = api.post("/api/endpoints/crm/replays", json=RANGE | {"rate_per_s": 2, "dry_run": False})
        assert begun.status_code == 202
        shown = api.get(begun.headers["Location"]).get_json()
        assert (shown["state"], shown["made"], shown["remaining"], shown["takes_s"]) == ("running", 0, 4, 2.0)
        assert (shown["outcomes"], shown["asked_by"]) == (["failed", "missing"], "api:crm")
        (listed,) = api.get("/api/endpoints/crm/replays").get_json()["data"]
        assert listed["id"] == shown["id"]
        for _ in range(2):
            ended = delete(api, begun.headers["Location"]).get_json()
            assert (ended["state"], ended["canceled_why"]) == ("canceled", "asked")
        with rt.db.connection() as conn:
            audited = conn.execute("select action, actor from audit order by id").fetchall()
            jobs = conn.execute("select kind, ref from jobs").fetchall()
        assert audited == [("replay.started", "api:crm"), ("replay.canceled", "api:crm")]
        assert jobs == [("replay.expand", str(shown["id"]))]

    @pytest.mark.parametrize("changed", [
        {"until": "2999-01-01T00:00:00Z"}, {"since": RANGE["until"]}, {"since": None}, {"rate_per_s": 0}, {"rate_per_s": 501},
        {"outcomes": []}, {"outcomes": ["skipped"]}, {"types": ["no.such"]}, {"since": "2026-01-01T00:00:00"}, {"more": 1},
    ])  # fmt: skip
    def test_what_makes_no_sense_is_refused(self, api: Api, rt: Runtime, changed: dict[str, Any]):
        subscribe(rt)
        assert api.post("/api/endpoints/crm/replays", json=RANGE | changed).status_code == 422

    def test_of_no_endpoint_there_is_none(self, api: Api):
        assert api.post("/api/endpoints/crm/replays", json=RANGE).status_code == 404
        assert api.get("/api/endpoints/crm/replays").status_code == 404


class TestWhoMay:
    def test_a_key_of_one_tenant_sees_and_redrives_its_own_alone(self, api: Api, rt: Runtime):
        subscribe(rt, "everybody")
        subscribe(rt, "mine", TENANT)
        subscribe(rt, "theirs", "other")
        mine = happen(rt)
        happen(rt, tenant="other", first=1)
        die(rt)
        key = bound(rt, api, TENANT)
        (seen,) = key.get("/api/deliveries").get_json()["data"]
        assert (seen["endpoint_id"], seen["notification_id"]) == ("mine", mine[0])
        assert len(key.get(f"/api/notifications/{mine[0]}/deliveries").get_json()["data"]) == 1
        assert {one["endpoint_id"] for one in key.get(f"/api/notifications/{mine[0]}/attempts").get_json()["data"]} == {
            "mine"
        }
        others = [one for one in api.get("/api/deliveries").get_json()["data"] if one["endpoint_id"] != "mine"]
        for one in others:
            assert key.get(f"/api/deliveries/{one['id']}").status_code == 404
            assert key.post(f"/api/deliveries/{one['id']}/redrive").status_code == 404
        other = next(one for one in others if one["tenant_id"] == "other")
        assert key.get(f"/api/notifications/{other['notification_id']}").status_code == 404
        assert key.post("/api/deliveries/redrive", json={"endpoint_id": "theirs"}).status_code == 404
        done = key.post("/api/deliveries/redrive", json={"reason": "http_500", "dry_run": False}).get_json()
        assert (done["matching"], done["redriven"]) == (1, 1)

    def test_a_key_of_one_tenant_replays_to_its_own_endpoints_alone(self, api: Api, rt: Runtime):
        happen(rt, 2)
        happen(rt, tenant="other", first=5)
        subscribe(rt, "mine", TENANT)
        subscribe(rt, "theirs", "other")
        key = bound(rt, api, TENANT)
        assert key.post("/api/endpoints/mine/replays", json=RANGE).get_json()["matching"] == 2
        for id_ in ("theirs", "nobodys"):
            assert key.post(f"/api/endpoints/{id_}/replays", json=RANGE).status_code == 404
        begun = api.post("/api/endpoints/theirs/replays", json=RANGE | {"dry_run": False}).headers["Location"]
        assert key.get(begun).status_code == 404
        assert delete(key, begun).status_code == 404

    def test_the_scopes(self, api: Api, rt: Runtime):
        subscribe(rt)
        reader = Api(api.client, new_key(rt, client="reader", scopes=["events:read"]).text)
        other = Api(api.client, new_key(rt, client="other", scopes=["events:replay"]).text)
        assert reader.get("/api/deliveries").status_code == 200
        assert other.get("/api/deliveries").status_code == 403
        for path, body in (
            ("/api/deliveries/redrive", {"endpoint_id": "crm"}), ("/api/endpoints/crm/replays", RANGE),
            ("/api/deliveries/1/redrive", {}),
        ):  # fmt: skip
            assert reader.post(path, json=body).get_json()["scope"] == "events:replay"
        assert other.post("/api/endpoints/crm/replays", json=RANGE).status_code == 200
