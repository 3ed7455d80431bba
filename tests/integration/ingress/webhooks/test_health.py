import io
import json

import pytest
import structlog

from shared import log
from tests.integration.ingress.webhooks.conftest import ADMIN, BUSINESS, CUSTOMER, FULL_DISK, NO_REDIS


@pytest.fixture
def lines():
    out = io.StringIO()
    log.configure(service="ingress", version="1", out=out)
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    structlog.reset_defaults()


def test_alive_is_about_this_process_and_ready_about_storing_a_webhook(door):
    assert door.client.get("/livez").status_code == 200
    assert door.client.get("/healthz").status_code == 200
    assert door.client.get("/readyz").status_code == 200
    assert door.client.get("/readyz?verbose", base_url=ADMIN).json["checks"]["journal"] == "ok"


@pytest.mark.parametrize(
    ("away", "status", "checks"),
    [
        ([NO_REDIS], 200, ("ok", "cut")),
        ([FULL_DISK], 200, ("refuses", "ok")),
        ([NO_REDIS, FULL_DISK], 503, ("refuses", "cut")),
    ],
)
def test_one_of_the_two_stores_is_enough_to_be_ready(door_with, away, status, checks):
    door = door_with(*away)
    door.post(
        "/api/webhooks/status", {"CallSid": "CA" + "1" * 32, "CallStatus": "busy"}
    )  # what is full shows by being used
    verbose = door.client.get("/readyz?verbose", base_url=ADMIN)
    assert (verbose.json["checks"]["journal"], verbose.json["checks"]["inbox"]) == checks
    assert door.client.get("/readyz").status_code == status
    assert door.client.get("/livez").status_code == 200


def test_a_missing_postgresql_does_not_fail_readiness(door):
    door.rt.db.close()
    assert door.client.get("/readyz").status_code == 200
    verbose = door.client.get("/readyz?verbose", base_url=ADMIN)
    assert verbose.status_code == 200
    assert verbose.json["checks"]["database"] != "ok"


def test_the_platforms_monitor_finds_its_health(door):
    answer = door.client.get("/health")
    assert answer.json["status"] == "OK"
    assert "timestamp" in answer.json


def test_metrics_and_details_are_on_the_admin_port_only(door):
    assert door.client.get("/metrics").status_code == 404
    assert door.client.get("/readyz?verbose").mimetype == "text/plain"
    text = door.client.get("/metrics", base_url=ADMIN).text
    for name in ("build_info", "inbox_unprocessed", "queue_depth", "jobs_due", "calls_active", "dlq_size", "store_up",
                 "dead_letters", "replays_running", "journal_segments", "journal_free_bytes"):  # fmt: skip
        assert f"twilio_server_{name}" in text
    assert 'twilio_server_store_up{store="postgresql"} 1.0' in text


def test_a_store_that_is_away_is_said_and_does_not_break_the_scrape(door):
    door.rt.db.close()
    text = door.client.get("/metrics", base_url=ADMIN).text
    assert 'twilio_server_store_up{store="postgresql"} 0.0' in text
    assert "twilio_server_inbox_unprocessed 0.0" in text


def test_each_request_has_one_canonical_line_and_nothing_personal(door, lines):
    door.post("/api/sms/incoming", {"MessageSid": "SM" + "1" * 32, "SmsStatus": "received", "From": CUSTOMER, "To": BUSINESS,
                                    "Body": "my secret words"}, **{"X-Request-Id": "request-0001"})  # fmt: skip
    served = [line for line in lines() if line["event"] == "request_served"]
    assert [(line["route"], line["status"], line["method"]) for line in served] == [("/api/sms/incoming", 200, "POST")]
    assert served[0]["request_id"] == "request-0001"
    assert served[0]["duration_s"] >= 0
    text = json.dumps(lines())
    assert "secret words" not in text
    assert CUSTOMER[1:] not in text
