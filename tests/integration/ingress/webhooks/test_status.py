import hashlib
import json

import pytest
from twilio.request_validator import RequestValidator

from shared import inbox
from tests.integration.ingress.webhooks.conftest import (
    ACCOUNT,
    BUSINESS,
    CUSTOMER,
    FULL_DISK,
    NO_REDIS,
    OLD_TOKEN,
    PUBLIC,
    TOKEN,
)

MESSAGE, CALL = "SM" + "1" * 32, "CA" + "1" * 32
DELIVERED = {
    "MessageSid": MESSAGE,
    "MessageStatus": "delivered",
    "From": BUSINESS,
    "To": CUSTOMER,
    "Body": "",
    "ErrorCode": "",
}


@pytest.mark.parametrize(
    ("path", "params", "key"),
    [
        ("/api/webhooks/status", DELIVERED, f"msg-status:{MESSAGE}:delivered"),
        ("/api/webhooks/status?message_id=abc&x=%20", DELIVERED, f"msg-status:{MESSAGE}:delivered"),
        (
            "/api/webhooks/status",
            {"CallSid": CALL, "CallStatus": "busy", "CallDuration": "0"},
            f"call-status:{CALL}:busy",
        ),
        (
            "/api/webhooks/recording",
            {"RecordingSid": "RE" + "1" * 32, "RecordingStatus": "completed", "CallSid": CALL},
            f"rec:RE{'1' * 32}:completed",
        ),
        (
            "/api/webhooks/anything",
            {"Sid": "NO" + "1" * 32, "Level": "ERROR", "PayloadType": "x"},
            f"debugger:NO{'1' * 32}",
        ),
    ],
)
def test_a_callback_is_stored_under_its_key_and_answered_with_nothing(door, path, params, key):
    answer = door.post(path, params)
    assert (answer.status_code, answer.data) == (204, b"")
    (event,) = door.stored()
    assert event.key == key
    assert event.path + ("?" + event.query if event.query else "") == path


def test_an_inbound_text_is_stored_and_answered_with_an_empty_document(door):
    for path in ("/api/sms/incoming", "/webhooks/twilio/sms"):
        answer = door.post(
            path, {"MessageSid": MESSAGE, "SmsStatus": "received", "Body": "héllo + wörld 😀", "From": CUSTOMER}
        )
        assert answer.status_code == 200
        assert answer.mimetype == "text/xml"
        assert b"<Response/>" in answer.data
    assert [event.params["Body"] for event in door.stored()] == ["héllo + wörld 😀"] * 2


def test_the_bell_rings_once_for_many_events(door):
    for status in ("sent", "delivered", "read"):
        door.post("/api/webhooks/status", {**DELIVERED, "MessageStatus": status})
    assert door.rt.redis.llen("events") == 1
    assert inbox.size(door.rt.redis) == 3


@pytest.mark.parametrize("signature", ["", "AAAA", "é", "x" * 5000])
def test_without_twilios_signature_nothing_is_stored(door, signature):
    answer = door.post("/api/webhooks/status", DELIVERED, signature=signature)
    assert answer.status_code == 403
    assert door.stored() == []


def test_a_changed_field_or_address_breaks_the_signature(door):
    good = RequestValidator(TOKEN).compute_signature(
        f"{PUBLIC}/api/webhooks/status", {"AccountSid": ACCOUNT, **DELIVERED}
    )
    assert (
        door.post("/api/webhooks/status", {**DELIVERED, "MessageStatus": "failed"}, signature=good).status_code == 403
    )
    assert door.post("/api/webhooks/status?a=b", DELIVERED, signature=good).status_code == 403
    assert door.post("/api/webhooks/status", DELIVERED, signature=good).status_code == 204


def test_while_a_token_is_rotated_both_are_good(door):
    assert door.post("/api/webhooks/status", DELIVERED, token=OLD_TOKEN).status_code == 204
    assert door.post("/api/webhooks/status", DELIVERED, token="a-third-one").status_code == 403


def test_another_account_is_refused_even_with_our_token(door):
    assert door.post("/api/webhooks/status", {**DELIVERED, "AccountSid": "AC" + "f" * 32}).status_code == 403
    assert door.stored() == []


def test_a_json_webhook_is_held_against_the_hash_of_its_body(door):
    body = json.dumps({"AccountSid": ACCOUNT, "type": "x"})
    path = f"/api/webhooks/json?bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    signature = RequestValidator(TOKEN).compute_signature(PUBLIC + path, {})
    headers = {"X-Twilio-Signature": signature}
    assert door.client.post(path, data=body, content_type="application/json", headers=headers).status_code == 204
    assert door.client.post(path, data=body + " ", content_type="application/json", headers=headers).status_code == 403
    assert door.stored()[0].body == body.encode()


def test_twilios_idempotency_token_is_kept(door):
    door.post("/api/webhooks/status", DELIVERED, **{"I-Twilio-Idempotency-Token": "11111111-2222"})
    assert door.stored()[0].token == "11111111-2222"


@pytest.mark.parametrize("away", [NO_REDIS, FULL_DISK])
def test_one_store_is_enough(door_with, away):
    assert door_with(away).post("/api/webhooks/status", DELIVERED).status_code == 204


def test_what_neither_store_took_is_refused_so_that_twilio_comes_again(door_with):
    answer = door_with(NO_REDIS, FULL_DISK).post("/api/webhooks/status", DELIVERED)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1


def test_after_redis_has_restarted_the_first_event_is_stored_too(door):
    assert door.post("/api/webhooks/status", DELIVERED).status_code == 204
    door.rt.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    door.rt.redis.script_flush()
    assert door.post("/api/webhooks/status", {**DELIVERED, "MessageStatus": "read"}).status_code == 204
    assert inbox.size(door.rt.redis) == 2


def test_too_much_is_refused_and_costs_nothing(door):
    big = door.client.post(
        "/api/webhooks/status", data=b"a=" + b"x" * 70_000, content_type="application/x-www-form-urlencoded"
    )
    assert big.status_code == 413
    many = b"&".join([b"a=1"] * 2000)
    assert (
        door.client.post(
            "/api/webhooks/status",
            data=many,
            content_type="application/x-www-form-urlencoded",
            headers={"X-Twilio-Signature": "x"},
        ).status_code
        == 400
    )
    assert door.stored() == []


def test_a_card_number_that_somebody_said_is_stored_nowhere(door, tmp_path):
    said = {"TranscriptionSid": "TR" + "1" * 32, "TranscriptionStatus": "completed", "RecordingSid": "RE" + "1" * 32,
            "CallSid": CALL, "TranscriptionText": "it is 4111 1111 1111 1111, thanks"}  # fmt: skip
    assert door.post("/api/webhooks/transcription", said).status_code == 204
    (event,) = door.stored()
    assert (event.kind, event.params["TranscriptionText"]) == ("txn", "it is [card], thanks")
    written = b"".join(path.read_bytes() for path in (tmp_path / "journal").rglob("*") if path.is_file())
    assert event.event_id.encode() in written
    assert b"4111" not in written
