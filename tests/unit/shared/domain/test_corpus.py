import re
from collections import Counter

import pytest

from shared.domain.event_keys import Kind, name
from tests import corpus

PAYLOADS = corpus.payloads()


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.name)
def test_each_request_is_taken_for_what_it_is(payload):
    named = name(payload.params, payload.door, payload.path, payload.token, payload.query)
    assert (named.kind, named.key) == (payload.kind, payload.key)


def test_every_kind_is_in_the_corpus_and_every_name_and_key_is_one_requests():
    assert {payload.kind for payload in PAYLOADS} == set(Kind.__args__)
    assert Counter(payload.name for payload in PAYLOADS).most_common(1)[0][1] == 1
    assert Counter(payload.key for payload in PAYLOADS).most_common(1)[0][1] == 1


def test_the_corpus_names_nobody():
    told = "".join(str(payload) for payload in PAYLOADS)
    assert "example.com" in told
    assert all(number[5:8] == "555" or number[2:5] == "555" for number in _numbers(told))


def _numbers(text):
    return [f"+1{digits}" for digits in re.findall(r"(?:\+|%2B)1([0-9]{10})\b", text)]
