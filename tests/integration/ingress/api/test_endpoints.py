"""Endpoints through the API: made, seen, changed, rotated, tested, deleted; whose they are; and that no secret gets out."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from ops.manage.keys import mint
from shared.db import audit, delivery_attempts, endpoints, notifications, relay
from shared.db.relay import Attempt
from shared.domain.endpoint_secret import checked_secret
from shared.domain.notices import FOR_AS_CALL
from shared.endpoint_care import MOST_OF_TENANT
from shared.notice_examples import EXAMPLES
from shared.runtime import Runtime

from .conftest import TENANT, Api, new_key, user_token

MISSED = dict(EXAMPLES["call.missed"]["data"])
URL, OTHER_URL = "https://hooks.example.com/in", "https://other.example.com/in"
AS_CALL_URL = "https://as-call.example.com"  # TS_EVENT_ALLOW names it
SECRET, SECOND = "whsec_" + "A" * 32, "whsec_" + "B" * 32
READ, WRITE = {"endpoints:read"}, {"endpoints:write"}
PASSWORD = "Basic c2VjcmV0"


def add(api: Api, **said: Any) -> dict[str, Any]:
    made = api.post("/api/endpoints", json={"url": URL} | said)
    assert made.status_code == 201, made.text
    return made.get_json()


def patch(api: Api, id_: str, said: Any, **headers: str) -> TestResponse:
    return api._ask("PATCH", f"/api/endpoints/{id_}", json=said, headers=headers)


def delete(api: Api, id_: str) -> TestResponse:
    return api._ask("DELETE", f"/api/endpoints/{id_}")


def bound(api: Api, rt: Runtime, tenant: str = TENANT) -> Api:
    """A client whose key is good for one tenant."""
    with rt.db.connection() as conn:
        key = mint(conn, env="test", client="tenants", scopes=[*READ, *WRITE], tenant_id=tenant)
    return Api(api.client, key.text)


def rows(rt: Runtime, query: Any, *values: Any) -> list[tuple[Any, ...]]:
    with rt.db.connection() as conn:
        return conn.execute(query, values).fetchall()


def happens(rt: Runtime, subject: str = "1", *, tenant: str = TENANT, order_key: str = "one") -> None:
    with rt.db.connection() as conn:
        assert notifications.notify(
            conn,
            "call.missed",
            subject=subject,
            tenant_id=tenant,
            order_key=order_key,
            data=MISSED,
        )


def told(rt: Runtime, *answers: tuple[int | None, str | None], since: datetime | None = None) -> None:
    """Every waiting delivery is tried so often, a second apart, with these answers."""
    start = since or datetime.now(UTC) - timedelta(hours=1)
    with rt.db.connection() as conn:
        waiting = [row[0] for row in conn.execute("select id from deliveries where outcome is null order by id")]
        relay.record(conn, [
            Attempt(
                delivery_id=delivery_id, nth=nth, at=start + timedelta(seconds=10 * place + nth), duration_ms=12,
                http_status=status, error=error, answer="of the receiver" if status else "",
            )
            for place, delivery_id in enumerate(waiting) for nth, (status, error) in enumerate(answers, 1)
        ])  # fmt: skip


class TestAdd:
    def test_an_endpoint_is_made_with_an_id_and_a_secret_of_its_own(self, api: Api):
        made = api.post("/api/endpoints", json={"url": URL})
        shown = made.get_json()
        assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
        assert made.headers["Location"] == f"/api/endpoints/{shown['id']}"
        checked_secret(shown["secret"])
        assert (shown["url"], shown["types"], shown["tenant_id"], shown["enabled"]) == (URL, [], None, True)
        assert (shown["concurrency"], shown["rate_per_s"], shown["health"]["circuit"]) == (8, None, "closed")
        assert add(api)["secret"] != shown["secret"]

    def test_everything_may_be_said_of_it(self, api: Api):
        said = {
            "id": "crm", "description": "the CRM", "types": ["call.missed", "sms.received"], "tenant_id": TENANT,
            "rate_per_s": 2.1, "concurrency": 3, "enabled": False,
        }  # fmt: skip
        made = add(api, **said, headers={"X-Team": "blue"}, secret=SECRET)
        shown = api.get("/api/endpoints/crm").get_json()
        assert {name: shown[name] for name in said} == said
        assert (shown["header_names"], made["secret"], shown["disabled_reason"]) == (["x-team"], SECRET, "asked")

    def test_an_id_that_is_taken_stays_with_whom_it_is(self, api: Api):
        add(api, id="crm")
        refused = api.post("/api/endpoints", json={"url": OTHER_URL, "id": "crm"})
        assert (refused.status_code, refused.get_json()["type"]) == (409, "/problems/endpoint-exists")
        assert api.get("/api/endpoints/crm").get_json()["url"] == URL

    @pytest.mark.parametrize(
        ("said", "pointers"),
        [
            ({}, ["#/url"]),
            ({"url": "http://hooks.example.com/in"}, ["#/url"]),
            ({"url": "https://10.0.0.1/"}, ["#/url"]),
            ({"url": URL, "id": "Not this"}, ["#/id"]),
            ({"url": URL, "types": ["call.mised"]}, ["#/types/0"]),
            ({"url": URL, "headers": {"webhook-id": "x"}}, ["#/headers"]),
            ({"url": URL, "headers": {"a": 1}}, ["#/headers/a/value"]),
            ({"url": URL, "secret": "whsec_short"}, ["#/secret"]),
            ({"url": URL, "secret": "A" * 32}, ["#/secret"]),
            ({"url": URL, "concurrency": 65, "rate_per_s": 0}, ["#/concurrency", "#/rate_per_s"]),
            ({"url": URL, "adapter": "other", "colour": 1}, ["#/adapter", "#/colour"]),
            ({"url": "no", "types": ["x"], "secret": "y", "enabled": "no"}, ["#/enabled", "#/secret", "#/types/0", "#/url"]),
            ({"url": AS_CALL_URL, "adapter": "as-call-service", "types": ["sms.sent"]}, ["#/types"]),
            ({"url": AS_CALL_URL, "adapter": "as-call-service", "secret": SECRET}, ["#/secret"]),
            ({"url": AS_CALL_URL, "adapter": "as-call-service", "headers": {"a": "b"}}, ["#/headers"]),
            ({"url": URL, "adapter": "as-call-service"}, ["#/url"]),
        ],
    )  # fmt: skip
    def test_every_fault_is_told_at_once_and_nothing_is_kept(self, api: Api, said: Any, pointers: list[str]):
        refused = api.post("/api/endpoints", json=said)
        assert refused.status_code == 422
        assert sorted(fault["pointer"] for fault in refused.get_json()["errors"]) == pointers
        assert api.get("/api/endpoints").get_json()["data"] == []

    def test_as_call_service_takes_its_three_types_and_has_no_secret(self, api: Api):
        made = add(api, adapter="as-call-service", url=AS_CALL_URL + "/")
        assert (made["secret"], made["types"], made["url"]) == (None, [*FOR_AS_CALL], AS_CALL_URL)
        one = add(api, adapter="as-call-service", url=AS_CALL_URL, types=["call.missed"])
        assert one["types"] == ["call.missed"]

    def test_the_same_request_again_makes_one_endpoint(self, api: Api):
        first, second = (
            api.post("/api/endpoints", json={"url": URL}, headers={"Idempotency-Key": "k"}) for _ in range(2)
        )
        assert first.get_json() == second.get_json()
        assert second.headers["Idempotent-Replayed"] == "true"
        assert len(api.get("/api/endpoints").get_json()["data"]) == 1

    def test_a_tenant_has_so_many_endpoints_and_no_more(self, api: Api, rt: Runtime):
        theirs = bound(api, rt)
        for _ in range(MOST_OF_TENANT):
            add(theirs)
        refused = theirs.post("/api/endpoints", json={"url": URL})
        assert (refused.status_code, refused.get_json()["type"]) == (409, "/problems/too-many-endpoints")
        add(api)


class TestSee:
    def test_the_list_is_read_page_by_page_by_tenant_and_by_whether_it_is_told(self, api: Api):
        for n in range(5):
            add(api, id=f"e{n}", tenant_id="t-1" if n % 2 else None, enabled=n != 3)
        first = api.get("/api/endpoints?limit=3").get_json()
        second = api.get(f"/api/endpoints?limit=3&cursor={first['next_cursor']}").get_json()
        assert [row["id"] for row in first["data"] + second["data"]] == [f"e{n}" for n in range(5)]
        assert [row["id"] for row in api.get("/api/endpoints?tenant_id=t-1").get_json()["data"]] == ["e1", "e3"]
        assert [row["id"] for row in api.get("/api/endpoints?enabled=0").get_json()["data"]] == ["e3"]
        assert len(api.get("/api/endpoints?enabled=1").get_json()["data"]) == 4
        assert api.get("/api/endpoints?enabled=yes").status_code == 422

    def test_how_it_answers_and_what_waits_is_shown(self, api: Api, rt: Runtime):
        add(api, id="crm")
        for n in range(3):
            happens(rt, str(n))
        told(rt, (503, "http_503"))
        rows(rt, "update deliveries set created_at = created_at - interval '1 minute' where id = 1 returning 1")
        rows(rt, "update deliveries set outcome = 'failed', finished_at = now() where id = 2 returning 1")
        rows(
            rt,
            "update endpoint_states set circuit = 'open', failures = 5, failing_since = now(), probe_at = now() returning 1",
        )
        shown = api.get("/api/endpoints/crm").get_json()
        assert (shown["health"]["circuit"], shown["health"]["failures"]) == ("open", 5)
        assert shown["health"]["failing_since"] == shown["health"]["probe_at"]
        assert (shown["backlog"]["waiting"], shown["backlog"]["dead_letters"]) == (2, 1)
        assert 60 <= shown["backlog"]["oldest_s"] < 600

    @pytest.mark.parametrize("id_", ["nobody", "Not%20this", "x" * 65, "%00"])
    @pytest.mark.parametrize("tail", ["", "/attempts"])
    def test_an_endpoint_that_is_not_there_is_404(self, api: Api, id_: str, tail: str):
        assert api.get(f"/api/endpoints/{id_}{tail}").status_code == 404

    def test_scopes_are_asked_for(self, api: Api, rt: Runtime):
        add(api, id="crm")
        reader = Api(api.client, new_key(rt, scopes=READ).text)
        writer = Api(api.client, new_key(rt, scopes=WRITE).text)
        assert reader.get("/api/endpoints/crm").status_code == 200
        assert writer.get("/api/endpoints/crm").get_json()["scope"] == "endpoints:read"
        for answer in (
            reader.post("/api/endpoints", json={"url": URL}), patch(reader, "crm", {}), delete(reader, "crm"),
            reader.post("/api/endpoints/crm/rotate"), reader.post("/api/endpoints/crm/test"),
        ):  # fmt: skip
            assert (answer.status_code, answer.get_json()["scope"]) == (403, "endpoints:write")
        assert api.get("/api/endpoints", headers=user_token()).status_code == 401


class TestChange:
    def test_what_is_said_changes_and_the_rest_stays(self, api: Api):
        add(api, id="crm", types=["call.missed"], rate_per_s=0.1, headers={"X-A": "1", "X-B": "2"})
        changed = patch(api, "crm", {"url": OTHER_URL, "concurrency": 2})
        assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
        shown = changed.get_json()
        assert (shown["url"], shown["concurrency"], shown["types"]) == (OTHER_URL, 2, ["call.missed"])
        assert (shown["rate_per_s"], shown["header_names"]) == (0.1, ["x-a", "x-b"])
        shown = patch(api, "crm", {"rate_per_s": None, "types": []}).get_json()
        assert (shown["rate_per_s"], shown["types"]) == (None, [])

    def test_headers_are_patched_one_by_one(self, api: Api, rt: Runtime):
        add(api, id="crm", headers={"X-A": "1", "X-B": "2"})
        patch(api, "crm", {"headers": {"x-b": None, "X-C": "3", "X-a": "9"}})
        assert rows(rt, "select headers from endpoints") == [({"x-a": "9", "x-c": "3"},)]
        refused = patch(api, "crm", {"headers": {"Host": "x"}})
        assert [fault["pointer"] for fault in refused.get_json()["errors"]] == ["#/headers"]

    def test_the_same_again_is_no_new_version(self, api: Api, rt: Runtime):
        add(api, id="crm", rate_per_s=0.1, headers={"X-A": "1"})
        same = patch(api, "crm", {"rate_per_s": 0.1, "url": URL, "headers": {"X-A": "1"}, "enabled": True})
        assert same.headers["ETag"] == '"1"'
        assert [row[0] for row in rows(rt, "select action from audit")] == ["endpoint.created"]

    def test_only_what_was_seen_is_changed(self, api: Api):
        add(api, id="crm")
        assert patch(api, "crm", {"concurrency": 2}, **{"If-Match": '"1"'}).status_code == 200
        refused = patch(api, "crm", {"concurrency": 3}, **{"If-Match": '"1"'})
        assert (refused.status_code, refused.get_json()["version"]) == (412, 2)
        assert api.get("/api/endpoints/crm").get_json()["concurrency"] == 2
        assert patch(api, "crm", {"concurrency": 2}, **{"If-Match": '"1"'}).headers["ETag"] == '"2"'

    def test_of_many_changes_at_once_none_is_lost(self, api: Api, app: Any):
        add(api, id="crm")
        clients = [Api(app.test_client(), api.key) for _ in range(6)]
        with ThreadPoolExecutor(6) as pool:
            said = [{"headers": {f"x-{n}": "1"}} for n in range(6)]
            answers = list(
                pool.map(lambda pair: patch(pair[0], "crm", pair[1]).status_code, zip(clients, said, strict=True))
            )
        assert answers == [200] * 6
        assert api.get("/api/endpoints/crm").get_json()["header_names"] == [f"x-{n}" for n in range(6)]

    @pytest.mark.parametrize(
        "said", [{"id": "x"}, {"adapter": "standard"}, {"secret": SECRET}, {"version": 3}, {"url": None}]
    )
    def test_what_cannot_be_changed_is_refused(self, api: Api, said: Any):
        add(api, id="crm")
        assert patch(api, "crm", said).status_code == 422

    def test_disabled_it_is_told_nothing_new_and_keeps_what_waits(self, api: Api, rt: Runtime):
        add(api, id="crm")
        happens(rt, "1")
        shown = patch(api, "crm", {"enabled": False}).get_json()
        assert (shown["enabled"], shown["disabled_reason"]) == (False, "asked")
        happens(rt, "2")
        assert api.get("/api/endpoints/crm").get_json()["backlog"]["waiting"] == 1

    @pytest.mark.parametrize("said", [{"enabled": True}, {"enabled": True, "url": OTHER_URL}])
    def test_enabled_again_it_starts_as_one_that_is_well_and_what_waited_is_due(self, api: Api, rt: Runtime, said: Any):
        add(api, id="crm")
        happens(rt)
        rows(rt, "update jobs set attempts = 3, next_at = now() + interval '9 hours' returning 1")
        rows(
            rt,
            """
            update endpoint_states set circuit = 'open', failures = 99, opens = 9, opened_at = now(), probe_at = now(),
                failing_since = now() - interval '6 days', paused_until = now() + interval '1 hour' returning 1
            """,
        )
        with rt.db.connection() as conn:
            endpoints.disable(conn, "crm", "failing")
        shown = patch(api, "crm", said).get_json()
        assert (shown["enabled"], shown["disabled_reason"], shown["disabled_at"]) == (True, None, None)
        assert shown["health"] == {
            "circuit": "closed", "failures": 0, "failing_since": None, "last_success_at": None, "paused_until": None,
            "probe_at": None,
        }  # fmt: skip
        assert rows(rt, "select next_at <= now() from jobs") == [(True,)]

    def test_a_change_of_something_else_leaves_a_failing_circuit_as_it_is(self, api: Api, rt: Runtime):
        add(api, id="crm")
        rows(rt, "update endpoint_states set circuit = 'open', failures = 9, probe_at = now() returning 1")
        assert patch(api, "crm", {"description": "slow"}).get_json()["health"]["circuit"] == "open"
        assert patch(api, "crm", {"url": OTHER_URL}).get_json()["health"]["circuit"] == "closed"


class TestDelete:
    def test_what_waits_is_canceled_with_its_jobs_and_what_was_told_stays(self, api: Api, rt: Runtime):
        add(api, id="crm")
        add(api, id="other")
        happens(rt, "told")
        told(rt, (200, None))
        rows(rt, "update deliveries set outcome = 'delivered', finished_at = now() returning 1")
        rows(rt, "update jobs set state = 'done', finished_at = now() returning 1")
        for n in range(3):  # of one order: two of them wait behind the first
            happens(rt, str(n))
        rows(
            rt,
            "update jobs set lease_until = now() + interval '1 minute' where group_key = 'crm' and state = 'due' returning 1",
        )
        gone = delete(api, "crm")
        assert (gone.status_code, gone.get_json()["canceled"], gone.get_json()["id"]) == (200, 3, "crm")
        assert rows(rt, "select endpoint_id, outcome, count(*) from deliveries group by 1, 2 order by 1, 2") == [
            ("crm", "canceled", 3), ("crm", "delivered", 1), ("other", "delivered", 1), ("other", None, 3),
        ]  # fmt: skip
        assert rows(rt, "select group_key, state, count(*) from jobs where state = 'due' group by 1, 2") == [
            ("other", "due", 3)
        ]
        assert api.get("/api/endpoints/crm").status_code == 404
        assert delete(api, "crm").status_code == 404
        assert [row["id"] for row in api.get("/api/endpoints").get_json()["data"]] == ["other"]
        happens(rt, "later")
        assert rows(rt, "select count(*) from deliveries where endpoint_id = 'crm'") == [(4,)]

    def test_nothing_secret_stays_in_the_row(self, api: Api, rt: Runtime):
        add(api, id="crm", secret=SECRET, headers={"authorization": PASSWORD})
        api.post("/api/endpoints/crm/rotate", json={"secret": SECOND})
        delete(api, "crm")
        assert rows(rt, "select secret, previous_secret, headers, enabled from endpoints") == [("", None, {}, False)]

    def test_its_id_can_be_used_again_with_a_version_that_nobody_has_seen(self, api: Api, rt: Runtime):
        add(api, id="crm", description="first")
        happens(rt)
        delete(api, "crm")
        again = api.post("/api/endpoints", json={"url": OTHER_URL, "id": "crm"})
        assert (again.status_code, again.headers["ETag"], again.get_json()["description"]) == (201, '"3"', "")
        assert api.get("/api/endpoints/crm").get_json()["backlog"]["waiting"] == 0
        assert rows(rt, "select count(*) from jobs where state = 'due'") == [(0,)]

    def test_what_was_promised_in_the_moment_of_its_end_is_not_told_to_the_next_of_its_name(
        self, api: Api, rt: Runtime
    ):
        add(api, id="crm")
        with rt.db.connection() as late:
            notifications.notify(late, "call.missed", subject="late", tenant_id=None, order_key="one", data=MISSED)
            assert delete(api, "crm").get_json()["canceled"] == 0
        add(api, id="crm")
        assert rows(rt, "select d.outcome, jobs.state from deliveries d join jobs on jobs.ref = d.id::text") == [
            ("canceled", "done")
        ]

    def test_the_id_of_another_tenants_is_not_given_to_a_stranger(self, api: Api, rt: Runtime):
        add(api, id="crm", tenant_id=TENANT)
        delete(api, "crm")
        assert api.post("/api/endpoints", json={"url": URL, "id": "crm", "tenant_id": "t-2"}).status_code == 409
        assert api.post("/api/endpoints", json={"url": URL, "id": "crm"}).status_code == 409
        add(bound(api, rt), id="crm")

    def test_nor_while_a_replay_to_the_deleted_one_goes_on(self, api: Api, rt: Runtime):
        add(api, id="crm")
        rows(
            rt,
            """
            insert into replays (endpoint_id, since, until, outcomes, rate_per_s, asked_by)
            values ('crm', now() - interval '1 hour', now(), '{delivered}', 1, 'test') returning 1
            """,
        )
        delete(api, "crm")
        assert api.post("/api/endpoints", json={"url": URL, "id": "crm"}).status_code == 409


class TestRotate:
    def test_a_new_secret_is_shown_once_and_both_sign_meanwhile(self, api: Api, rt: Runtime):
        add(api, id="crm", secret=SECRET)
        rotated = api.post("/api/endpoints/crm/rotate")
        shown = rotated.get_json()
        assert (rotated.status_code, rotated.headers["ETag"]) == (200, '"2"')
        ends = datetime.fromisoformat(shown["previous_until"])
        assert timedelta(hours=23) < ends - datetime.now(UTC) <= timedelta(hours=24)
        assert rows(rt, "select secret, previous_secret from endpoints") == [(shown["secret"], SECRET)]
        assert "secret" not in api.get("/api/endpoints/crm").get_json()

    def test_the_secret_and_the_overlap_may_be_given(self, api: Api, rt: Runtime):
        add(api, id="crm", secret=SECRET)
        shown = api.post("/api/endpoints/crm/rotate", json={"overlap_s": 0, "secret": SECOND}).get_json()
        assert (shown["secret"], shown["previous_until"]) == (SECOND, None)
        assert rows(rt, "select secret, previous_secret from endpoints") == [(SECOND, None)]

    @pytest.mark.parametrize(
        "said",
        [{"overlap_s": -1}, {"overlap_s": 604_801}, {"overlap_s": "1"}, {"secret": "x"}, {"secret": SECRET}, {"x": 1}],
    )
    def test_what_cannot_be_meant_is_refused(self, api: Api, rt: Runtime, said: Any):
        add(api, id="crm", secret=SECRET)
        refused = api.post("/api/endpoints/crm/rotate", json=said)
        assert refused.status_code == 422
        assert rows(rt, "select secret, version from endpoints") == [(SECRET, 1)]

    def test_the_same_request_again_rotates_once(self, api: Api, rt: Runtime):
        add(api, id="crm", secret=SECRET)
        answers = [api.post("/api/endpoints/crm/rotate", headers={"Idempotency-Key": "k"}) for _ in range(2)]
        assert answers[0].get_json() == answers[1].get_json()
        assert rows(rt, "select previous_secret, version from endpoints") == [(SECRET, 2)]

    def test_as_call_service_has_nothing_to_rotate(self, api: Api):
        add(api, id="as-call", adapter="as-call-service", url=AS_CALL_URL)
        assert api.post("/api/endpoints/as-call/rotate").status_code == 409


class TestTest:
    def test_it_alone_is_promised_a_test_whatever_it_wants_to_be_told(self, api: Api, rt: Runtime):
        add(api, id="crm", types=["call.missed"], tenant_id=TENANT)
        add(api, id="other")
        asked = api.post("/api/endpoints/crm/test")
        shown = asked.get_json()
        assert (asked.status_code, shown["outcome"], shown["attempt"], shown["endpoint_id"]) == (202, None, None, "crm")
        promised = """
            select d.id, d.endpoint_id, n.type, n.tenant_id
              from deliveries d join notifications n on n.id = d.notification_id
        """
        assert rows(rt, promised) == [
            (shown["delivery_id"], "crm", "endpoint.test", TENANT)
        ]  # fmt: skip
        assert rows(rt, "select kind, ref, group_key from jobs") == [("deliver", str(shown["delivery_id"]), "crm")]
        assert asked.headers["Location"] == f"/api/deliveries/{shown['delivery_id']}"

    def test_each_is_another_and_waits_behind_nothing(self, api: Api, rt: Runtime):
        add(api, id="crm")
        happens(rt)
        first, second = (api.post("/api/endpoints/crm/test").get_json() for _ in range(2))
        assert first["notification_id"] != second["notification_id"]
        assert rows(rt, "select count(distinct order_key) from jobs where hint_at < 'infinity'") == [(3,)]

    def test_the_same_request_again_tests_once(self, api: Api, rt: Runtime):
        add(api, id="crm")
        for _ in range(2):
            api.post("/api/endpoints/crm/test", headers={"Idempotency-Key": "k"})
        assert rows(rt, "select count(*) from deliveries") == [(1,)]

    def test_it_is_not_waited_for_longer_than_asked(self, api: Api):
        add(api, id="crm")
        asked = api.post("/api/endpoints/crm/test", headers={"Prefer": "wait=1"})
        assert (asked.status_code, asked.headers["Preference-Applied"]) == (202, "wait=1")

    @pytest.mark.parametrize("said", [{"enabled": False}, {"adapter": "as-call-service", "url": AS_CALL_URL}])
    def test_who_is_told_nothing_cannot_be_tested(self, api: Api, rt: Runtime, said: Any):
        add(api, id="crm", **said)
        assert api.post("/api/endpoints/crm/test").status_code == 409
        assert rows(rt, "select count(*) from deliveries") == [(0,)]


class TestAttempts:
    def test_they_are_read_newest_first_page_by_page(self, api: Api, rt: Runtime):
        add(api, id="crm")
        add(api, id="other")
        for n in range(2):
            happens(rt, str(n), order_key=str(n))
        told(rt, (503, "http_503"), (None, "timeout"), (200, None))
        seen, cursor = [], ""
        while cursor is not None:
            page = api.get(f"/api/endpoints/crm/attempts?limit=4{cursor and '&cursor=' + cursor}").get_json()
            seen, cursor = seen + page["data"], page["next_cursor"]
        assert [(row["subject"], row["nth"], row["http_status"], row["error"]) for row in seen] == [
            ("1", 3, 200, None), ("1", 2, None, "timeout"), ("1", 1, 503, "http_503"),
            ("0", 3, 200, None), ("0", 2, None, "timeout"), ("0", 1, 503, "http_503"),
        ]  # fmt: skip
        assert (seen[0]["type"], seen[0]["duration_ms"], seen[0]["answer"]) == ("call.missed", 12, "of the receiver")

    def test_they_are_told_apart_by_how_they_ended_and_by_time(self, api: Api, rt: Runtime):
        add(api, id="crm")
        happens(rt)
        start = datetime(2026, 5, 1, 12, tzinfo=UTC)
        told(rt, (503, "http_503"), (200, None), since=start)
        path = "/api/endpoints/crm/attempts"
        assert [row["nth"] for row in api.get(f"{path}?status=ok").get_json()["data"]] == [2]
        assert [row["nth"] for row in api.get(f"{path}?status=failed").get_json()["data"]] == [1]
        assert [row["nth"] for row in api.get(f"{path}?since=2026-05-01T12:00:02Z").get_json()["data"]] == [2]
        assert api.get(f"{path}?status=good").status_code == 422
        assert api.get(f"{path}?since=yesterday").status_code == 422


class TestTenants:
    def test_a_bound_key_makes_endpoints_of_its_tenant_only(self, api: Api, rt: Runtime):
        theirs = bound(api, rt)
        assert add(theirs)["tenant_id"] == TENANT
        assert add(theirs, tenant_id=TENANT)["tenant_id"] == TENANT
        for said in ({"tenant_id": None}, {"tenant_id": "t-2"}, {"adapter": "as-call-service"}):
            assert theirs.post("/api/endpoints", json={"url": URL} | said).status_code == 422

    def test_nothing_of_another_exists_for_it(self, api: Api, rt: Runtime):
        theirs = bound(api, rt)
        add(api, id="mine", tenant_id=TENANT)
        add(api, id="foreign", tenant_id="t-2")
        add(api, id="all")
        assert [row["id"] for row in theirs.get("/api/endpoints").get_json()["data"]] == ["mine"]
        assert theirs.get("/api/endpoints?tenant_id=t-2").status_code == 404
        for id_ in ("foreign", "all"):
            path = f"/api/endpoints/{id_}"
            answers = [
                theirs.get(path), theirs.get(f"{path}/attempts"), patch(theirs, id_, {"enabled": False}), delete(theirs, id_),
                theirs.post(f"{path}/rotate"), theirs.post(f"{path}/test"),
            ]  # fmt: skip
            assert {answer.status_code for answer in answers} == {404}
        assert rows(rt, "select count(*) from endpoints where enabled and version = 1") == [(3,)]

    def test_it_manages_its_own(self, api: Api, rt: Runtime):
        theirs = bound(api, rt)
        add(theirs, id="mine")
        assert patch(theirs, "mine", {"concurrency": 2}).status_code == 200
        assert patch(theirs, "mine", {"tenant_id": None}).status_code == 422
        assert patch(theirs, "mine", {"tenant_id": "t-2"}).status_code == 422
        assert theirs.post("/api/endpoints/mine/test").status_code == 202
        assert theirs.post("/api/endpoints/mine/rotate").status_code == 200
        assert delete(theirs, "mine").status_code == 200

    def test_it_reads_no_attempts_of_a_tenant_that_had_the_endpoint_before(self, api: Api, rt: Runtime):
        add(api, id="moved", tenant_id="t-2")
        happens(rt, "theirs", tenant="t-2")
        told(rt, (200, None))
        patch(api, "moved", {"tenant_id": TENANT})
        assert bound(api, rt).get("/api/endpoints/moved/attempts").get_json()["data"] == []
        assert len(api.get("/api/endpoints/moved/attempts").get_json()["data"]) == 1

    def test_keys_of_one_client_that_are_bound_to_two_tenants_get_no_answer_of_each_other(self, api: Api, rt: Runtime):
        made = [
            bound(api, rt, tenant).post("/api/endpoints", json={"url": URL}, headers={"Idempotency-Key": "k"})
            for tenant in ("t-1", "t-2")
        ]
        assert [answer.get_json()["tenant_id"] for answer in made] == ["t-1", "t-2"]


def test_everything_done_is_in_the_audit_with_who_did_it(api: Api, rt: Runtime):
    add(api, id="crm")
    patch(api, "crm", {"url": OTHER_URL + "?token=hidden", "rate_per_s": 2})
    patch(api, "crm", {"enabled": False})
    patch(api, "crm", {"enabled": True})
    api.post("/api/endpoints/crm/rotate")
    api.post("/api/endpoints/crm/test")
    happens(rt)
    delete(api, "crm")
    with rt.db.connection() as conn:
        entries = audit.of_subject(conn, "crm")
    assert [entry.action.partition(".")[2] for entry in entries] == [
        "created", "changed", "disabled", "enabled", "rotated", "tested", "deleted",
    ]  # fmt: skip
    assert {entry.actor for entry in entries} == {"api:crm"}
    assert all(entry.request_id for entry in entries)
    assert entries[1].detail == {"changed": ["url", "rate_per_s"], "rate_per_s": 2.0, "host": "other.example.com"}
    assert entries[-1].detail == {"canceled": 2}


def test_no_secret_gets_anywhere_but_into_the_one_answer(api: Api, rt: Runtime):
    """Secrets and values of headers, given and made, in every way there is. Of the logs, what is said before its last net."""
    with capture_logs() as lines:
        given = add(api, id="crm", secret=SECRET, headers={"authorization": PASSWORD})
        made = add(api, id="own")
        rotated = api.post("/api/endpoints/crm/rotate", json={"secret": SECOND}).get_json()
        drawn = api.post("/api/endpoints/own/rotate").get_json()
        hidden = [one["secret"] for one in (given, made, rotated, drawn)] + [PASSWORD]
        api.post("/api/endpoints/crm/test")
        happens(rt)
        told(rt, (401, "http_401"))
        answers = [
            api.get("/api/endpoints"), api.get("/api/endpoints/crm"), api.get("/api/endpoints/own"),
            api.get("/api/endpoints/crm/attempts"),
            patch(api, "crm", {"headers": {"x-more": "a" * 20}}), patch(api, "crm", {"enabled": False}),
            patch(api, "crm", {"headers": {"Bad Name": PASSWORD}}), patch(api, "crm", {"headers": {"x-bad": PASSWORD + "\n"}}),
            patch(api, "crm", {"secret": SECRET}),
            api.post("/api/endpoints", json={"url": URL, "secret": SECRET + "!"}),
            api.post("/api/endpoints", json={"url": URL, "id": "crm", "secret": SECRET}),
            api.post("/api/endpoints/crm/rotate", json={"secret": SECOND}), delete(api, "crm"),
        ]  # fmt: skip
    said = "\n".join(answer.text for answer in answers)
    said += json.dumps(rows(rt, "select action, detail from audit"), default=str)
    said += json.dumps(rows(rt, "select * from notifications"), default=str) + str(lines)
    assert "endpoint_changed" in said
    for secret in hidden:
        assert secret not in said
        assert secret.removeprefix("whsec_") not in said


def test_attempts_of_a_test_are_told_with_it(api: Api, rt: Runtime):
    add(api, id="crm")
    delivery_id = api.post("/api/endpoints/crm/test").get_json()["delivery_id"]
    told(rt, (503, "http_503"))
    with rt.db.connection() as conn:
        standing, last = delivery_attempts.standing(conn, delivery_id) or (None, None)
        assert delivery_attempts.standing(conn, 0) is None
    assert standing is not None
    assert last is not None
    assert (standing.outcome, standing.attempts, last.http_status) == (None, 1, 503)
