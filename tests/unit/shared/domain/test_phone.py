import pytest

from shared.domain.phone import WITHHELD, is_e164, is_reachable, masked, scrubbed, without_channel


@pytest.mark.parametrize("text", ["+14155552671", "+4930123456", "+15005550006"])
def test_a_full_international_number_is_e164(text):
    assert is_e164(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "anonymous",
        "4155552671",
        "+0123456789",
        "+1415555267112345",
        "+1 415",
        "client:joe",
        "+1415555267١",
        "+14155552671\n",
    ],
)
def test_what_cannot_be_dialled_is_not_e164(text):
    assert not is_e164(text)


@pytest.mark.parametrize("withheld", sorted(WITHHELD))
def test_a_withheld_caller_is_not_reachable_though_it_looks_like_a_number(withheld):
    assert is_e164(withheld)
    assert not is_reachable(withheld)


def test_a_masked_number_shows_area_and_tail_only():
    assert masked("+14155552671") == "+1415•••2671"
    assert masked("client:alice") == "(not a number)"


def test_every_number_in_a_text_is_masked_also_a_percent_encoded_one():
    assert scrubbed("to +14155552671 or To=%2B12125550142&x=1") == "to +1415•••2671 or To=+1212•••0142&x=1"


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("whatsapp:+14155550100", "+14155550100"), ("+14155550100", "+14155550100"), ("rcs:acme_agent", "rcs:acme_agent"),
        ("sip:+14155550100@acme.example.com", "sip:+14155550100@acme.example.com"), ("whatsapp:", "whatsapp:"), ("", ""),
    ],
)  # fmt: skip
def test_an_address_of_a_channel_is_read_as_the_number_in_it(address, number):
    assert without_channel(address) == number
