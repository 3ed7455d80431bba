import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.loose_json import below, members, scalar, storable

VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) |
                      st.dictionaries(st.text(), inner), max_leaves=10)  # fmt: skip


@given(st.dictionaries(st.text(), VALUES))
def test_an_object_is_read_and_its_members_are_what_they_are_or_nothing(value):
    found = members(json.dumps(value))
    assert found.keys() == value.keys()
    for name in value:
        assert scalar(found, name).encode() is not None
        assert isinstance(below(found, name), dict)


@pytest.mark.parametrize(
    "text", ["", "[]", "1", "null", "{", '{"a"', '{"a":' * 50_000, "{}" + "x", "{" + " " * 300_000 + "}"]
)
def test_whatever_is_no_object_has_no_members(text):
    assert members(text) == {}


def test_numbers_keep_their_spelling_and_truths_are_spelt():
    found = members('{"a": 1.10, "b": %s, "c": true, "d": null, "e": NaN}' % ("9" * 9000))
    assert (scalar(found, "a"), len(scalar(found, "b")), scalar(found, "c"), scalar(found, "d"), scalar(found, "e")) == (
        "1.10", 9000, "true", "", "NaN",
    )  # fmt: skip


def test_what_postgresql_cannot_hold_is_taken_out():
    assert storable("a\0b") == "ab"
    assert storable("ä\0\ud800") == "ä?"
    assert scalar(members('{"a": "x\\u0000\\udfff"}'), "a") == "x?"
