"""What a client is told when something goes wrong, at each of the three doors."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask, abort, request
from flask.testing import FlaskClient
from psycopg_pool import PoolTimeout

from ingress import errors, request_id
from ingress.errors import Problem
from shared.errors import Deferred, NotStored, Permanent, Transient, Unknown, Unreadable

RAISED: dict[str, Exception] = {}


@pytest.fixture
def client() -> FlaskClient:
    app = Flask(__name__)
    request_id.install(app)
    errors.install(app)
    app.config["MAX_CONTENT_LENGTH"] = 10

    def fail(name: str = "") -> str:
        if name == "abort":
            abort(429)
        if name == "read":
            return str(len(request.get_data()))
        raise RAISED[name or request.args["name"]]

    app.add_url_rule("/api/fail/<name>", view_func=fail, methods=["GET", "POST"])
    app.add_url_rule("/internal/fail", "internal", fail)
    app.add_url_rule("/api/webhooks/status", "status", fail)
    app.add_url_rule("/api/slash/", "slash", lambda: "")
    return app.test_client()


def raised(client: FlaskClient, error: Exception, path: str = "/api/fail/it", **kwargs: Any) -> Any:
    RAISED["it"] = error
    return client.get(path, query_string={"name": "it"}, **kwargs)


def test_every_refusal_is_a_problem_document_with_the_request_id(client: FlaskClient):
    answer = client.get("/api/nowhere", headers={"X-Request-Id": "abcdefgh-1"})
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"
    document = answer.get_json(force=True)
    assert document["type"] == "/problems/not-found"
    assert document["status"] == 404
    assert document["instance"] == "abcdefgh-1"
    assert document["title"] == "Not Found"
    assert document["detail"]


def test_a_wrong_method_is_told_the_right_ones(client: FlaskClient):
    answer = client.delete("/api/fail/it")
    assert answer.status_code == 405
    assert answer.mimetype == "application/problem+json"
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


def test_a_body_that_is_too_large_is_413(client: FlaskClient):
    answer = client.post("/api/fail/read", data=b"x" * 11)
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")


def test_a_rate_limit_has_the_registered_type(client: FlaskClient):
    document = client.get("/api/fail/abort").get_json(force=True)
    assert document["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"


def test_a_redirect_is_no_refusal(client: FlaskClient):
    assert client.get("/api/slash").status_code == 308


def test_a_bug_is_a_500_that_tells_nothing_of_our_insides(client: FlaskClient):
    answer = raised(client, KeyError("the secret name"))
    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
    assert b"secret" not in answer.data


def test_a_problem_says_what_it_carries(client: FlaskClient):
    fault = {"pointer": "#/to", "code": "required", "detail": "is missing"}
    problem = Problem(422, "validation-failed", "No", errors=[fault], headers={"Retry-After": "3"}, members={"a": 1})
    answer = raised(client, problem)
    assert answer.status_code == 422
    assert answer.headers["Retry-After"] == "3"
    document = answer.get_json(force=True)
    assert (document["errors"], document["a"]) == ([fault], 1)


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (Transient("twilio_unavailable", retry_after_s=1.2), 503, "2"),
        (Transient("throttled"), 503, "2"),
        (NotStored("journal and inbox"), 503, "2"),
        (Deferred("quiet_hours", until=datetime.now(UTC) - timedelta(seconds=5)), 503, "1"),
        (Permanent("rejected", twilio_code=21211), 422, None),
        (Unreadable("inbox record"), 400, None),
        (Unknown("no answer"), 502, None),
        (PoolTimeout("no connection"), 503, "2"),
        (psycopg.OperationalError("server closed the connection"), 503, "2"),
        (psycopg.errors.LockNotAvailable(), 503, "2"),
        (psycopg.errors.ReadOnlySqlTransaction(), 503, "2"),
        (psycopg.errors.UndefinedTable(), 500, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_each_outcome_has_its_status(client: FlaskClient, error: Exception, status: int, retry_after: str | None):
    answer = raised(client, error)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, retry_after)


def test_a_refusal_of_twilio_names_its_code_and_where_to_read_about_it(client: FlaskClient):
    document = raised(client, Permanent("rejected", twilio_code=21211)).get_json(force=True)
    assert document["twilio_code"] == 21211
    assert document["more_info"] == "https://www.twilio.com/docs/api/errors/21211"


def test_a_sibling_service_gets_the_platforms_error(client: FlaskClient):
    answer = raised(client, Problem(409, "key-in-use", "Running", "Ask again."), "/internal/fail")
    assert answer.mimetype == "application/json"
    assert answer.get_json() == {"success": False, "error": {"code": "KEY_IN_USE", "message": "Ask again."}}


def test_a_sibling_service_reads_its_faults_in_the_message(client: FlaskClient):
    fault = {"pointer": "#/to", "code": "required", "detail": "is missing"}
    answer = raised(client, Problem(422, "validation-failed", "No", errors=[fault]), "/internal/fail")
    assert answer.get_json()["error"]["message"] == "#/to is missing"


def test_twilio_gets_a_line_of_text(client: FlaskClient):
    answer = raised(client, NotStored("both stores"), "/api/webhooks/status")
    assert (answer.status_code, answer.mimetype) == (503, "text/plain")
    assert answer.text == "The store cannot be reached right now.\n"


def test_twilio_gets_a_line_of_text_for_a_wrong_method_too(client: FlaskClient):
    answer = client.delete("/api/webhooks/status")
    assert (answer.status_code, answer.mimetype) == (405, "text/plain")
    assert "GET" in answer.headers["Allow"]
