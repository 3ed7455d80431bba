from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.form import MOST_FIELDS, first_values, is_form, pairs

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
values = st.text(st.characters(codec="utf-8"), max_size=50)


@given(st.lists(st.tuples(names, values), max_size=30))
def test_what_was_encoded_is_decoded_in_its_order_with_its_blanks(fields):
    body = urlencode(fields).encode()
    assert pairs(body) == fields == parse_qsl(body.decode(), keep_blank_values=True)


@given(st.binary(max_size=300))
def test_no_body_makes_it_raise(body):
    assert isinstance(pairs(body), list)


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
