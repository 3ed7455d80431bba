"""The id of a request."""

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient

from ingress import request_id


@pytest.fixture
def client() -> FlaskClient:
    app = Flask(__name__)
    request_id.install(app)
    app.add_url_rule("/", "bound", lambda: dict(structlog.contextvars.get_contextvars()))
    return app.test_client()


@pytest.mark.parametrize("given", ["abcdefgh", "A-b_9" * 12, "x" * 64])
def test_a_harmless_id_is_kept_and_returned(client: FlaskClient, given: str):
    assert client.get("/", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with space", "a;b=c,defgh", "äääääääää"])
def test_any_other_id_is_replaced(client: FlaskClient, given: str):
    answered = client.get("/", headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert answered != given
    assert len(answered) == 32


def test_every_request_has_an_id_of_its_own(client: FlaskClient):
    assert client.get("/").headers["X-Request-Id"] != client.get("/").headers["X-Request-Id"]


def test_log_lines_carry_it_but_not_the_caller_of_the_request_before(client: FlaskClient):
    structlog.contextvars.bind_contextvars(client_id="the one before")
    bound = client.get("/", headers={"X-Request-Id": "abcdefgh"}).get_json()
    assert bound["request_id"] == "abcdefgh"
    assert "client_id" not in bound
