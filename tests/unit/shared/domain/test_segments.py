"""The count of parts against the standard's figures, and against a slow counting of another kind."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from wcwidth import iter_graphemes

from shared.data import read
from shared.domain.segments import (
    LONGEST,
    is_too_long,
    measure,
    segments_saved,
    smart,
    smart_encoded,
    split,
    unsendable,
)

# 3GPP TS 23.038, typed here a second time.
BASIC = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"  # noqa: E501
EXTENSION = "\f^{}\\[~]|€"
FAMILY, FLAG, THUMB = "👨‍👩‍👧‍👦", "🇺🇸", "👍🏽"
PIECES = [
    "a",
    " ",
    "[",
    "€",
    "\r\n",
    "\n",
    "é",
    "’",
    "“",
    "…",
    "\u00a0",
    "½",
    "\t",
    "😀",
    FAMILY,
    FLAG,
    THUMB,
    "e\u0301",
    "1️⃣",
    "ç",
]
bodies = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=200).map("".join),
    st.builds(lambda piece, times, last: piece * times + last, st.sampled_from(PIECES), st.integers(0, 400), st.text()),
    st.text(),
)


def slowly(body: str) -> tuple[str, int]:
    """The alphabet and the number of parts, by giving each part the longest beginning that fits and asking a codec."""
    if all(letter in BASIC + EXTENSION for letter in body):
        size = lambda text: sum(1 + (letter in EXTENSION) for letter in text)  # noqa: E731
        return "GSM-7", parts_by(size, [*body], 160, 153)
    size = lambda text: len(text.encode("utf-16-le", "surrogatepass")) // 2  # noqa: E731
    clusters = [piece for cluster in iter_graphemes(body) for piece in ([*cluster] if cluster == "\r\n" else [cluster])]
    pieces = [piece for cluster in clusters for piece in (cluster if size(cluster) > 67 else [cluster])]
    return "UCS-2", parts_by(size, pieces, 70, 67)


def parts_by(size, pieces: list[str], single: int, part: int) -> int:
    if size("".join(pieces)) <= single:
        return 1
    count = 0
    while pieces:
        taken = next(n for n in range(len(pieces), 0, -1) if size("".join(pieces[:n])) <= part)
        pieces, count = pieces[taken:], count + 1
    return count


def test_the_alphabet_is_the_standards():
    assert {*read("gsm7")["basic"].values()} == {*BASIC}
    assert {*read("gsm7")["extension"].values()} == {*EXTENSION}
    assert len(BASIC) == 127  # 128 septets, one of them the escape


@pytest.mark.parametrize(
    ("body", "encoding", "units", "segments"),
    [("", "GSM-7", 0, 1), ("a", "GSM-7", 1, 1), ("a" * 160, "GSM-7", 160, 1), ("a" * 161, "GSM-7", 161, 2),
     ("a" * 306, "GSM-7", 306, 2), ("a" * 307, "GSM-7", 307, 3), ("a" * 459, "GSM-7", 459, 3), ("a" * 460, "GSM-7", 460, 4),
     ("a" * 1600, "GSM-7", 1600, 11), ("€" * 80, "GSM-7", 160, 1), ("€" * 81, "GSM-7", 162, 2), ("a€" * 51, "GSM-7", 153, 1),
     ("a" * 158 + "€", "GSM-7", 160, 1), ("a" * 159 + "€", "GSM-7", 161, 2),
     # The euro does not fit into the one septet left of the first part, so it takes two of the second.
     ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3), ("a" * 151 + "€" + "a" * 153, "GSM-7", 306, 2),
     ("€" * 152, "GSM-7", 304, 2), ("€" * 153, "GSM-7", 306, 3), ("\r\n" * 80, "GSM-7", 160, 1),
     ("\r\n" * 81, "GSM-7", 162, 2),
     ("\r\n" * 153, "GSM-7", 306, 2), ("\f", "GSM-7", 2, 1), ("ç" * 70, "UCS-2", 70, 1), ("ç" * 71, "UCS-2", 71, 2),
     ("ç" * 134, "UCS-2", 134, 2), ("ç" * 135, "UCS-2", 135, 3), ("Ç" * 160, "GSM-7", 160, 1), ("`", "UCS-2", 1, 1),
     ("\t", "UCS-2", 1, 1),
     ("😀" * 35, "UCS-2", 70, 1), ("😀" * 36, "UCS-2", 72, 2), ("😀" * 66, "UCS-2", 132, 2), ("😀" * 67, "UCS-2", 134, 3),
     ("a" * 66 + "😀" + "a" * 66, "UCS-2", 134, 3), ("a" * 65 + "😀" + "a" * 67, "UCS-2", 134, 2),
     ("[" * 68 + "😀", "UCS-2", 70, 1), (FLAG, "UCS-2", 4, 1), (FAMILY, "UCS-2", 11, 1), (THUMB, "UCS-2", 4, 1),
     ("e\u0301", "UCS-2", 2, 1),
     (FAMILY * 6, "UCS-2", 66, 1), (FAMILY * 12, "UCS-2", 132, 2), (FAMILY * 13, "UCS-2", 143, 3),
     ("a" * 65 + FLAG + "a" * 65, "UCS-2", 134, 3), ("a" * 66 + "ç\r\n" + "a" * 65, "UCS-2", 134, 2),
     ("e" + "\u0301" * 133, "UCS-2", 134, 2)],
)  # fmt: skip
def test_a_text_has_as_many_parts_as_the_standard_says(body, encoding, units, segments):
    measured = measure(body)
    assert (measured.encoding, measured.units, measured.segments) == (encoding, units, segments)
    assert measured.characters == len(body)


@pytest.mark.parametrize("letter", [*BASIC, *EXTENSION])
def test_every_character_of_the_alphabet_is_gsm(letter):
    assert measure(letter).encoding == "GSM-7"
    assert measure(letter).units == (2 if letter in EXTENSION else 1)


@pytest.mark.parametrize("letter", [*"`çáíóúÁÍÓÚâêîôûãõ’“”–…\t\u00a0\x1bα😀"])
def test_one_other_character_turns_the_whole_text(letter):
    assert measure("a" * 69 + letter).encoding == "UCS-2"


@given(bodies)
@example("a" * 152 + "€" * 3)
@example("😀" * 70)
def test_the_count_is_that_of_a_slow_counting(body):
    measured = measure(body)
    assert (measured.encoding, measured.segments) == slowly(body)


@given(bodies)
def test_the_parts_are_the_text_and_none_is_too_long(body):
    measured = measure(body)
    single, part = (160, 153) if measured.encoding == "GSM-7" else (70, 67)
    assert "".join(measured.parts) == body
    assert len(measured.parts) == measured.segments
    sizes = [sum(1 + (letter in EXTENSION) if measured.encoding == "GSM-7" else 1 + (letter > "\uffff") for letter in text)
             for text in measured.parts]  # fmt: skip
    assert sum(sizes) == measured.units
    assert max(sizes) <= (single if measured.segments == 1 else part)


def test_what_forces_ucs_2_is_named_with_its_places():
    forcing = measure("It’s 5 o’clock 😀").forcing
    assert [(found.code, found.positions) for found in forcing] == [("U+2019", (2, 8)), ("U+1F600", (15,))]
    assert forcing[0].name == "RIGHT SINGLE QUOTATION MARK"
    assert measure("It's 5 {o'clock} €").forcing == ()


@pytest.mark.parametrize("body", ["a" * 1600, "😀" * 1600])
def test_the_limit_is_counted_in_characters(body):
    assert not is_too_long(body)
    assert is_too_long(body + "a")


@pytest.mark.parametrize("letter", ["\0", "\x07", "\x0b", "\x1b", "\x7f", "\x85", "\x9f", "\ud83d", chr(0xDFFF)])
def test_what_no_phone_shows_is_found(letter):
    assert [(found.character, found.positions) for found in unsendable(f"a{letter}b{letter}")] == [(letter, (1, 3))]
    assert measure(letter).encoding == "UCS-2"  # and measuring it is no error


def test_line_ends_tabs_and_invisible_joiners_may_be_sent():
    assert unsendable(f"a\r\n\t\f{FAMILY}\u200b\u00ad\ufeff") == ()
    assert unsendable(unsendable("\x07")[0].name) == ()  # a control has no name: its code stands for it


# Splitting what is too long for one message


@given(bodies, st.integers(1, 60))
def test_split_texts_are_the_text_and_none_is_too_long(body, longest):
    texts = split(body, longest)
    assert "".join(texts) == body
    assert max(map(len, texts)) <= longest
    assert all(texts) or texts == ("",)


@given(bodies, st.integers(11, 60))  # no cluster of `PIECES` is longer than 11
def test_no_cluster_is_cut_by_a_split(body, longest):
    whole = [*iter_graphemes(body)]
    if all(len(cluster) <= longest for cluster in whole):
        assert [cluster for text in split(body, longest) for cluster in iter_graphemes(text)] == whole


def test_a_text_within_the_limit_is_not_split():
    assert split("a" * LONGEST) == ("a" * LONGEST,)
    assert split("") == ("",)


def test_a_split_is_at_a_blank_near_the_end_if_there_is_one():
    assert split("Please call us back today", 14) == ("Please call ", "us back today")
    assert split("a bcdefghijklmnop", 10) == ("a bcdefghi", "jklmnop")
    assert split("abcdefgh\u00a0ijk", 10) == ("abcdefgh\u00a0i", "jk")


def test_an_indic_conjunct_is_not_cut():
    assert split("ab" + "क्ष", 4) == ("ab", "क्ष")


def test_a_cluster_that_is_too_long_by_itself_is_cut():
    assert [*map(len, split("e" + "\u0301" * 1700))] == [1600, 101]


def test_a_split_into_nothing_is_refused():
    with pytest.raises(ValueError, match="one character"):
        split("abc", 0)


# Smart Encoding


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("“It’s” – here…", '"It\'s" - here...'),
        ("½ price", "1/2 price"),
        ("a\u00a0b", "a  b"),
        ("`a´", "'a'"),
        ("•", "-"),
    ],
)
def test_look_alikes_are_replaced_as_twilio_does(body, text):
    assert smart_encoded(body) == text
    assert smart(body)[0] == text


def test_every_replacement_is_of_the_gsm_alphabet_and_of_what_is_not():
    table = read("smart_encoding")["replacements"]
    assert len(table) == 271
    for code, text in table.items():
        assert measure(text).encoding == "GSM-7"
        assert measure(chr(int(code[2:], 16))).encoding == "UCS-2"


def test_an_offer_names_what_is_replaced_and_what_it_saves():
    body = "It’s " + "a" * 100
    text, replacements = smart(body)
    assert text == "It's " + "a" * 100
    assert replacements == ((2, "’", "'"),)
    assert segments_saved(body) == 1


@pytest.mark.parametrize(
    "body", ["\t" * 70, "😀" + "\u00a0" * 60, "\u200b", "a" * 1599 + "…", "plain", "😀", ""],
    ids=["tabs", "emoji stays", "nothing left", "too long then", "gsm", "emoji", "empty"],
)  # fmt: skip
def test_no_offer_is_made_where_it_would_not_help(body):
    assert smart(body) == (body, ())
    assert segments_saved(body) == 0


@given(bodies)
def test_an_offer_never_costs_a_part_more_and_has_nothing_left_to_replace(body):
    text, replacements = smart(body)
    assert measure(text).segments <= measure(body).segments
    assert (text == body) == (replacements == ())
    assert smart(text)[0] == text
    for at, letter, other in replacements:
        assert body[at] == letter != other
