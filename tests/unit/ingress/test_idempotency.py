"""The shape of an Idempotency-Key, and what makes two bodies the same."""

import pytest

from ingress.idempotency import _key, fingerprint
from ingress.problem import Problem


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (None, None),
        ("abc-1", "abc-1"),
        ('"abc-1"', "abc-1"),
        (' "a b" ', "a b"),
        (r'"a\"b\\c"', r"a\"b\c".replace('\\"', '"')),
        ("x" * 255, "x" * 255),
    ],
)
def test_bare_and_quoted_keys_are_the_same_key(header: str | None, key: str | None):
    assert _key(header) == key


@pytest.mark.parametrize("header", ["", '""', "x" * 256, "a b", "a,b", '"open', "ä", '"a"b"', "tab\there"])
def test_what_is_no_key_is_refused(header: str):
    with pytest.raises(Problem) as refused:
        _key(header)
    assert refused.value.status == 400


def test_neither_order_nor_white_space_makes_another_body():
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})
    assert fingerprint({"a": [1, 2]}) != fingerprint({"a": [2, 1]})
