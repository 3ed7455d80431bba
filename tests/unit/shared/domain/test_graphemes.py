"""Clusters are compared with an implementation of another hand (wcwidth's, which comes with Celery)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import iter_graphemes

from shared.domain.graphemes import clusters, sticks

# One of every class of UAX #29, and of the emoji that are built from others; no Indic consonant (rule GB9c).
PIECES = ["a", " ", "\r", "\n", "\t", "\u0301", "\u200d", "\u200c", "\ufe0f", "👩", "💻", "🏽", "❤", "🇺", "🇸", "한", "ㄱ",
          "\u1100", "\u1161", "\u11a8", "가", "각", "\u0e33", "\u0903", "\u0600", "\u00ad", "©", "🏴", "\U000e0067",
          "\U000e007f", "\u20e3", "1"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_clusters_are_those_of_another_implementation(text):
    assert [*clusters(text)] == [*iter_graphemes(text)]


def is_indic_conjunct(text: str) -> bool:
    return any(unicodedata.combining(letter) == 9 for letter in text)


@given(st.text(max_size=20).filter(lambda text: not is_indic_conjunct(text)))
def test_and_so_they_are_for_any_text(text):
    assert [*clusters(text)] == [*iter_graphemes(text)]


@pytest.mark.parametrize(
    "character",
    ["e\u0301\u0301", "🇩🇪", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "1️⃣", "❤️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "\u1112\u1161\u11ab", "ก็", "\r\n"],
)
def test_what_a_reader_sees_as_one_character_is_one(character):
    assert [*clusters(f"a{character}b")] == ["a", character, "b"]


def test_flags_are_paired_from_the_left():
    assert [*clusters("🇺🇸🇩🇪🇫")] == ["🇺🇸", "🇩🇪", "🇫"]


def test_an_indic_conjunct_is_two_clusters_that_stick_together():
    assert [*clusters("क्ष")] == ["क्", "ष"]
    assert sticks("क्")
    assert not sticks("ष")
