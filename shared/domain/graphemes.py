"""What a reader takes for one character: grapheme clusters as Unicode defines them (UAX #29, extended).

Without rule GB9c (Indic conjuncts): Twilio's own calculator does not join those either. `sticks` is for who must not
separate them.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Final

from shared.data import read

_CLASSES: Final = ("Control", "Extend", "Prepend", "SpacingMark", "L", "V", "T", "Pictographic")
_ZWJ: Final = "\u200d"
_FIRST_SYLLABLE, _LAST_SYLLABLE, _SYLLABLES_A_VOWEL = 0xAC00, 0xD7A3, 28  # Hangul: every 28th has no final consonant
_FIRST_FLAG, _LAST_FLAG = 0x1F1E6, 0x1F1FF  # regional indicators: two make a flag
_VIRAMA: Final = 9  # the canonical combining class of what joins Indic consonants
# Which class does not part from which: GB6, GB7 and GB8.
_HANGUL: Final = {"L": {"L", "V", "LV", "LVT"}, "LV": {"V", "T"}, "V": {"V", "T"}, "LVT": {"T"}, "T": {"T"}}


def clusters(text: str) -> Iterator[str]:
    """The grapheme clusters of `text`, in order; joined they are `text`. CR LF is one."""
    start = 0
    for end in range(1, len(text)):
        if _parts(text, start, end):
            yield text[start:end]
            start = end
    if text:
        yield text[start:]


def sticks(cluster: str) -> bool:
    """Whether the next cluster may be joined to this one on the screen: it ends in a virama, marks after it or not."""
    return any(unicodedata.combining(mark) == _VIRAMA for mark in cluster[1:])


def _parts(text: str, start: int, at: int) -> bool:
    """Whether the cluster that began at `start` ends before `at`."""
    before, after = _class_of(text[at - 1]), _class_of(text[at])
    if before == after == "Other":
        return True
    if text[at - 1 : at + 1] == "\r\n":  # GB3
        return False
    if "Control" in (before, after):  # GB4, GB5
        return True
    if after in ("Extend", "ZWJ", "SpacingMark") or before == "Prepend":  # GB9, GB9a, GB9b
        return False
    if after in _HANGUL.get(before, ()):
        return False
    if after == "Pictographic":  # GB11
        return not (before == "ZWJ" and _ends_in_a_picture(text[start : at - 1]))
    return not (before == after == "Flag" and (at - _flags_begin(text, start, at)) % 2)  # GB12, GB13


def _ends_in_a_picture(cluster: str) -> bool:
    end = len(cluster)
    while end and _class_of(cluster[end - 1]) == "Extend":
        end -= 1
    return end > 0 and _class_of(cluster[end - 1]) == "Pictographic"


def _flags_begin(text: str, start: int, at: int) -> int:
    """Where in the cluster the regional indicators before `at` begin: after a Prepend perhaps."""
    while start < at and _class_of(text[start]) != "Flag":
        start += 1
    return start


def _class_of(letter: str) -> str:
    """The Grapheme_Cluster_Break of a character, its two emoji classes included."""
    code = ord(letter)
    if 0x20 <= code < 0x7F:  # most of every text
        return "Other"
    if _FIRST_SYLLABLE <= code <= _LAST_SYLLABLE:
        return "LVT" if (code - _FIRST_SYLLABLE) % _SYLLABLES_A_VOWEL else "LV"
    if _FIRST_FLAG <= code <= _LAST_FLAG:
        return "Flag"
    if letter in "\r\n":
        return "Control"
    return "ZWJ" if letter == _ZWJ else _listed(code)


@lru_cache(maxsize=1024)  # a text has few different characters
def _listed(code: int) -> str:
    starts, ranges = _table()
    _, last, name = ranges[max(bisect_right(starts, code) - 1, 0)]
    return name if starts[0] <= code <= last else "Other"


@cache
def _table() -> tuple[list[int], list[tuple[int, int, str]]]:
    """The starts of all listed ranges, and the ranges with their class."""
    ranges = sorted((*_range(spelt), name) for name in _CLASSES for spelt in read("graphemes")[name])
    return [first for first, _, _ in ranges], ranges


def _range(spelt: str) -> tuple[int, int]:
    first, _, last = spelt.partition("-")
    return int(first, 16), int(last or first, 16)
