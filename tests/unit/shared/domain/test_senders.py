import pytest

from shared.domain.magic import error_of, is_test_number
from shared.domain.price_class import price_class
from shared.domain.senders import can_be_answered, can_reach, can_send_media, default_rate, kind_of, likely_kind

SERVICE = "MG" + "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("sender", "kind"),
    [("+14155552671", "long-code"), ("+442079460958", "long-code"), ("+18005551234", "toll-free"),
     ("+18335551234", "toll-free"),
     ("+18445551234", "toll-free"), ("+18555551234", "toll-free"), ("+18665551234", "toll-free"),
     ("+18775551234", "toll-free"),
     ("+18885551234", "toll-free"), ("+18225551234", "long-code"), ("+18085551234", "long-code"),
     ("+448001234567", "long-code"),
     ("12345", "short-code"), ("123456", "short-code"), ("123", "short-code"), ("12345678", "short-code"),
     ("A", "alphanumeric"),
     ("My Shop", "alphanumeric"), ("Shop-24_7&+", "alphanumeric"), ("12345A", "alphanumeric"), (SERVICE, "service")],
)  # fmt: skip
def test_a_sender_is_of_a_kind(sender, kind):
    assert kind_of(sender) == kind


@pytest.mark.parametrize(
    "sender", ["", "12", "123456789", "01234", "Twelve chars", "Müller", "Shop!", "+1415", "+abc", SERVICE + "0",
               "12 345", "whatsapp:+14155552671", "+1415555267١", "Shop\n", "12345\n", SERVICE + "\n", "-- --"],
)  # fmt: skip
def test_what_twilio_does_not_take_as_a_sender_is_of_none(sender):
    with pytest.raises(ValueError, match=r"neither|not in E\.164"):
        kind_of(sender)


@pytest.mark.parametrize(
    ("kind", "region", "segments_per_s"),
    [("long-code", "US", 1), ("long-code", "CA", 1), ("long-code", "GB", 10), ("long-code", None, 1), ("toll-free", "US", 3),
     ("short-code", "US", 100), ("alphanumeric", None, 10), ("service", None, 1)],
)  # fmt: skip
def test_a_sender_has_the_rate_that_twilio_gives_its_kind(kind, region, segments_per_s):
    assert default_rate(kind, region) == segments_per_s


def test_media_go_out_from_numbers_of_the_us_and_canada():
    assert all(
        can_send_media(kind, region)
        for kind in ("long-code", "toll-free", "short-code")
        for region in ("US", "CA", None)
    )
    assert can_send_media("service")
    assert not can_send_media("alphanumeric")
    assert not can_send_media("long-code", "GB")


def test_an_alphanumeric_sender_is_one_way_and_not_for_north_america():
    assert not can_be_answered("alphanumeric")
    assert all(map(can_be_answered, ("long-code", "toll-free", "short-code", "service")))
    assert [can_reach("alphanumeric", None, region) for region in ("US", "CA", "PR", "GB", None)] == [False] * 3 + [
        True
    ] * 2


def test_a_short_code_is_known_in_its_country_only():
    assert can_reach("short-code", "US", "US")
    assert not can_reach("short-code", "US", "CA")
    assert can_reach("short-code", None, "CA")
    assert can_reach("long-code", "US", "CA")


@pytest.mark.parametrize(
    ("to", "sender", "code"),
    [("+15005550001", "+15005550006", 21211), ("+15005550002", "+15005550006", 21612),
     ("+15005550003", "+15005550006", 21408),
     ("+15005550004", "+15005550006", 21610), ("+15005550009", "+15005550006", 21614),
     ("+14155552671", "+15005550006", None),
     ("+14155552671", "+15005550001", 21212), ("+14155552671", "+15005550007", 21606),
     ("+14155552671", "+15005550008", 21611),
     ("+14155552671", "+14155550000", 21606), ("+15005550004", "+15005550001", 21212)],
)  # fmt: skip
def test_magic_numbers_answer_as_twilio_documents(to, sender, code):
    assert error_of(to, sender) == code


def test_the_numbers_kept_for_tests_are_known():
    assert all(is_test_number(f"+1500555000{last}") for last in range(10))
    assert not any(map(is_test_number, ("+14155552671", "+15005560001", "15005550001", "+150055500011")))


@pytest.mark.parametrize(
    ("sender", "recipient", "has_media", "expected"),
    [("US", "US", False, "sms-domestic"), ("US", "US", True, "mms-domestic"), ("US", "CA", False, "sms-international"),
     ("US", "CA", True, "mms-international"), (None, "US", False, "sms-domestic"), (None, "GB", False, "sms-international"),
     ("GB", "GB", False, "sms-domestic"), ("US", None, False, "sms-international"),
     (None, None, False, "sms-international")],
)  # fmt: skip
def test_a_text_is_priced_by_where_it_goes_and_what_it_carries(sender, recipient, has_media, expected):
    assert price_class(sender, recipient, has_media=has_media) == expected


@pytest.mark.parametrize(
    "sender", ["", "whatsapp:+14155550100", "rcs:brand", "+1", "MG1:2", "a name too long to be one"]
)
def test_what_is_no_sender_is_taken_for_the_slowest(sender):
    with pytest.raises(ValueError, match=r"sender|number|neither"):
        kind_of(sender)
    assert likely_kind(sender) == "long-code"
    assert likely_kind("12345") == "short-code"
