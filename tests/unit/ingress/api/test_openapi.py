"""The OpenAPI document against the routes, the catalogue of notifications, and the published copy."""

import json
import re
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from ingress import api
from ingress.api.openapi import COPY, document, written
from ingress.api.operations import OPERATIONS
from shared.domain.api_key import SCOPES
from shared.domain.notices import TYPES
from shared.runtime import Runtime
from shared.settings import load

SETTINGS = load({
    "TS_PUBLIC_URL": "https://twilio.example.com", "TS_REDIS_URL": "redis://127.0.0.1:1/0",
    "TS_DATABASE_URL": "postgresql://127.0.0.1:1/none", "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "token", "TS_ENV": "sandbox",
})  # fmt: skip


class Unopened:
    """Stands where stores would be: registering routes opens none."""


def application(env: str = "sandbox") -> Flask:
    from dataclasses import replace

    app = Flask(__name__)
    unopened: Any = Unopened()
    api.install(app, Runtime(replace(SETTINGS, env=env), unopened, unopened))
    return app


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return document()


def operations_of(spec: dict[str, Any]) -> set[tuple[str, str]]:
    return {(method, path) for path, item in spec["paths"].items() for method in item}


def routes_of(app: Flask) -> set[tuple[str, str]]:
    return {
        (method.lower(), re.sub(r"<(?:[^<>]+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(("/api/", "/internal/"))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def named_alike(operations: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Names of parameters are for people."""
    return {(method, re.sub(r"\{\w+\}", "{}", path)) for method, path in operations}


def test_it_is_a_valid_openapi_document(spec: dict[str, Any]):
    OpenAPIV31SpecValidator(spec).validate()
    assert spec["openapi"] == "3.1.1"


def test_every_route_is_documented_and_every_documented_route_is_there(spec: dict[str, Any]):
    routes = {(method, path) for method, path in routes_of(application()) if not path.startswith("/api/v1/")}
    assert named_alike(routes) == named_alike(operations_of(spec))


def test_every_route_of_the_api_is_there_under_its_version_too():
    routes = routes_of(application())
    versioned = {(method, path.replace("/api/v1/", "/api/")) for method, path in routes if "/v1/" in path}
    assert versioned == {(method, path) for method, path in routes if path.startswith("/api/") and "/v1/" not in path}


def test_the_published_copy_is_fresh(spec: dict[str, Any]):
    assert COPY.read_text() == written(spec), "run: python -m ingress.api"


def test_every_notification_has_an_entry(spec: dict[str, Any]):
    assert spec["webhooks"].keys() == TYPES


def test_every_operation_names_a_scope_that_exists():
    assert {one.scope for one in OPERATIONS if one.scope} <= SCOPES
    assert [one.path for one in OPERATIONS if not one.scope] == ["/api/media/{token}", "/internal/sms/send"]


def test_every_refusal_is_a_problem_document_or_the_platforms_error(spec: dict[str, Any]):
    for name, response in spec["components"]["responses"].items():
        expected = "application/problem+json" if name.startswith("Problem") else "application/json"
        assert list(response["content"]) == [expected], name


def test_it_is_served():
    answer = application().test_client().get("/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.text == COPY.read_text()


def test_the_page_comes_from_our_own_disk():
    client = application().test_client()
    page = client.get("/docs/")
    assert page.status_code == 200
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(assets) >= 4
    assert all(asset.startswith("/docs/") for asset in assets), assets
    assert {client.get(asset).status_code for asset in assets} == {200}
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]


def test_the_page_is_found_without_its_slash():
    assert application().test_client().get("/docs").headers["Location"].endswith("/docs/")


@pytest.mark.parametrize(("env", "may_try"), [("sandbox", True), ("production", False)])
def test_requests_can_be_tried_out_in_the_sandbox_only(env: str, may_try: bool):
    page = application(env).test_client().get("/docs/").text
    config = json.loads(re.search(r"var user_config = (\{.*?\});", page).group(1))  # type: ignore[union-attr]
    assert config["tryItOutEnabled"] is may_try
    assert (config.get("supportedSubmitMethods") != []) is may_try
