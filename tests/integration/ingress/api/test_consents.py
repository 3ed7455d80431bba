"""Opt-outs and consents through the API."""

from uuid import uuid4

import pytest

from shared.db import opt_outs
from shared.runtime import Runtime

from .conftest import Api, new_key

NUMBER, OTHER = "+12125550142", "+12125550143"
PATH = f"/api/opt-outs/{NUMBER}"
AGREED = {"tenant_id": "t-1", "number": NUMBER, "purpose": "marketing", "kind": "written", "source": "web form 7"}


def delete(api: Api, path: str):
    return api._ask("DELETE", path)


def test_an_opt_out_is_added_shown_and_lifted(api: Api):
    made = api.post("/api/opt-outs", json={"number": NUMBER, "evidence": {"letter": "2026-03-04"}})
    assert made.status_code == 201
    assert (made.json["number"], made.json["scope"], made.json["source"]) == (NUMBER, "*", "api")
    assert made.json["evidence"] == {"letter": "2026-03-04", "client": "crm"}
    assert [row["number"] for row in api.get(made.headers["Location"]).json["data"]] == [NUMBER]
    lifted = delete(api, PATH)
    assert (lifted.status_code, lifted.json["lifted_by"]) == (200, "api:crm")
    assert delete(api, PATH).status_code == 404
    assert api.get("/api/opt-outs").json["data"] == []
    assert len(api.get("/api/opt-outs?lifted=1").json["data"]) == 1


def test_the_scope_says_which_one_is_lifted(api: Api):
    for scope in ("*", "tenant:t-1", "+14155550100", "MG" + "1" * 32, "Acme"):
        assert api.post("/api/opt-outs", json={"number": NUMBER, "scope": scope}).status_code == 201
    assert delete(api, PATH + "?scope=tenant:t-1").json["scope"] == "tenant:t-1"
    assert len(api.get("/api/opt-outs").json["data"]) == 4
    assert len(api.get("/api/opt-outs?scope=Acme").json["data"]) == 1


def test_the_same_key_again_gets_the_same_answer_and_adds_nothing(api: Api, rt: Runtime):
    sent = {"json": {"number": NUMBER}, "headers": {"Idempotency-Key": "k-1"}}
    first = api.post("/api/opt-outs", **sent)
    with rt.db.connection() as conn:
        assert opt_outs.lift(conn, number=NUMBER, scope="*", by="cli")
    again = api.post("/api/opt-outs", **sent)
    assert (again.json, again.headers["Idempotent-Replayed"]) == (first.json, "true")
    assert api.get("/api/opt-outs").json["data"] == []


@pytest.mark.parametrize("body", [
    {}, {"number": "212 555"}, {"number": NUMBER, "scope": ""}, {"number": NUMBER, "scope": "tenant:"},
    {"number": NUMBER, "scope": "MG1"+"!"}, {"number": NUMBER, "scop": "*"}, {"number": NUMBER, "evidence": "letter"},
])  # fmt: skip
def test_an_opt_out_that_cannot_be_meant_is_refused(api: Api, body):
    assert api.post("/api/opt-outs", json=body).status_code == 422


def test_lists_are_read_page_by_page(api: Api):
    for n in range(5):
        api.post("/api/opt-outs", json={"number": f"+1212555014{n}"})
        api.post("/api/consents", json=AGREED | {"number": f"+1212555014{n}"})
    for path in ("/api/opt-outs", "/api/consents"):
        first = api.get(f"{path}?limit=3").json
        second = api.get(f"{path}?limit=3&cursor={first['next_cursor']}").json
        assert len({row["number"] for row in first["data"] + second["data"]}) == 5
        assert second["has_more"] is False


def test_a_consent_is_granted_shown_replaced_and_revoked(api: Api):
    made = api.post("/api/consents", json=AGREED | {"expires_at": "2099-01-01T00:00:00Z"})
    assert made.status_code == 201
    assert api.get(made.headers["Location"]).json == made.json
    newer = api.post("/api/consents", json=AGREED).json
    assert api.get(made.headers["Location"]).json["revoked_by"] == "replaced"
    revoked = api.post(f"/api/consents/{newer['id']}/revoke")
    assert (revoked.status_code, revoked.json["revoked_by"]) == (200, "api:crm")
    assert api.post(f"/api/consents/{newer['id']}/revoke").json == revoked.json
    assert len(api.get(f"/api/consents?number=%2B{NUMBER[1:]}").json["data"]) == 2
    assert api.get("/api/consents?tenant_id=t-2").json["data"] == []


@pytest.mark.parametrize("change", [
    {"purpose": "fun"}, {"kind": "oral"}, {"number": "1"}, {"tenant_id": ""}, {"source": ""}, {"granted": True},
    {"expires_at": "tomorrow"}, {"granted_at": "2026-03-04T00:00:00Z", "expires_at": "2026-03-03T00:00:00Z"},
])  # fmt: skip
def test_a_consent_that_cannot_be_meant_is_refused(api: Api, change):
    assert api.post("/api/consents", json=AGREED | change).status_code == 422


def test_what_is_not_there_is_not_found(api: Api):
    assert api.get(f"/api/consents/{uuid4()}").status_code == 404
    assert api.post(f"/api/consents/{uuid4()}/revoke").status_code == 404
    assert delete(api, f"/api/opt-outs/{OTHER}").status_code == 404


def test_reading_and_writing_are_two_scopes(api: Api, rt: Runtime):
    reader = Api(api.client, new_key(rt, scopes={"consent:read"}).text)
    assert reader.get("/api/opt-outs").status_code == 200
    assert reader.get("/api/consents").status_code == 200
    for answer in (reader.post("/api/opt-outs", json={"number": NUMBER}), reader.post("/api/consents", json=AGREED),
                   reader.post(f"/api/consents/{uuid4()}/revoke"), delete(reader, PATH)):  # fmt: skip
        assert (answer.status_code, answer.json["scope"]) == (403, "consent:write")
