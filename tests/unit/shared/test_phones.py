import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.phone import WITHHELD, is_e164, is_reachable
from shared.phones import NotAPhone, about, is_canonical, normalised


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [("+14155552671", None, "+14155552671"), ("+1 (415) 555-2671", None, "+14155552671"),
     ("+1.415.555.2671", None, "+14155552671"),
     ("(415) 555-2671", "US", "+14155552671"), ("4155552671", "us", "+14155552671"),
     ("1-415-555-2671", "US", "+14155552671"),
     ("tel:+1-415-555-2671", None, "+14155552671"), ("TEL:(415) 555 2671", "US", "+14155552671"),
     ("011 44 20 7946 0958", "US", "+442079460958"), ("0044 20 7946 0958", "DE", "+442079460958"),
     ("+44 (0)20 7946 0958", None, "+442079460958"), ("020 7946 0958", "GB", "+442079460958"),
     ("030/123456", "DE", "+4930123456"),
     # Italy keeps its leading zero, and mobile numbers have none.
     ("+39 06 12345678", None, "+390612345678"), ("06 12345678", "IT", "+390612345678"),
     ("333 1234567", "IT", "+393331234567"),
     # Digits of other scripts, and what copying from an address book brings along.
     ("＋１４１５５５５２６７１", None, "+14155552671"), ("٤١٥٥٥٥٢٦٧١", "US", "+14155552671"),
     ("+٩٧١٥٠١٢٣٤٥٦٧", None, "+971501234567"),
     ("\u202a+1\u00a0(415)\u00a0555\u20112671\u202c", None, "+14155552671"), (" +1 415 555 2671\n", None, "+14155552671"),
     # Only the length is judged: the made-up numbers of examples, a shared 555, an area code that is not in use.
     ("+15551234567", None, "+15551234567"), ("+11234567890", None, "+11234567890"), ("+15005550006", None, "+15005550006"),
     ("+19005551234", None, "+19005551234"), ("+800 1234 5678", None, "+80012345678"), ("211234", "FO", "+298211234")],
)  # fmt: skip
def test_a_number_is_read_as_people_write_it(text, region, number):
    assert normalised(text, region) == number


@pytest.mark.parametrize(
    ("text", "region", "reason"),
    [("", None, "empty"), (" \u200b", "US", "empty"), ("Anonymous", None, "withheld"), ("+266696687", None, "withheld"),
     ("+8656696", None, "withheld"), ("unknown", "US", "withheld"), ("1-800-FLOWERS", "US", "letters"),
     ("call +14155552671", None, "letters"), ("+1415555267l", None, "letters"), ("client:joe", "US", "letters"),
     ("+1 415 555 2671 ext. 12", None, "extension"), ("415-555-2671 x12", "US", "extension"),
     ("415 555 2671#12", "US", "extension"),
     ("tel:+1-415-555-2671;ext=5", None, "extension"), ("911", "US", "short-number"), ("988", "US", "short-number"),
     ("112", "DE", "short-number"), ("116 117", "DE", "short-number"), ("12345", "US", "short-number"),
     ("911", None, "no-country"),
     ("14155552671", None, "no-country"), (" 14155552671", None, "no-country"), ("0014155552671", None, "no-country"),
     ("4155552671", "XX", "no-country"), ("555 2671", "US", "no-area-code"), ("+1415555267", None, "too-short"),
     ("+1911", None, "too-short"), ("+1 415 555 26711", None, "too-long"), ("+44 20 7946 0958 1234", None, "too-long"),
     ("+999123456789", None, "unknown-country"), ("+0014155552671", None, "unknown-country"),
     ("++14155552671", None, "not-a-number"),
     ("415 555 2671, 415 555 2672", "US", "not-a-number"), ("+14155552671/+14155552672", None, "not-a-number"),
     ("*67 415 555 2671", "US", "not-a-number"), ("+", None, "not-a-number"), ("1" * 70, "US", "not-a-number"),
     ("+14155552671\0", None, "not-a-number"), ("tel:555-2671;phone-context=+1415", None, "not-a-number")],
)  # fmt: skip
def test_what_could_not_be_texted_is_refused_with_the_reason(text, region, reason):
    with pytest.raises(NotAPhone) as refused:
        normalised(text, region)
    assert refused.value.reason == reason
    assert text == "" or text not in str(refused.value)  # it may be somebody's number


@given(st.text(), st.sampled_from([None, "US", "DE", "IT", "FO"]))
def test_whatever_is_written_is_a_number_or_refused(text, region):
    try:
        number = normalised(text, region)
    except NotAPhone:
        return
    assert is_reachable(number)
    assert is_canonical(number)


spellings = st.tuples(
    st.sampled_from(["+1", "+44", "+39", "+49", "+61", "+353", ""]),
    st.text("0123456789٠١٢ ()-./", min_size=3, max_size=18),
).map("".join)


@given(spellings, st.sampled_from([None, "US", "DE", "IT", "FO"]))
def test_a_number_read_once_reads_the_same_again(text, region):
    try:
        number = normalised(text, region)
    except NotAPhone:
        return
    assert is_e164(number)
    assert number.isascii()
    assert normalised(number) == normalised(number, "DE") == number


@pytest.mark.parametrize(
    ("number", "region", "kind"),
    [("+14155552671", "US", "fixed-or-mobile"), ("+16045551234", "CA", "fixed-or-mobile"),
     ("+18005551234", "US", "toll-free"),
     ("+19005551234", "US", "premium"), ("+393331234567", "IT", "mobile"), ("+390612345678", "IT", "fixed-line"),
     ("+491801234567", "DE", "shared-cost"), ("+447640123456", "GB", "pager"), ("+445612345678", "GB", "voip"),
     ("+80012345678", None, "toll-free"), ("+15551234567", "US", "unknown")],
)  # fmt: skip
def test_the_plan_says_what_and_where_a_number_is(number, region, kind):
    known = about(number)
    assert (known.region, known.kind, known.is_possible) == (region, kind, True)
    assert known.is_valid == (kind != "unknown")


def test_an_area_code_tells_the_zone_and_a_toll_free_number_may_be_anywhere():
    assert about("+14155552671").zones == ("America/Los_Angeles",)
    assert {"America/New_York", "America/Los_Angeles"} < {*about("+18005551234").zones}
    assert about("+15551234567").zones == ()
    assert about("+80012345678").zones == ()


def test_a_number_of_a_wrong_length_is_known_as_impossible():
    assert not about("+1415555267").is_possible
    with pytest.raises(NotAPhone):
        about("+999123456789")


@pytest.mark.parametrize("withheld", sorted(WITHHELD))
def test_a_withheld_caller_is_no_number(withheld):
    with pytest.raises(NotAPhone, match="withheld"):
        normalised(withheld)


@pytest.mark.parametrize("number", ["+14155552671", "+15551234567", "+390612345678", "+491701234567", "+80012345678"])
def test_a_number_has_one_form(number):
    assert is_canonical(number)


@pytest.mark.parametrize(
    "number",
    ["+114155552671", "+4901701234567", "+44 2079460958", "+1415555267", "+999123456789", "+266696687", "4155552671", "",
     "+1415555267١", "+14155552671;ext=5", "tel:+14155552671", "+14155552671\n"],
)  # fmt: skip
def test_every_other_form_of_it_is_seen(number):
    assert not is_canonical(number)


def test_a_national_prefix_after_the_country_code_is_read_over():
    assert normalised("+49 (0)170 1234567") == "+491701234567"
    assert normalised("+1 1 415 555 2671") == "+14155552671"


@given(st.one_of(
    st.from_regex(r"\+[0-9]{5,16}", fullmatch=True), st.text(max_size=16),
    st.from_regex(r"\+1[2-9][0-9]{9,10}", fullmatch=True),
))  # fmt: skip
def test_what_is_canonical_is_what_is_not_changed_by_being_normalised(text):
    try:
        is_unchanged = normalised(text) == text
    except NotAPhone:
        is_unchanged = False
    assert is_canonical(text) == is_unchanged
