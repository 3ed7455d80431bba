"""What can be read of a request, and how its faults are told."""

import json
import re
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.exceptions import RequestEntityTooLarge

from ingress.api import schemas
from ingress.api.reading import IdConverter, checked, json_body, optional_body, query
from ingress.problem import Problem

APP = Flask(__name__)
GOOD = {"to": "+12125550142", "from": "+14155550100", "body": "Hello"}


def refused(call: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        call()
    return caught.value


def sent(data: bytes, content_type: str = "application/json") -> Any:
    return APP.test_request_context("/", method="POST", data=data, content_type=content_type)


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "application/x+json"])
def test_json_is_read(content_type: str):
    with sent('{"a": "ä"}'.encode(), content_type):
        assert json_body() == {"a": "ä"}


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_what_does_not_call_itself_json_is_415(content_type: str):
    with sent(b"{}", content_type):
        assert refused(json_body).status == 415


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"{]", b"\xff", b'{"a": NaN}', b'{"a": Infinity}', b"[" * 100_000, b'{"a": "\\u0000"}',
     b'{"a": ["\\ud800"]}', b'{"\\udfff": 1}', '{"a": 1}'.encode("utf-16")],
    ids=lambda data: repr(data[:16]),
)  # fmt: skip
def test_what_cannot_be_read_or_held_is_400(data: bytes):
    with sent(data):
        assert refused(json_body).status == 400


def test_a_body_that_hides_its_length_is_not_cut_off_in_silence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(APP.config, "MAX_CONTENT_LENGTH", 10)
    for data, is_too_large in ((b'{"a": 1}', False), (b'{"a": 1}' + b" " * 50, True)):
        chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": BytesIO(data)}
        with APP.test_request_context("/", method="POST", content_type="application/json", environ_overrides=chunked):
            if is_too_large:
                with pytest.raises(RequestEntityTooLarge):
                    json_body()
            else:
                assert json_body() == {"a": 1}


@pytest.mark.parametrize("text", ["\U0001f600", "\\u0000", "é", "\u2028"])
def test_every_real_text_can_be_held(text: str):
    for is_ascii in (True, False):
        with sent(json.dumps([text], ensure_ascii=is_ascii).encode()):
            assert json_body() == [text]


def test_no_body_is_an_empty_one_where_none_is_needed():
    with APP.test_request_context("/", method="POST"):
        assert optional_body() == {}
    with sent(b"{", ""):
        assert refused(optional_body).status == 415


@pytest.mark.parametrize(
    ("document", "pointer", "code"),
    [
        ([], "#", "type"),
        ("text", "#", "type"),
        (None, "#", "type"),
        ({"from": "+14155550100", "body": "x"}, "#/to", "required"),
        (GOOD | {"to": None}, "#/to", "null"),
        (GOOD | {"to": 12125550142}, "#/to", "type"),
        (GOOD | {"to": "2125550142"}, "#/to", "invalid"),
        (GOOD | {"to": "+1"}, "#/to", "invalid"),
        (GOOD | {"to": "+1212555014x"}, "#/to", "invalid"),
        (GOOD | {"from": "+0"}, "#/from", "invalid"),
        (GOOD | {"from": ""}, "#/from", "invalid"),
        (GOOD | {"body": ""}, "#/body", "invalid"),
        (GOOD | {"body": "x" * 1601}, "#/body", "length"),
        (GOOD | {"boddy": "x"}, "#/boddy", "unknown"),
        (GOOD | {"a/b~c": "x"}, "#/a~1b~0c", "unknown"),
        (GOOD | {"media_urls": ["https://example.com/a.png"] * 11}, "#/media_urls", "length"),
        (GOOD | {"media_urls": ["https://example.com/a.png", "http://example.com/b.png"]}, "#/media_urls/1", "url"),
        (GOOD | {"media_urls": "https://example.com/a.png"}, "#/media_urls", "type"),
        (GOOD | {"tenant_id": ""}, "#/tenant_id", "length"),
        (GOOD | {"tenant_id": "a", "tenantId": "b"}, "#/tenantId", "invalid"),
    ],
)
def test_each_fault_has_its_place_and_its_kind(document: Any, pointer: str, code: str):
    problem = refused(lambda: checked(schemas.TEXT, document))
    assert problem.status == 422
    assert [(fault["pointer"], fault["code"]) for fault in problem.errors] == [(pointer, code)]
    assert problem.errors[0]["detail"]


def test_all_faults_are_told_at_once():
    problem = refused(lambda: checked(schemas.TEXT, {"from": 1, "body": 2, "x": 3}))
    assert {fault["pointer"] for fault in problem.errors} == {"#/to", "#/from", "#/body", "#/x"}


@pytest.mark.parametrize("number", ["+15005550000", "+15005550001", "+15005550006", "+15005550009", "+4915112345678"])
def test_twilios_magic_numbers_and_foreign_ones_are_numbers(number: str):
    assert checked(schemas.TEXT, GOOD | {"to": number})["to"] == number


@pytest.mark.parametrize("sender", ["+14155550100", "12345", "Acme Inc"])
def test_a_sender_is_a_number_a_short_code_or_a_name(sender: str):
    assert checked(schemas.TEXT, GOOD | {"from": sender})["from_"] == sender


def test_both_spellings_of_the_tenant_are_one_field():
    assert checked(schemas.TEXT, GOOD | {"tenantId": "t-1"})["tenant_id"] == "t-1"
    assert checked(schemas.PLATFORM_TEXT, GOOD | {"tenantId": "t-1"})["tenant_id"] == "t-1"


def test_a_sibling_service_may_send_fields_of_its_own():
    assert "conversationId" not in checked(schemas.PLATFORM_TEXT, GOOD | {"conversationId": "c-1"})


@pytest.mark.parametrize(
    ("query_string", "parameter", "code"),
    [
        ("limit=0", "limit", "range"),
        ("limit=201", "limit", "range"),
        ("limit=x", "limit", "type"),
        ("limit=", "limit", "type"),
        ("page=2", "page", "unknown"),
        ("client=%00", "client", "invalid"),
        ("client=", "client", "length"),
    ],
)
def test_a_fault_in_the_query_names_its_parameter(query_string: str, parameter: str, code: str):
    with APP.test_request_context(f"/?{query_string}"):
        problem = refused(lambda: query(schemas.TEXTS_PAGE))
    assert [(fault["parameter"], fault["code"]) for fault in problem.errors] == [(parameter, code)]


def test_a_list_is_fifty_long_unless_said_otherwise():
    with APP.test_request_context("/"):
        assert query(schemas.TEXTS_PAGE) == {"limit": 50}
    with APP.test_request_context("/?limit=200"):
        assert query(schemas.TEXTS_PAGE) == {"limit": 200}


@pytest.mark.parametrize("text", ["send", "1", "x" * 37, "CA" + "0" * 31 + "\0", "a" * 35 + "'", "ä" * 34])
def test_a_word_that_can_be_no_id_matches_no_route(text: str):
    assert re.fullmatch(IdConverter.regex, text) is None


def test_uuids_and_sids_are_ids():
    for text in (str(uuid4()), "SM" + "0" * 32):
        assert re.fullmatch(IdConverter.regex, text)
