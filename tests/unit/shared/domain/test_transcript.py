"""What was heard of a call, piece by piece, as one text that holds no secret."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.redaction import markers, redact
from shared.domain.transcript import Piece, in_order, joined, without_secrets

T0 = datetime(2026, 3, 1, tzinfo=UTC)
IN, OUT = "inbound_track", "outbound_track"


def piece(track, sequence, at, text):
    return Piece(track, sequence, T0 + timedelta(seconds=at), text)


TALK = [
    piece(IN, 2, 1, "Hello"), piece(IN, 4, 2, "it is me"), piece(OUT, 3, 3, "Yes?"), piece(IN, 9, 4, "Bye"),
]  # fmt: skip


def test_it_reads_as_it_was_spoken_with_each_speakers_name():
    text = joined(in_order(TALK[::-1]), {IN: "customer", OUT: "agent"})
    assert text == "customer: Hello it is me\nagent: Yes?\ncustomer: Bye"


def test_one_speaker_needs_no_name_and_a_strange_name_is_none():
    assert joined(TALK[:2], {IN: "customer"}) == "Hello it is me"
    for strange in ("4111 1111 1111 1111", "a\nb", "x" * 99, "pin 1", ""):
        assert joined(TALK[:3], {IN: strange}) == "inbound: Hello it is me\noutbound: Yes?"


def test_within_a_track_the_number_counts_and_not_the_clock():
    late_first = [piece(IN, 1, 5, "a"), piece(IN, 2, 1, "b"), piece(OUT, 1, 3, "c")]
    assert [each.text for each in in_order(late_first)] == ["c", "a", "b"]


@pytest.mark.parametrize("between", ["go on", "", "one moment", "yes"])
def test_a_card_number_is_gone_though_the_other_speaks_in_between(between):
    said = [piece(IN, 1, 1, "it is 4111 1111"), piece(OUT, 1, 2, between), piece(IN, 2, 3, "1111 1111 ok")]
    assert without_secrets(said) == ["it is [card]", between, " ok"]


def test_a_card_number_that_two_say_together_is_gone():
    said = [piece(IN, 1, 1, "4111 1111"), piece(OUT, 1, 2, "1111 1111")]
    assert without_secrets(said) == ["[card]", ""]


WORDS = st.sampled_from(
    ["4111 1111", "1111 1111", "pin is", "1234", "hello", "password", "hunter2", "one two", "", "[card]"]
)
PIECES = st.lists(
    st.builds(piece, st.sampled_from([IN, OUT]), st.integers(0, 30), st.integers(0, 30), WORDS),
    max_size=10, unique_by=lambda each: (each.track, each.sequence),
)  # fmt: skip


@given(PIECES, st.randoms())
def test_the_order_they_came_in_makes_no_difference(pieces, chance):
    shuffled = list(pieces)
    chance.shuffle(shuffled)
    assert in_order(pieces) == in_order(shuffled)


@given(PIECES)
def test_neither_the_text_nor_any_piece_nor_a_speakers_pieces_hold_a_secret(pieces):
    ordered = in_order(pieces)
    clean = [
        Piece(each.track, each.sequence, each.spoken_at, text)
        for each, text in zip(ordered, without_secrets(ordered), strict=True)
    ]
    for track in (IN, OUT):
        own = " ".join(each.text for each in clean if each.track == track)
        assert redact(own) == (own, 0)
    assert all(redact(each.text)[1] == 0 for each in clean)
    text = joined(clean, {})
    assert redact(text) == (text, 0)
    assert markers(text) >= sum(markers(each.text) for each in clean)
