"""API keys: who gets in, and for what."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from ingress import known_keys
from shared.db import api_keys
from shared.domain.api_key import SCOPES, assemble
from shared.runtime import Runtime

from .conftest import CALL_SID, Api, application, new_key

NEEDS = [
    ("POST", "/api/sms/send", "sms:send"),
    ("GET", "/api/sms", "sms:read"),
    ("GET", "/api/sms/SM" + "0" * 32, "sms:read"),
    ("GET", f"/api/calls/{CALL_SID}", "calls:read"),
    ("POST", f"/api/calls/{CALL_SID}/end", "calls:control"),
    ("GET", f"/api/calls/{CALL_SID}/recording", "recordings:read"),
    ("GET", "/api/recordings/RE" + "0" * 32, "recordings:read"),
    ("GET", "/api/reports/delivery", "sms:read"),
    ("GET", f"/api/events?sid={CALL_SID}", "events:read"),
]


@pytest.mark.parametrize(("method", "path", "scope"), NEEDS)
def test_a_key_without_the_scope_is_told_which_one_it_lacks(rt: Runtime, method: str, path: str, scope: str):
    api = Api(application(rt).test_client(), new_key(rt, scopes=SCOPES - {scope}).text)
    answer = api.get(path) if method == "GET" else api.post(path, json={})
    assert (answer.status_code, answer.get_json()["scope"]) == (403, scope)
    assert f'scope="{scope}"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(("method", "path", "scope"), NEEDS)
def test_the_scope_is_all_a_key_needs(rt: Runtime, method: str, path: str, scope: str):
    api = Api(application(rt).test_client(), new_key(rt, scopes={scope}).text)
    answer = api.get(path) if method == "GET" else api.post(path, json={})
    assert answer.status_code not in (401, 403)


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer nonsense", "Bearer tsk_test_0_0", "tsk_test",
     "Bearer tsk_test_" + "0" * 8 + "_" + "0" * 36, "Bearer ä"],
)  # fmt: skip
def test_without_a_good_key_nobody_gets_in(rt: Runtime, authorization: str | None):
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = application(rt).test_client().get("/api/sms", headers=headers)
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer realm=")


def status(api: Api) -> int:
    return api.get("/api/sms").status_code


def test_a_key_with_the_right_id_and_another_secret_is_refused(rt: Runtime):
    key = new_key(rt)
    forged = assemble("test", key.key_id, "x" * 30)
    app = application(rt)
    assert status(Api(app.test_client(), forged.text)) == 401
    assert status(Api(app.test_client(), key.text)) == 200
    assert status(Api(app.test_client(), forged.text)) == 401


def test_a_key_that_nobody_made_is_refused(rt: Runtime):
    assert status(Api(application(rt).test_client(), assemble("test", "abcdefgh", "y" * 30).text)) == 401


def test_an_expired_key_is_refused(rt: Runtime):
    key = new_key(rt, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert status(Api(application(rt).test_client(), key.text)) == 401


def test_a_key_expires_while_it_is_remembered(rt: Runtime):
    api = Api(application(rt).test_client(), new_key(rt, expires_at=datetime.now(UTC) + timedelta(minutes=1)).text)
    assert status(api) == 200
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=2), tick=True):
        assert status(api) == 401


def test_a_revoked_key_is_out_within_ten_seconds(rt: Runtime, monkeypatch: Any):
    key = new_key(rt)
    api = Api(application(rt).test_client(), key.text)
    assert status(api) == 200
    with rt.db.connection() as conn:
        assert api_keys.revoke(conn, key.key_id)
        assert not api_keys.revoke(conn, key.key_id)
    later = known_keys.time.monotonic() + 10
    monkeypatch.setattr(known_keys.time, "monotonic", lambda: later)
    assert status(api) == 401


def test_a_key_is_looked_up_once_in_ten_seconds(rt: Runtime, monkeypatch: Any):
    looked_up = []
    real = api_keys.find
    monkeypatch.setattr(api_keys, "find", lambda conn, key_id: looked_up.append(key_id) or real(conn, key_id))
    key = new_key(rt)
    api = Api(application(rt).test_client(), key.text)
    assert [status(api) for _ in range(5)] == [200] * 5
    assert looked_up == [key.key_id]


def test_use_is_noted_of_the_right_key_only(rt: Runtime):
    used, unused = new_key(rt), new_key(rt, client="billing")
    app = application(rt)
    status(Api(app.test_client(), used.text))
    status(Api(app.test_client(), assemble("test", unused.key_id, "x" * 30).text))
    with rt.db.connection() as conn:
        noted = {row.id: row.last_used_at is not None for row in api_keys.every(conn)}
    assert noted == {used.key_id: True, unused.key_id: False}


def test_neither_key_nor_secret_is_stored(rt: Runtime):
    key = new_key(rt)
    with rt.db.connection() as conn:
        row = conn.execute("select api_keys::text from api_keys").fetchone()
    assert row is not None
    assert key.text[-36:-6] not in row[0]


def test_a_store_that_is_away_is_503_and_not_401(rt: Runtime):
    api = Api(application(rt).test_client(), new_key(rt).text)
    rt.db.close()
    answer = api.get("/api/sms")
    assert (answer.status_code, answer.get_json()["type"]) == (503, "/problems/store-unavailable")
