"""Secrets leave a transcript; what people need of it stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.redaction import redact

SPOKEN = "four one one one one one one one one one one one one one one one"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("card 4111 1111 1111 1111 thanks", "card [card] thanks"),
        ("4111-1111-1111-1111", "[card]"),
        ("it is 4.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1", "it is [card]"),
        (f"my card is {SPOKEN}, ok", "my card is [card], ok"),
        ("378282246310005", "[card]"),
        ("the cvv is 123", "the cvv is [code]"),
        ("security code: one two three", "security code: [code]"),
        ("123-45-6789", "[ssn]"),
        ("social security number 123456789", "social security number [ssn]"),
        ("account number is 12345678", "account number is [account]"),
        ("routing number 021000021", "routing number [account]"),
        ("my pin is 1234", "my pin is [pin]"),
        ("password is hunter2 bye", "password is [password] bye"),
    ],
)
def test_a_secret_is_replaced(said: str, kept: str) -> None:
    assert redact(said) == (kept, 1)


@pytest.mark.parametrize(
    "said",
    [
        "call +1 (212) 555-0123",
        "call 2125550123 or +12125550199",
        "order 1234 5678 9012",
        "order 4111 1111 1111 1112, and not a card",  # one digit is wrong: Luhn
        "at nine I was alone",
        "two one two five five five oh one two three",
    ],
)
def test_what_is_no_secret_stays(said: str) -> None:
    assert redact(said) == (said, 0)


def test_a_code_before_a_card_is_a_code() -> None:
    assert redact("cvv 000 4111111111111111") == ("cvv [code] [card]", 2)
    assert redact("cvv 123 55555") == ("cvv [code] 55555", 1)
    assert redact("pin 4111 1111 1111 1111") == ("pin [card]", 1)


WORDS = st.sampled_from(["4111111111111111", "four", "one", "cvv", "is", "pin", "password", "[card]", "123-45-6789"])


@given(st.lists(WORDS | st.text("0123456789 -[]ab", max_size=20)).map(" ".join))
def test_twice_is_once(said: str) -> None:
    once, _ = redact(said)
    assert redact(once) == (once, 0)


def test_a_megabyte_of_digits_is_read_to_its_end() -> None:
    redacted, count = redact("4111111111111111 " * (1 << 16))
    assert count == 1 << 16
    assert redacted.strip() == " ".join(["[card]"] * (1 << 16))
    assert redact("4" * (1 << 20)) == ("4" * (1 << 20), 0)
