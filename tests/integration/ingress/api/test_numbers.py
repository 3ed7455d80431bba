"""Numbers through the API: read, set as versions, and tried without effect."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared.db import numbers
from shared.domain.routing import Number, Routing, document, forwards
from shared.runtime import Runtime

from .conftest import BUSINESS, CUSTOMER, TENANT, Api, new_key

OWNER, SECOND = "+14155550111", "+14155550112"
PATH = "/api/numbers/%2B14155550100"
OFFICE = {"zone": "America/Los_Angeles", "week": {"mon": [["08:00", "17:00"]]}}
NOON, NIGHT = "2026-03-02T12:00:00-08:00", "2026-03-03T00:30:00-08:00"
DEFAULT = document(Routing())


def put(
    api: Api, routing: Any = None, path: str = PATH, headers: dict[str, str] | None = None, **more: Any
) -> TestResponse:
    body = {"tenant_id": TENANT, "routing": {} if routing is None else routing} | more
    return api._ask("PUT", path, json=body, headers=headers)


def to(*phones: str, **more: Any) -> dict[str, Any]:
    return {"targets": [{"to": phone} for phone in phones], **more}


def test_a_new_number_is_made_and_shown_whole(api: Api):
    made = put(api, to(OWNER))
    assert (made.status_code, made.headers["ETag"], made.headers["Location"]) == (201, '"1"', PATH)
    assert made.get_json() == {
        "phone_number": BUSINESS, "tenant_id": TENANT, "version": 1, "status": None,
        "routing": DEFAULT | {"targets": [{"to": OWNER, "ring_s": None}]},
    }  # fmt: skip
    shown = api.get(PATH)
    assert (shown.get_json(), shown.headers["ETag"]) == (made.get_json(), '"1"')


def test_what_is_shown_can_be_set_again_and_is_no_new_version(api: Api):
    shown = put(api, to(OWNER, hours=OFFICE, emergency={"to": SECOND, "key": "9"})).get_json()
    again = put(api, shown["routing"])
    assert (again.status_code, again.get_json()) == (200, shown)


def test_what_is_set_is_the_whole_of_it(api: Api):
    put(api, to(OWNER, hours=OFFICE))
    changed = put(api, {}, tenant_id=None)
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert (changed.get_json()["routing"], changed.get_json()["tenant_id"]) == (DEFAULT, None)


def test_the_status_that_the_platform_tells_is_shown(api: Api, rt: Runtime):
    put(api)
    with rt.db.connection() as conn:
        numbers.note_owner(conn, BUSINESS, tenant_id=None, status="suspended")
    assert api.get(PATH).get_json()["status"] == "suspended"
    route = api.post(PATH + "/preview", json={"from": CUSTOMER}).get_json()
    assert (route["route"], route["reason"]) == ("voicemail", "suspended")


class TestIfMatch:
    @pytest.mark.parametrize("tag", ['"2"', "*", '"1", "2"'])
    def test_what_was_seen_may_be_replaced(self, api: Api, tag: str):
        put(api)
        put(api, to(OWNER))
        changed = put(api, to(SECOND), headers={"If-Match": tag})
        assert (changed.status_code, changed.headers["ETag"]) == (200, '"3"')

    @pytest.mark.parametrize("tag", ['"1"', '"3"', 'W/"2"', '""', '"x"', "", "\"'"])
    def test_what_was_not_seen_is_not_replaced(self, api: Api, tag: str):
        put(api)
        before = put(api, to(OWNER)).get_json()
        refused = put(api, to(SECOND), headers={"If-Match": tag})
        assert (refused.status_code, refused.mimetype) == (412, "application/problem+json")
        assert (refused.get_json()["type"], refused.get_json()["version"]) == ("/problems/precondition-failed", 2)
        assert api.get(PATH).get_json() == before

    def test_a_change_whose_answer_was_lost_may_be_asked_for_again(self, api: Api):
        put(api)
        answers = [put(api, to(OWNER), headers={"If-Match": '"1"'}) for _ in range(2)]
        assert [(answer.status_code, answer.headers["ETag"]) for answer in answers] == [(200, '"2"')] * 2

    @pytest.mark.parametrize("tag", ["*", '"0"', '"1"', '"-1"'])
    def test_a_number_that_is_not_there_was_not_seen(self, api: Api, tag: str):
        refused = put(api, headers={"If-Match": tag})
        assert (refused.status_code, refused.get_json()["version"]) == (412, 0)
        assert api.get(PATH).status_code == 404


def test_every_change_is_told_with_who_made_it(api: Api, rt: Runtime):
    put(api, to(OWNER), note="opened")
    other = Api(api.client, new_key(rt, client="desk", scopes={"admin"}).text)
    put(other, to(SECOND))
    first = api.get(PATH + "/versions?limit=1").get_json()
    second = api.get(f"{PATH}/versions?limit=1&cursor={first['next_cursor']}").get_json()
    told = first["data"] + second["data"]
    assert [(row["version"], row["changed_by"], row["via"], row["note"]) for row in told] == [
        (2, "desk", "api", None), (1, "crm", "api", "opened"),
    ]  # fmt: skip
    assert [row["routing"]["targets"][0]["to"] for row in told] == [SECOND, OWNER]
    assert second["has_more"] is False


def test_the_list_is_read_page_by_page_and_by_tenant(api: Api):
    for n in range(5):
        put(api, path=f"/api/numbers/%2B1415555010{n}", tenant_id="t-1" if n % 2 else "t-2")
    first = api.get("/api/numbers?limit=3")
    second = api.get(f"/api/numbers?limit=3&cursor={first.get_json()['next_cursor']}").get_json()
    listed = [row["phone_number"] for row in first.get_json()["data"] + second["data"]]
    assert listed == [f"+1415555010{n}" for n in range(5)]
    assert "next" in first.headers["Link"]
    assert [row["phone_number"][-1] for row in api.get("/api/numbers?tenant_id=t-1").get_json()["data"]] == ["1", "3"]
    assert api.get(f"/api/numbers?tenant_id=t-1&cursor={first.get_json()['next_cursor']}").status_code == 422


def test_every_fault_is_told_at_once_and_nothing_is_kept(api: Api):
    routing = to(
        "911", BUSINESS, ring_s=0, music="jazz", hours={"zone": "Mars/Base", "week": {"mon": [["09:00", "05:00"]]}}
    )
    refused = put(api, routing, tenant_id="")
    assert (refused.status_code, refused.mimetype) == (422, "application/problem+json")
    assert {fault["pointer"] for fault in refused.get_json()["errors"]} == {
        "#/tenant_id", "#/routing/targets/0/to", "#/routing/targets/1/to", "#/routing/ring_s", "#/routing/music",
        "#/routing/hours/zone", "#/routing/hours/week/mon/0",
    }  # fmt: skip
    assert api.get(PATH).status_code == 404


@pytest.mark.parametrize(
    "body", [{}, {"routing": {}}, {"tenant_id": "t"}, {"tenant_id": "t", "routing": {}, "version": 1}, [], 7]
)
def test_what_does_not_say_the_whole_is_refused(api: Api, body: Any):
    assert api._ask("PUT", PATH, json=body).status_code == 422


@pytest.mark.parametrize(
    "name", ["12", "4155550100", "%2B1415", "%2B266696687", "%2B4901701234567", "anonymous", "a%00b", "caf%C3%A9"]
)
def test_what_is_no_number_is_not_found(api: Api, name: str):
    path = f"/api/numbers/{name}"
    for answer in (
        api.get(path),
        put(api, path=path),
        api.get(path + "/versions"),
        api.post(path + "/preview", json={}),
    ):
        assert answer.status_code == 404


class TestPreview:
    def preview(self, api: Api, **asked: Any) -> dict[str, Any]:
        answer = api.post(PATH + "/preview", json={"from": CUSTOMER} | asked)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def test_it_says_which_route_and_why_and_whom_it_rings_in_order(self, api: Api):
        put(api, to(OWNER, SECOND, hours=OFFICE, fallback_to="client:desk", emergency={"to": SECOND}))
        shown = self.preview(api, at=NOON)
        assert shown == {
            "route": "forward", "reason": "", "at": "2026-03-02T20:00:00.000000Z", "version": 1,
            "rings": [[{"to": phone, "ring_s": 20}] for phone in (OWNER, SECOND, "client:desk")],
        }  # fmt: skip
        closed = self.preview(api, at=NIGHT)
        assert (closed["route"], closed["reason"], closed["rings"]) == (
            "menu",
            "closed",
            [[{"to": SECOND, "ring_s": 20}]],
        )

    @pytest.mark.parametrize(("asked", "route", "reason"), [
        ({"from": "anonymous"}, "reject", "withheld"), ({"from": ""}, "reject", "withheld"),
        ({"stir": "TN-Validation-Failed-C-Diverted"}, "voicemail", "suspect"), ({"from": "+19005550100"}, "reject", "blocked"),
        ({"from": OWNER}, "voicemail", "own_phone"), ({"forwarded_from": OWNER}, "voicemail", "own_phone"),
        ({"stir": "TN-Validation-Passed-A"}, "forward", ""),
    ])  # fmt: skip
    def test_each_rule_speaks(self, api: Api, asked: dict[str, Any], route: str, reason: str):
        put(api, to(OWNER, withheld="reject", suspect="voicemail", blocked=["+1900*"]))
        shown = self.preview(api, **asked)
        assert (shown["route"], shown["reason"]) == (route, reason)

    def test_those_who_are_rung_at_once_are_rung_equally_long(self, api: Api):
        put(api, {"targets": [{"to": OWNER, "ring_s": 5}, {"to": SECOND, "ring_s": 40}], "strategy": "at_once"})
        assert self.preview(api)["rings"] == [[{"to": OWNER, "ring_s": 40}, {"to": SECOND, "ring_s": 40}]]

    def test_a_routing_may_be_tried_before_it_is_set(self, api: Api):
        before = put(api, to(OWNER)).get_json()
        shown = self.preview(api, routing=to(SECOND))
        assert (shown["rings"], shown["version"]) == ([[{"to": SECOND, "ring_s": 20}]], None)
        assert api.get(PATH).get_json() == before
        refused = api.post(PATH + "/preview", json={"routing": to(BUSINESS)})
        assert (refused.status_code, refused.get_json()["errors"][0]["pointer"]) == (422, "#/routing/targets/0/to")

    @pytest.mark.parametrize("asked", [
        {"at": "noon"}, {"at": "2026-03-02T12:00:00"}, {"at": "0001-01-01T00:00:00Z"}, {"at": "9999-12-31T23:59:59Z"},
        {"stir": "x" * 65}, {"from": 7}, {"caller": CUSTOMER}, {"routing": {"music": "jazz"}}, {"routing": 7},
    ])  # fmt: skip
    def test_what_cannot_be_asked_is_refused(self, api: Api, asked: dict[str, Any]):
        put(api)
        refused = api.post(PATH + "/preview", json=asked)
        assert (refused.status_code, refused.get_json()["errors"][0]["pointer"]) == (
            422, f"#/{'/'.join(asked)}" + ("/music" if asked.get("routing") == {"music": "jazz"} else ""),
        )  # fmt: skip


def test_a_number_whose_routing_cannot_be_read_is_shown_as_its_calls_are_handled(api: Api, rt: Runtime):
    with rt.db.connection() as conn:
        numbers.put(conn, Number(BUSINESS, TENANT, forwards(OWNER)))
        conn.execute("""update numbers set routing = '{"targets": 7}'""")
    assert api.get(PATH).get_json()["routing"] == DEFAULT
    assert api.get("/api/numbers").get_json()["data"][0]["routing"] == DEFAULT
    assert put(api, to(SECOND)).status_code == 200


def test_reading_and_changing_are_two_scopes(api: Api, rt: Runtime):
    put(api)
    reader = Api(api.client, new_key(rt, scopes={"calls:read"}).text)
    for answer in (reader.get("/api/numbers"), reader.get(PATH), reader.get(PATH + "/versions"),
                   reader.post(PATH + "/preview", json={})):  # fmt: skip
        assert answer.status_code == 200
    refused = put(reader)
    assert (refused.status_code, refused.get_json()["scope"]) == (403, "admin")
    admin = Api(api.client, new_key(rt, scopes={"admin"}).text)
    assert admin.get(PATH).get_json()["scope"] == "calls:read"
