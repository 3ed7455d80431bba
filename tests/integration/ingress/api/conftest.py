"""The API over real stores, asked through Flask's test client; every answer is held against the OpenAPI document."""

import json
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

from ingress import api as http_api
from ingress import body, errors, request_id
from ingress.api.openapi import document
from ingress.paths import canonical
from shared.db import api_keys, calls
from shared.db.calls import Seen
from shared.domain import api_key
from shared.domain.api_key import BASE62, SCOPES, ApiKey
from shared.runtime import Runtime, open_db, open_redis
from shared.settings import Settings, load

SERVICE_KEY = "the-platforms-service-key"
JWT_SECRET = "the-platforms-jwt-secret-with-32-bytes"
TENANT = "7b0f6f3e-2f0a-4c1e-9d56-0a4f4d1f0001"
BUSINESS, CUSTOMER = "+14155550100", "+12125550142"
CALL_SID = "CA" + "1" * 32
ACCOUNT_SID = "AC" + "0" * 32


@pytest.fixture
def settings(redis_url: str, database_url: str) -> Settings:
    return load({
        "TS_PUBLIC_URL": "https://twilio.example.com", "TS_EVENT_ALLOW": "as-call.example.com",
        "TS_REDIS_URL": redis_url, "TS_DATABASE_URL": database_url,
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID, "TWILIO_AUTH_TOKEN": "token", "INTERNAL_SERVICE_KEY": SERVICE_KEY,
        "TS_JWT_SECRET": JWT_SECRET,
    })  # fmt: skip


@pytest.fixture
def rt(settings: Settings) -> Iterator[Runtime]:
    runtime = Runtime(settings, open_db(settings, size=8), open_redis(settings, timeout_s=1.0, connections=8))
    yield runtime
    runtime.close()


@pytest.fixture
def app(rt: Runtime) -> Flask:
    return application(rt)


def application(rt: Runtime, **changed_settings: Any) -> Flask:
    """The API as the ingress puts it together, without the webhooks."""
    app = Flask(__name__)
    request_id.install(app)
    body.install(app)
    errors.install(app)
    http_api.install(app, replace(rt, settings=replace(rt.settings, **changed_settings)))
    return app


@dataclass
class Api:
    """A client with a key."""

    client: FlaskClient
    key: str

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self._ask("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> TestResponse:
        return self._ask("POST", path, **kwargs)

    def put(self, path: str, **kwargs: Any) -> TestResponse:
        return self._ask("PUT", path, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> TestResponse:
        return self._ask("DELETE", path, **kwargs)

    def _ask(self, method: str, path: str, headers: dict[str, str] | None = None, **kwargs: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.key}"} | (headers or {})
        answer = self.client.open(path, method=method, headers=headers, **kwargs)
        conforms(answer)
        return answer


@pytest.fixture
def api(app: Flask, rt: Runtime) -> Api:
    """Asks as the client `crm`, whose key has every scope."""
    return Api(app.test_client(), new_key(rt).text)


def new_key(rt: Runtime, *, client: str = "crm", scopes: Any = SCOPES, expires_at: datetime | None = None) -> ApiKey:
    """A key that is valid from now on."""
    draw = [secrets.choice(BASE62) for _ in range(38)]
    key = api_key.assemble("test", "".join(draw[:8]), "".join(draw[8:]))
    with rt.db.connection() as conn:
        assert api_keys.insert(conn, key, client=client, scopes=sorted(scopes), expires_at=expires_at)
    return key


def user_token(tenant: str = TENANT, **claims: Any) -> dict[str, str]:
    """The headers of somebody of that tenant."""
    payload = {"user_id": "u-1", "tenant_id": tenant, "role": "owner", "exp": time.time() + 60} | claims
    return {"Authorization": f"Bearer {jwt.encode(payload, JWT_SECRET, algorithm='HS256')}"}


def a_call(rt: Runtime, *, call_sid: str = CALL_SID, status: str = "in-progress", **seen: Any) -> calls.Call:
    """A call of TENANT as its webhooks would have left it."""
    facts: dict[str, Any] = {"from_number": CUSTOMER, "to_number": BUSINESS, "tenant_id": TENANT} | seen
    with rt.db.connection() as conn:
        return calls.merge(
            conn, Seen(call_sid=call_sid, account_sid=ACCOUNT_SID, status=status, at=datetime.now(UTC), **facts)
        )


_SPEC = document()
_PATHS = {re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + r"\Z"): path for path in _SPEC["paths"]}


def conforms(answer: TestResponse) -> None:
    """Fails unless the answer is one that the OpenAPI document tells of."""
    request = answer.request
    path = next((told for shape, told in _PATHS.items() if shape.match(canonical(request.path))), None)
    operation = _SPEC["paths"].get(path, {}).get(request.method.lower())
    assert "X-Request-Id" in answer.headers
    if operation is None:
        return
    told = operation["responses"].get(str(answer.status_code))
    assert told is not None, f"{request.method} {path} does not tell of {answer.status_code}: {answer.text}"
    if "$ref" in told:
        told = _SPEC["components"]["responses"][told["$ref"].rpartition("/")[2]]
    if (answer.mimetype or "").endswith("json"):
        schema = told["content"][answer.mimetype]["schema"]
        # The references in a schema lead into the document, so it is judged as a part of it.
        Draft202012Validator(schema | {"components": _SPEC["components"]}).validate(json.loads(answer.data))
