"""Secrets that somebody says leave a webhook before it is stored; everything else stays as it came."""

import json
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.private_words import cleaned, cleaned_query

CARD = "my card is 4111 1111 1111 1111, thanks"
KEPT = "my card is [card], thanks"
FORM = "application/x-www-form-urlencoded"


def only(body: bytes, name: str) -> str:
    (value,) = parse_qs(body.decode())[name]
    return value


@pytest.mark.parametrize(
    ("kind", "name"), [("txn", "TranscriptionText"), ("gather", "SpeechResult"), ("gather", "UnstableSpeechResult")]
)
def test_words_are_kept_without_secrets(kind, name):
    body = urlencode({"CallSid": "CA" + "4" * 32, name: CARD, "Confidence": "0.9411111111111111"}).encode()
    stored = cleaned(kind, FORM, body)
    assert only(stored, name) == KEPT
    assert only(stored, "CallSid") == "CA" + "4" * 32
    assert only(stored, "Confidence") == "0.9411111111111111"


@pytest.mark.parametrize("confidence", [0.94, 0.4111111111111111, 0.5555555555554444])
def test_a_piece_of_a_live_transcription_keeps_its_confidence(confidence):
    data = json.dumps({"transcript": CARD, "confidence": confidence})
    stored = cleaned("rtt", FORM, urlencode({"TranscriptionData": data}).encode())
    assert json.loads(only(stored, "TranscriptionData")) == {"transcript": KEPT, "confidence": confidence}


@pytest.mark.parametrize(
    "data", [f"[{CARD!r}]", CARD, json.dumps([CARD]), json.dumps({"transcript": 4111111111111111})]
)
def test_a_document_of_another_form_is_cleaned_as_text(data):
    stored = cleaned("rtt", FORM, urlencode({"TranscriptionData": data}).encode())
    assert "4111" not in only(stored, "TranscriptionData")


def test_a_field_whose_name_is_written_otherwise_is_found():
    assert b"4111" not in cleaned("txn", FORM, b"Transcription%54ext=4111+1111+1111+1111")


def test_a_json_body_and_a_query_are_cleaned_too():
    assert json.loads(cleaned("txn", "application/json", json.dumps({"TranscriptionText": CARD}).encode())) == {
        "TranscriptionText": KEPT
    }
    assert "4111" not in cleaned_query("txn", urlencode({"TranscriptionText": CARD}))


@pytest.mark.parametrize("body", [b"\xff{", b"[1]", b'"4111"', b"[" * 100_000])
def test_a_json_body_that_says_nothing_stays(body):
    assert cleaned("txn", "application/json", body) == body


@pytest.mark.parametrize("kind", ["call-in", "msg-in", "rec"])
def test_other_webhooks_are_not_looked_into(kind):
    body = urlencode({"Body": CARD, "TranscriptionText": CARD}).encode()
    assert cleaned(kind, FORM, body) is body


@given(st.binary(max_size=200))
def test_what_has_no_words_stays_byte_for_byte(body):
    assert cleaned("txn", FORM, body) == body


@given(st.text(max_size=200))
def test_the_same_webhook_again_is_the_same_again(said):
    body = urlencode({"TranscriptionText": said}).encode()
    once = cleaned("txn", FORM, body)
    assert cleaned("txn", FORM, once) == once
