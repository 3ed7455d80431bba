"""The guard in Flask: reads the request byte for byte, answers a refusal, counts each and logs a few."""

import io
import json

import pytest
import structlog
from flask import Flask, request
from prometheus_client import REGISTRY
from twilio.request_validator import RequestValidator

from ingress import refusals
from ingress.refusals import MOST_LINES_PER_S, Sampler
from ingress.twilio_guard import Policy, verified
from shared import log

BASE, MAIN, FORM = "https://calls.example.com", "AC" + "0" * 32, "application/x-www-form-urlencoded"
SIGN = RequestValidator("main").compute_signature


@pytest.fixture
def client():
    app = Flask(__name__)
    policy = Policy((BASE,), {MAIN: ("main",)}, {"webhooks_sharedkey_1": ("shared",)}, ("127.0.0.1",))

    @app.route("/<path:_>", methods=["GET", "POST"])
    def take(_):
        posted = verified(request, policy)
        return {"target": f"{posted.path}?{posted.query}", "params": posted.params, "token": posted.token}

    return app.test_client()


@pytest.fixture
def lines(monkeypatch):
    out = io.StringIO()
    log.configure(service="ingress", version="1", out=out)
    monkeypatch.setattr(refusals, "_SAMPLER", Sampler(MOST_LINES_PER_S, clock=lambda: 1.0))
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    structlog.reset_defaults()


def counted(name, **labels):
    return REGISTRY.get_sample_value(f"twilio_server_{name}", labels) or 0.0


def post(client, target, body, signature, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers["X-Twilio-Signature"] = signature
    # As gunicorn hands it over; the test client itself drops a lone `?`.
    return client.post(target, data=body, content_type=FORM, headers=headers, environ_overrides={"RAW_URI": target})


def test_a_fragment_that_came_is_not_held_against_the_signature(client):
    answer = client.post(
        "/x?a=1", data="a=1", content_type=FORM, headers={"X-Twilio-Signature": SIGN(BASE + "/x?a=1", {"a": "1"})},
        environ_overrides={"RAW_URI": "/x?a=1#rc=5&rp=all"},
    )  # fmt: skip
    assert answer.json is not None
    assert answer.json["target"] == "/x?a=1"


@pytest.mark.parametrize("target", ["/x?a=%20+%2B%2b&b=%c3%bc&=&c", "/x%2Fy/%E2%82%AC?q=it's", "/x?", "/x//y/./z"])
def test_path_and_query_are_those_that_came(client, target):
    answer = post(
        client, target, "a=1+%2B&b=", SIGN(BASE + target, {"a": "1 +", "b": ""}), I_Twilio_Idempotency_Token="t-1"
    )
    assert answer.json == {
        "target": target if "?" in target else target + "?",
        "params": {"a": "1 +", "b": ""},
        "token": "t-1",
    }


def test_a_get_is_read_from_its_query(client):
    answer = client.get("/x?a=1&a=2&b", headers={"x-twilio-signature": SIGN(BASE + "/x?a=1&a=2&b", {})})
    assert answer.json["params"] == {"a": "1", "b": ""}


def test_the_headers_of_shared_keys_and_of_a_trusted_proxy_are_read(client):
    shared = RequestValidator("shared").compute_signature(BASE + "/x", {"a": "1"}, "HMAC_SHA256")
    named = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
    assert post(client, "/x", "a=1", shared, X_Twilio_Webhooks_Signature_Settings=named).status_code == 200
    assert post(client, "/x", "a=1", shared).status_code == 403
    told = SIGN("http://told.example/p/x", {"a": "1"})
    words = {"X_Forwarded_Proto": "http", "X_Forwarded_Host": "told.example", "X_Forwarded_Prefix": "/p"}
    assert post(client, "/x", "a=1", told, **words).status_code == 200
    stranger = {"REMOTE_ADDR": "127.0.0.2"}
    headers = {"X-Twilio-Signature": told, **{name.replace("_", "-"): value for name, value in words.items()}}
    assert client.post("/x", data="a=1", content_type=FORM, headers=headers, environ_base=stranger).status_code == 403


@pytest.mark.parametrize(
    ("body", "signature", "status", "reason"),
    [
        ("a=1", "", 403, "missing_signature"),
        ("a=1", "A" * 28, 403, "bad_signature"),
        ("a=1", "\xff" * 28, 403, "bad_signature"),
        ("AccountSid=AC2", "A" * 28, 403, "unknown_account"),
        ("&".join(["a=1"] * 1001), "A" * 28, 400, "too_many_fields"),
    ],
)
def test_a_refusal_is_answered_counted_and_logged(client, lines, body, signature, status, reason):
    before = (
        counted("webhooks_total", kind="unknown", outcome="refused"),
        counted("webhooks_refused_total", reason=reason),
    )
    assert post(client, "/api/x?secret=1", body, signature).status_code == status
    after = (
        counted("webhooks_total", kind="unknown", outcome="refused"),
        counted("webhooks_refused_total", reason=reason),
    )
    assert after == (before[0] + 1, before[1] + 1)
    (line,) = lines()
    assert (line["event"], line["level"], line["path"], line["reason"]) == (
        "webhook_refused",
        "warning",
        "/api/x",
        reason,
    )


def test_of_a_flood_every_one_is_counted_and_a_few_are_logged(client, lines):
    before = counted("webhooks_refused_total", reason="missing_signature")
    for _ in range(50):
        post(client, "/x" * 300, "a=1", "")
    assert counted("webhooks_refused_total", reason="missing_signature") == before + 50
    assert len(lines()) == MOST_LINES_PER_S
    assert all(len(line["path"]) <= 200 for line in lines())


def test_the_next_line_tells_how_many_were_left_out():
    clock = iter([0.0, 0.1, 0.9, 0.9, 1.0, 1.1, 5.0, 5.0]).__next__
    sampler = Sampler(2, clock=clock)
    assert [sampler.take() for _ in range(8)] == [0, 0, None, None, 2, 0, 0, 0]
