"""A secret that was said over several pieces is gone from each of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.pieces import BETWEEN, redact_pieces
from shared.domain.redaction import markers, redact


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (["my card is 4111 1111", "1111 1111 thanks"], ["my card is [card]", " thanks"]),
        (["four one one one one one one one", "one one one one", "one one one one"], ["[card]", "", ""]),
        (["the pin is", "1234", "ok"], ["the pin is", "[pin]", "ok"]),
        (["123", "45 6789"], ["[ssn]", ""]),
        (["4111111111111111", "and 4111 1111", "", "1111 1111"], ["[card]", "and [card]", "", ""]),
        (["call +1 212 555", "0123 now"], ["call +1 212 555", "0123 now"]),
        ([], []),
    ],
)
def test_a_secret_over_pieces_leaves_its_marker_where_it_begins(said, kept):
    assert redact_pieces(said) == kept


WORDS = st.sampled_from(["4111", "1111", "one", "cvv", "is", "pin", "password", "[card]", "123-45-6789", "hello", "-"])
SAID = st.lists(st.lists(WORDS | st.text("0123456789 -[]ab", max_size=9), max_size=5).map(" ".join), max_size=8)


@given(SAID)
def test_what_the_whole_hides_no_piece_shows(said):
    clean = redact_pieces(said)
    whole, count = redact(BETWEEN.join(said))
    assert len(clean) == len(said)
    assert "".join(clean).replace(" ", "") == whole.replace(" ", "")
    assert sum(map(markers, clean)) - sum(map(markers, said)) == count


@given(SAID)
def test_twice_is_once(said):
    once = redact_pieces(said)
    assert redact_pieces(once) == once
