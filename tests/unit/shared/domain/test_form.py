import json
from urllib.parse import parse_qsl, unquote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.form import MOST_FIELDS, first_values, is_form, pairs, posted

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
values = st.text(st.characters(codec="utf-8"), max_size=50)


@given(st.lists(st.tuples(names, values), max_size=30))
def test_what_was_encoded_is_decoded_in_its_order_with_its_blanks(fields):
    body = urlencode(fields).encode()
    assert pairs(body) == fields == parse_qsl(body.decode(), keep_blank_values=True)


@given(st.binary(max_size=300))
def test_no_body_makes_it_raise(body):
    assert isinstance(pairs(body), list)


@given(
    st.lists(
        st.sampled_from(["%2B", "%2b", "%41", "%", "%4", "%zz", "%C3%BC", "%ff", "%00", "+", "a", "%25", "%7F", "%80"]),
        max_size=8,
    )
)
def test_escapes_mean_what_they_mean_to_the_standard_library(pieces):
    quoted = "".join(pieces)
    assert pairs(f"{quoted}={quoted}".encode()) == [(unquote_plus(quoted), unquote_plus(quoted))]


def test_blanks_spaces_and_plus_signs_survive():
    assert pairs(b"From=%2B1415&Body=+a+b+&CallerName=") == [("From", "+1415"), ("Body", " a b "), ("CallerName", "")]


def test_raw_utf8_and_broken_utf8_are_both_text():
    assert pairs("Body=héllo".encode()) == [("Body", "héllo")]
    assert pairs(b"Body=%ff\xfe") == [("Body", "��")]


def test_a_thousand_fields_are_enough():
    assert len(pairs(b"&".join([b"a=1"] * MOST_FIELDS))) == MOST_FIELDS
    with pytest.raises(ValueError, match="at most"):
        pairs(b"&".join([b"a=1"] * (MOST_FIELDS + 1)))


def test_of_a_repeated_name_the_first_value_counts():
    assert first_values([("a", "1"), ("b", "2"), ("a", "3")]) == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    "content_type", ["", "application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=UTF-8"]
)
def test_a_form_is_known_by_its_type_however_it_is_spelt(content_type):
    assert is_form(content_type, b"a=1")


def test_json_and_xml_are_no_forms_and_an_empty_body_is_one():
    assert not is_form("application/json", b"{}")
    assert not is_form("text/xml", b"<a/>")
    assert is_form("application/json", b"")


FORM = "application/x-www-form-urlencoded; charset=utf-8"


def test_a_form_speaks_for_itself_and_its_query_does_not():
    assert posted(FORM, "message_id=1&a=9", b"a=1&b=&a=2") == {"a": "1", "b": ""}


@pytest.mark.parametrize("content_type", ["", FORM, "application/json"])
def test_without_a_body_the_query_speaks(content_type):
    assert posted(content_type, "From=%2B1415&Body=a+b&x", b"") == {"From": "+1415", "Body": "a b", "x": ""}
    assert posted(content_type, "", b"") == {}


def test_of_json_the_top_scalars_count_and_stand_over_the_query():
    body = json.dumps({"a": "1", "n": 12, "t": True, "none": None, "list": [1], "map": {"x": 1}}).encode()
    assert posted("application/json", "bodySHA256=ff&a=0", body) == {
        "bodySHA256": "ff",
        "a": "1",
        "n": "12",
        "t": "true",
    }


def test_numbers_of_json_keep_their_spelling_whatever_their_length():
    digits = "9" * 5000
    body = f'{{"long": {digits}, "price": 1.10, "nan": NaN}}'.encode()
    assert posted("application/json", "", body) == {"long": digits, "price": "1.10", "nan": "NaN"}


@pytest.mark.parametrize("body", [b"[1]", b"{", b"{]", b'"a"', b"\xff", b"<a/>", b'{"a":' * 100_000, b"{\xff}"])
def test_of_a_body_that_is_no_json_object_only_the_query_counts(body):
    assert posted("application/json", "a=1", body) == {"a": "1"}


def test_lone_surrogates_are_replaced():
    assert posted("application/json", "", b'{"a\\ud800": "x\\udfff"}') == {"a?": "x?"}


@pytest.mark.parametrize(
    ("content_type", "query", "body"),
    [
        (FORM, "", b"&".join([b"a=1"] * (MOST_FIELDS + 1))),
        ("", "&".join(["a"] * (MOST_FIELDS + 1)), b""),
        ("application/json", "", json.dumps({str(n): "" for n in range(MOST_FIELDS + 1)}).encode()),
    ],
)
def test_too_many_fields_are_refused_wherever_they_are(content_type, query, body):
    with pytest.raises(ValueError, match="at most"):
        posted(content_type, query, body)


@given(st.sampled_from(["", FORM, "application/json", "text/xml"]), st.text(max_size=50), st.binary(max_size=200))
def test_whatever_is_posted_is_text_that_utf8_can_hold(content_type, query, body):
    for name, value in posted(content_type, query, body).items():
        assert isinstance((name + value).encode(), bytes)
